"""Runs rows, each with one seed on one set in a process of its own, and keeps what they gave.

A process of its own makes the peak of its memory the row's. Results lie in the work folder under a key of all that
decides them, so that an interrupted bench goes on and single rows can be made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.features import FeatureKind, extraction_seconds, group_features
from benchmarks.quality.processes import in_processes
from benchmarks.quality.rows import find_row
from benchmarks.quality.scoring import score
from benchmarks.quality.sets import open_set
from benchmarks.quality.tasks import Clock, Place, Task
from partdisc.store.files import to_json, write_text


@dataclass(frozen=True)
class Job:
    """One row with one seed on one set."""

    bench: str
    row: str
    seed: int

    def path(self, place: Place) -> Path:
        """Where its result is kept."""
        deciding = [self.bench, find_row(self.row).identity(), self.seed, place.limit, place.draws]
        key = hashlib.sha256(json.dumps(to_json(deciding), sort_keys=True).encode()).hexdigest()[:16]
        return place.work / "results" / f"{self.bench}-{key}.json"


def run_jobs(jobs: Sequence[Job], place: Place, processes: int = 1) -> dict[Job, dict[str, Any]]:
    """Results of all jobs, made where they are not there; one that failed holds "failed" with the reason."""
    paths = {job: job.path(place) for job in jobs}  # once: the code that is part of them may change meanwhile
    todo = {path: job for job, path in paths.items() if not path.exists()}
    kinds = dict.fromkeys((j.bench, find_row(j.row).feature_kind) for j in todo.values())
    stages: tuple[tuple[Any, list[tuple[Any, ...]]], ...] = (
        (prepare_set, [(name, place) for name in dict.fromkeys(j.bench for j in todo.values())]),
        (extract, [(name, kind, place) for name, kind in kinds if kind is not None]),
        (run_job, [(job, place, path) for path, job in todo.items()]),
    )
    failed: dict[tuple[Any, ...], str] = {}
    for function, calls in stages:
        failed |= in_processes(function, calls, processes=processes, threads=place.threads)
    reasons = {call[2]: reason for call, reason in failed.items() if isinstance(call[0], Job)}
    return {
        job: {"failed": reasons[path]} if path in reasons else json.loads(path.read_text(encoding="utf-8"))
        for job, path in paths.items()
    }


def forget(jobs: Iterable[Job], place: Place) -> None:
    """Remove results, so that they are made again."""
    for job in jobs:
        job.path(place).unlink(missing_ok=True)


def prepare_set(name: str, place: Place) -> str:
    """Draw or check the images of a set."""
    bench = open_set(name, place.data, place.work, place.limit)
    return f"{name}: {sum(len(group.images) for group in bench.groups)} images"


def extract(name: str, kind: FeatureKind, place: Place) -> str:
    """Extract the features of a set."""
    bench = open_set(name, place.data, place.work, place.limit)
    for group in bench.groups:
        group_features(kind, group, place.work)
    seconds = sum(extraction_seconds(kind, group, place.work) or 0 for group in bench.groups)
    return f"{name}: features of {kind.layers or 'the default layers'}, {kind.image_size} px: {seconds:.1f} s"


def run_job(job: Job, place: Place, path: Path) -> str:
    """Run one job and keep its result in `path`."""
    row, bench, clock = find_row(job.row), open_set(job.bench, place.data, place.work, place.limit), Clock()
    found = {g.name: row(Task(bench, g, job.seed, place.work, clock)) for g in bench.groups}
    result = {**asdict(job), **asdict(clock), **score(bench, found, place.draws, outlines=job.seed == 0)}
    write_text(path, json.dumps(to_json(result)) + "\n")
    headline = result["scores"][bench.headline]
    return f"{job.bench}: {job.row}, seed {job.seed}: {bench.headline} {headline:.3f}, {clock.seconds:.1f} s"
