"""What the stages of a run share: its settings, its folder, those who work on it, and how they tell of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partdisc.processes import Processes
from partdisc.progress import Progress, StepLog
from partdisc.runs.settings import DiscoverSettings, Runtime
from partdisc.store.run import RunWriter


@dataclass(frozen=True)
class Job:
    """A run, or a collection of runs, while it is made. Of several processes the first alone tells of it.

    Attributes:
        settings: decide the result.
        runtime: does not.
        writer: of the record.
        processes: that do the work.
    """

    settings: DiscoverSettings
    runtime: Runtime
    writer: RunWriter
    processes: Processes

    @property
    def root(self) -> Path:
        """The folder that is written."""
        return self.writer.root

    @property
    def log(self) -> StepLog:
        """The steps of all stages."""
        return StepLog(self.root / "log.jsonl" if self.processes.first else None)

    def progress(self, stage: str, total: int) -> Progress:
        """The progress of a stage with so many items."""
        verbosity = self.runtime.verbosity if self.processes.first else 0
        return Progress(stage, total, log=self.log, verbosity=verbosity)

    def record(self, status: str = "running", **values: Any) -> None:
        """Write values into the record."""
        if self.processes.first:
            self.writer.update(status, **values)

    def say(self, text: str) -> None:
        """A line on stderr, unless silence is wanted."""
        if self.runtime.verbosity and self.processes.first:
            print(text, file=sys.stderr, flush=True)
