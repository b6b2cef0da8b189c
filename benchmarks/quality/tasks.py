"""What a row is given, what it gives back, and what it costs."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.features import FeatureKind, group_features, in_order, row_ranges
from benchmarks.quality.sets import BenchSet, Group
from partdisc.discovery.inside import with_background
from partdisc.parts import PartMaps
from partdisc.store.features import FeatureSet


@dataclass(frozen=True)
class Place:
    """Where data, features and results are, and how much of the data is used.

    Attributes:
        data: folder of the annotated sets.
        work: folder for features, runs and results.
        limit: images of each set, evenly chosen; None means all.
        draws: of the bootstrap.
        threads: of each process.
    """

    data: Path
    work: Path
    limit: int | None = None
    draws: int = 1000
    threads: int = 2


@dataclass
class Clock:
    """Adds up the seconds spent within it, and knows the memory peak of the process at its last end.

    Attributes:
        seconds: on the clock.
        cpu_seconds: of all threads of the process.
        peak_mib: resident memory at most, of the whole process so far.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> Clock:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu_seconds += time.process_time() - self._start[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.peak_mib = peak / (2**20 if sys.platform == "darwin" else 2**10)


@dataclass
class Task:
    """One group of images to be labelled with one seed.

    Attributes:
        bench: the set.
        group: the images, and K.
        seed: of all random numbers.
        work: folder for features and runs.
        clock: to be entered by what is measured: learning and labelling, not the extraction of features.
    """

    bench: BenchSet
    group: Group
    seed: int
    work: Path
    clock: Clock = field(default_factory=Clock)

    def features(self, kind: FeatureKind) -> FeatureSet:
        """Features of the group's images."""
        return group_features(kind, self.group, self.work)


@dataclass(frozen=True)
class Labelled:
    """Labels of a group's images, in its order.

    Attributes:
        num_parts: how many parts the labels may have; one more than K where no background is known.
        labels: uint8 (H, W) of each image.
        maps: soft maps of each image, where there are any.
    """

    num_parts: int
    labels: list[np.ndarray]
    maps: Sequence[PartMaps] | None = None


def label_rows(
    task: Task, kind: FeatureKind, scores: np.ndarray, background: np.ndarray | None = None
) -> Labelled:
    """Labels from scores (M, K) of the rows of the features, resized bilinearly before the argmax.

    `background` (M,) is the probability of background; without it label 0 is not used.
    """
    features, group = task.features(kind), task.group
    ranges, maps = row_ranges(features.entries), []
    for position, image in zip(in_order(kind, features, group), group.images, strict=True):
        entry, rows = features.entries[position], ranges[position]
        inside = None if background is None else torch.from_numpy(1 - background[rows]).view(entry.grid)
        found = with_background(torch.from_numpy(scores[rows]).float().unflatten(0, entry.grid), inside)
        maps.append(PartMaps(found, image.size, None if kind.squash else entry.content, image.id))
    return Labelled(scores.shape[1], [m.to_labels() for m in maps], maps)
