"""One progress line with rate and ETA on stderr; the same numbers as JSON lines in the run.

On a terminal the line is redrawn in place; elsewhere a line is printed at most every `interval` seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


class StepLog:
    """JSON lines `{"stage", "step", ...}`, one object for each step; append-only.

    Args:
        path: the file, or None to keep nothing.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else None

    def write(self, stage: str, step: int, **values: Any) -> None:
        """Append one object; floats that are not finite become null."""
        if self.path is None:
            return
        clean = {k: (None if isinstance(v, float) and v - v != 0 else v) for k, v in values.items()}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": stage, "step": step, **clean}) + "\n")

    def drop_after(self, stage: str, step: int) -> None:
        """Drop objects of `stage` beyond `step` and damaged lines: a resumed run repeats those steps."""
        if self.path is None or not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                item = json.loads(line)
            except ValueError:
                continue  # a line cut off by a kill
            if item.get("stage") != stage or item.get("step", 0) <= step:
                kept.append(line)
        partial = self.path.with_name(".partial-" + self.path.name)
        partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        os.replace(partial, self.path)


class Progress:
    """Reports how far a stage is.

    Args:
        stage: what is being done, e.g. "features".
        total: number of items, or None if unknown.
        unit: what is counted.
        log: where the same numbers go as JSON lines.
        verbosity: 0 prints nothing, 1 the line.
        interval: seconds between lines where stderr is no terminal.
        stream: where the line goes; None is stderr.
    """

    def __init__(
        self,
        stage: str,
        total: int | None,
        *,
        unit: str = "images",
        log: StepLog | None = None,
        verbosity: int = 1,
        interval: float = 5.0,
        stream: TextIO | None = None,
    ) -> None:
        self.stage, self.total, self.unit, self.done = stage, total, unit, 0
        self.log = log or StepLog()
        self.verbosity = verbosity
        self.stream = stream or sys.stderr
        self._initial = 0
        self._tty = hasattr(self.stream, "isatty") and self.stream.isatty()
        self._interval = 0.1 if self._tty else interval
        self._start = time.monotonic()
        self._shown = self._start

    def advance(self, count: int = 1, **values: Any) -> None:
        """Count `count` items as done; `values` (a loss, say) are shown and logged."""
        self.done += count
        now = time.monotonic()
        rate = (self.done - self._initial) / max(now - self._start, 1e-9)
        self.log.write(self.stage, self.done, **values)
        if now - self._shown >= self._interval:
            self._shown = now
            self._print(rate, values)

    def skip(self, count: int) -> None:
        """Count items an earlier run has done: they count towards the total, not the rate, and stay in the log."""
        self.done += count
        self._initial += count
        self.log.drop_after(self.stage, self.done)

    def _print(self, rate: float, values: dict[str, Any], end: bool = False) -> None:
        if not self.verbosity:
            return
        total = f"/{self.total}" if self.total is not None else ""
        line = f"{self.stage}: {self.done}{total} {self.unit}, {rate:.1f}/s"
        if self.total is not None and rate > 0 and not end:
            line += f", {format_seconds((self.total - self.done) / rate)} left"
        line += "".join(f", {k} {v:.4g}" if isinstance(v, float) else f", {k} {v}" for k, v in values.items())
        if self._tty:
            line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line cannot be redrawn
            self.stream.write("\r\x1b[K" + line + ("\n" if end else ""))
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        seconds = time.monotonic() - self._start
        self._print(
            (self.done - self._initial) / max(seconds, 1e-9), {"in": format_seconds(seconds)}, end=True
        )

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield `items`, counting each when the next one is asked for."""
        with self:
            for item in items:
                yield item
                self.advance()


ProgressMaker = Callable[[str, int], Progress]  # of a stage with so many items


def silent(stage: str, total: int) -> Progress:
    """A progress that shows and keeps nothing."""
    return Progress(stage, total, verbosity=0)


def format_seconds(seconds: float) -> str:
    """Seconds as people read them.

    >>> format_seconds(4.21), format_seconds(75), format_seconds(3725)
    ('4.2 s', '1:15', '1:02:05')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
