"""Annotated and discovered parts of several runs under common keys and colours.

A discovered part that was matched is shown as its annotated part, in every run and figure; one that was matched to
the background is not shown; every other one stays itself. Where categories have matchings of their own, each image
goes by its category's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partdisc.parts import MAX_PARTS
from partdisc.render.palette import BACKGROUND_COLOR, PART_COLORS
from partdisc.render.runs import RunView
from partdisc.store.masks import Color


@dataclass(frozen=True)
class ShownPart:
    """One part: its key (from 1), name and colour."""

    key: int
    name: str
    color: Color


@dataclass(frozen=True)
class RunKeys:
    """The keys of a run's labels 0..K; 0 is not shown.

    Attributes:
        common: for images whose category has no matching of its own.
        groups: by category.
    """

    common: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]

    def of(self, category: str | None = None) -> tuple[int, ...]:
        """The keys that hold for an image of this category."""
        return self.groups.get(category or "", self.common)


@dataclass(frozen=True)
class ShownParts:
    """All parts to show.

    Attributes:
        parts: in the order of their keys.
        runs: the keys of each run's labels.
        num_annotated: the first keys 1..P are the annotated parts.
    """

    parts: tuple[ShownPart, ...]
    runs: tuple[RunKeys, ...]
    num_annotated: int = 0

    @property
    def annotation_keys(self) -> tuple[int, ...]:
        """The keys of the annotation's labels 0..P."""
        return tuple(range(self.num_annotated + 1))

    @property
    def palette(self) -> list[Color]:
        """Colours by key, entry 0 the background."""
        return [BACKGROUND_COLOR, *(part.color for part in self.parts)]


def unify_parts(runs: Sequence[RunView], annotated_names: Sequence[str] = ()) -> ShownParts:
    """Give parts that mean the same one key, and so one colour.

    Without any annotation part k of every run has key k.

    Args:
        runs: the runs to show.
        annotated_names: names of parts 1..P, or () without annotation.
    """
    if not annotated_names:
        names = list(runs[0].masks.names)
        widest = max(run.masks.num_parts for run in runs)
        names += [f"part {label}" for label in range(len(names) + 1, widest + 1)]
        keys = [RunKeys(tuple(range(run.masks.num_parts + 1)), {}) for run in runs]
        return ShownParts(_shown(names), tuple(keys))
    names = list(annotated_names)
    run_keys = []
    for run in runs:
        own = [0]
        for label in range(1, run.masks.num_parts + 1):
            if _is_unmatched_somewhere(run, label):
                name = run.masks.names.of(label)
                names.append(f"{run.name}: {name}" if len(runs) > 1 else name)
                own.append(len(names))
            else:
                own.append(0)
        groups = {group: _keys(targets, own) for group, targets in run.targets.items()}
        common = run.common_targets
        run_keys.append(RunKeys(_keys(common, own) if common else tuple(own), groups))
    return ShownParts(_shown(names), tuple(run_keys), len(annotated_names))


def _is_unmatched_somewhere(run: RunView, label: int) -> bool:
    return run.common_targets is None or run.common_targets[label] < 0


def _keys(targets: Sequence[int], own: Sequence[int]) -> tuple[int, ...]:
    return tuple(own[label] if target < 0 else target for label, target in enumerate(targets))


def _shown(names: Sequence[str]) -> tuple[ShownPart, ...]:
    return tuple(
        ShownPart(key, name, PART_COLORS[(key - 1) % len(PART_COLORS)])
        for key, name in enumerate(names, start=1)
    )


def to_keys(labels: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """Labels (H, W) as keys, uint8; ignored pixels stay 255, keys above 254 are left out."""
    table = np.zeros(256, np.uint8)
    for label, key in enumerate(keys[: MAX_PARTS + 1]):
        table[label] = key if key <= MAX_PARTS else 0
    table[255] = 255
    return table[labels]
