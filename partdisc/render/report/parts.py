"""Which parts a report shows: annotated and discovered parts of several runs under common keys and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from partdisc.render.palette import BACKGROUND_COLOR, PART_COLORS
from partdisc.render.runs import RunView
from partdisc.store.masks import Color


@dataclass(frozen=True)
class ShownPart:
    """One part of the report: its key (from 1), name and colour."""

    key: int
    name: str
    color: Color


@dataclass(frozen=True)
class ShownParts:
    """All parts of the report.

    Attributes:
        parts: in the order of their keys.
        run_keys: for each run the key of each of its labels 0..K; 0 is not shown.
        num_annotated: the first keys 1..P are the annotated parts.
    """

    parts: tuple[ShownPart, ...]
    run_keys: tuple[tuple[int, ...], ...]
    num_annotated: int = 0

    @property
    def annotation_keys(self) -> tuple[int, ...]:
        """The keys of the annotation's labels 0..P."""
        return tuple(range(self.num_annotated + 1))

    def run_palette(self, run: int) -> list[Color]:
        """Colours of a run's labels 0..K; what is not shown has the background's."""
        return [self.parts[key - 1].color if key else BACKGROUND_COLOR for key in self.run_keys[run]]


def unify_parts(runs: Sequence[RunView], annotated_names: Sequence[str] = ()) -> ShownParts:
    """Give parts that mean the same one key, and so one colour.

    A discovered part that was matched is shown as its annotated part; one that was matched to the background is not
    shown; every other one stays itself. Without any annotation part k of every run has key k.

    Args:
        runs: the runs of the report.
        annotated_names: names of parts 1..P, or () without annotation.
    """
    names = list(annotated_names)
    if not names:
        widest = max(runs, key=lambda run: run.masks.num_parts)
        names = list(widest.masks.names)
        keys = [tuple(range(run.masks.num_parts + 1)) for run in runs]
        return ShownParts(_shown(names), tuple(keys))
    run_keys = []
    for run in runs:
        targets = run.targets or (0, *[-1] * run.masks.num_parts)
        keys_of_run = [0]
        for label, target in enumerate(targets[1:], start=1):
            if target < 0:
                own = run.masks.names.of(label)
                names.append(f"{run.name}: {own}" if len(runs) > 1 else own)
            keys_of_run.append(target if target >= 0 else len(names))
        run_keys.append(tuple(keys_of_run))
    return ShownParts(_shown(names), tuple(run_keys), len(annotated_names))


def _shown(names: Sequence[str]) -> tuple[ShownPart, ...]:
    return tuple(
        ShownPart(key, name, PART_COLORS[(key - 1) % len(PART_COLORS)])
        for key, name in enumerate(names, start=1)
    )
