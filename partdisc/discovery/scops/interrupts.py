"""Ctrl-C and SIGTERM wait until a training step is whole, so that what it left can be kept."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

HELD = (signal.SIGINT, signal.SIGTERM)


class HeldInterrupts:
    """A context in which the first interrupt is noted only; `release` lets it act, a second one acts at once.

    Signals that nobody handles (SIGTERM, where the program did not ask for it) are left alone; outside of the main
    thread all are.

    Args:
        grace: seconds after the first within which a second interrupt says nothing new: torchrun passes on to its
            processes what the terminal has told them already.

    Attributes:
        waiting: whether an interrupt was held back.
    """

    def __init__(self, grace: float = 0.0) -> None:
        self.waiting, self.grace, self._first = False, grace, 0.0
        self._act: Callable[[], object] = lambda: None
        self._previous: dict[int, Callable[[int, FrameType | None], object]] = {}

    def __enter__(self) -> HeldInterrupts:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in HELD}
            self._previous = {number: handler for number, handler in handlers.items() if callable(handler)}
            for number in self._previous:
                signal.signal(number, self._hold)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if kind is None:
            self.release()

    def release(self) -> None:
        """Do now what the interrupt would have done."""
        act, self._act, self.waiting = self._act, lambda: None, False
        act()

    def _hold(self, number: int, frame: FrameType | None) -> None:
        previous, now = self._previous[number], time.monotonic()
        if self.waiting:
            if now - self._first > self.grace:
                previous(number, frame)
            return
        self.waiting, self._first = True, now
        self._act = lambda: previous(number, None)
