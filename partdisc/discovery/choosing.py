"""`num_parts="auto"`: as many parts as people usually name, and some way from there to what the images say.

What the images say is the last K of whose parts an object shows half (see `recurrence`). Alone that is too rough a
guide: features tell more parts apart than people name of one thing, and fewer of another. Annotators name few parts
of nearly everything (PartImageNet's 11 super-categories have 2 to 5, the median is 4). So K lies between the two, on
a logarithmic scale a third of the way from the latter to the former.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.discovery.inside import INSIDE, RowsInside
from partdisc.discovery.recurrence import PartSupport
from partdisc.errors import ConfigError, DataError
from partdisc.parts import MAX_PARTS
from partdisc.spacing import evenly

RANGE = (2, 16)
TYPICAL = 4  # parts that people name
SHOWN = 0.5  # share of the parts that an object must show
WEIGHT = 1 / 3  # of the images beside what is typical
SAMPLE_IMAGES = 128  # evenly spaced
SAMPLE_CELLS = 64  # of each image, evenly spaced


@dataclass(frozen=True)
class PartsChoice:
    """How K was chosen.

    Attributes:
        num_parts: K.
        shown: the largest K of whose parts an object shows enough.
        supports: what the images say to each number of parts that was tried, fewest first.
    """

    num_parts: int
    shown: int
    supports: tuple[PartSupport, ...]

    def sentence(self) -> str:
        """The reason, in one sentence."""
        why = f"of more than {self.shown} parts an object here shows less than half"
        if self.shown == self.supports[-1].num_parts:
            why = f"{self.shown} are the most tried, and an object here still shows half of them"
        return f"{self.num_parts} parts chosen, between the typical {self._typical} and {self.shown}: {why}."

    @property
    def _typical(self) -> int:
        return typical_within(self.supports[0].num_parts, self.supports[-1].num_parts)

    def to_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        curve = [
            {
                "num_parts": s.num_parts,
                "effective": s.effective,
                "recurring": s.recurring,
                "seen": list(s.seen),
            }
            for s in self.supports
        ]
        rule = {"typical": self._typical, "weight": WEIGHT, "shown_share": SHOWN, "shown": self.shown}
        return {"num_parts": self.num_parts, "reason": self.sentence(), "rule": rule, "curve": curve}


def parse_num_parts(value: Any) -> tuple[int, int]:
    """The smallest and the largest K that `num_parts` allows: equal for a number, a range for "auto" or "auto:2-16".

    Raises:
        ConfigError: if it is neither.

    >>> parse_num_parts(4), parse_num_parts("auto"), parse_num_parts("auto:3-8")
    ((4, 4), (2, 16), (3, 8))
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 1 <= value <= MAX_PARTS:
        return int(value), int(value)
    found = re.fullmatch(r"auto(?::(\d+)-(\d+))?", value) if isinstance(value, str) else None
    if found is None:
        raise ConfigError(
            f"Expected --num-parts as a whole number within 1..{MAX_PARTS}, auto or auto:2-16, but got {value!r}."
        )
    lowest, highest = RANGE if found[1] is None else (int(found[1]), int(found[2]))
    if not 1 <= lowest < highest <= MAX_PARTS:
        raise ConfigError(f"Expected --num-parts auto:A-B with 1 <= A < B <= {MAX_PARTS}, but got {value!r}.")
    return lowest, highest


def choose(supports: Sequence[PartSupport]) -> PartsChoice:
    """The number of parts to take, of those tried without a gap, fewest first."""
    curve = [(support.num_parts, support.effective) for support in supports]
    return PartsChoice(*number_between(curve), tuple(supports))


def number_between(
    curve: Sequence[tuple[int, float]],
    *,
    typical: int = TYPICAL,
    weight: float = WEIGHT,
    shown: float = SHOWN,
) -> tuple[int, int]:
    """K between what is typical and what is shown, and the latter.

    Args:
        curve: (K, how many parts an object effectively shows) for each K tried, fewest first.
        typical: number of parts expected before the images are seen.
        weight: of the images beside that, from 0 to 1.
        shown: share of its parts that an object must show.

    >>> number_between([(2, 2.0), (3, 2.7), (4, 3.2), (5, 3.4), (6, 3.5), (7, 3.6), (8, 3.6)])
    (5, 7)
    """
    supported = curve[0][0]
    for num_parts, effective in curve:
        if effective < shown * num_parts:
            break
        supported = num_parts
    typical = typical_within(curve[0][0], curve[-1][0], typical)
    return round(typical ** (1 - weight) * supported**weight), supported


def typical_within(lowest: int, highest: int, typical: int = TYPICAL) -> int:
    """The number of parts nearest to the typical one that a range allows."""
    return min(max(typical, lowest), highest)


class RowSample:
    """Cells of some objects, in memory: a source of rows that knows which image each is of.

    Args:
        features: all rows.

    Attributes:
        rows: (m, C) float32.
        owners: (m,) int64 number of the image.

    Raises:
        DataError: if no cell of the sampled images belongs to an object.
    """

    def __init__(self, features: RowsInside) -> None:
        found = [_cells(features, i) for i in evenly(range(len(features.features)), SAMPLE_IMAGES)]
        self.rows = torch.cat(found)
        if not len(self.rows):
            raise DataError("Expected cells that belong to objects, but found none. Use --foreground none.")
        self.owners = torch.arange(len(found)).repeat_interleave(torch.tensor([len(rows) for rows in found]))
        self.key, self.num_channels = features.key, features.num_channels

    @property
    def shape(self) -> tuple[int, int]:
        """(m, C)."""
        return len(self.rows), self.num_channels

    def blocks(self, max_rows: int = 65536) -> Iterator[Tensor]:
        """Rows in blocks of at most `max_rows`."""
        yield from self.rows.split(max_rows)


def _cells(features: RowsInside, index: int) -> Tensor:
    rows = features.features[index].flatten(0, 1)
    foreground = features.foreground_of(index)
    if foreground is not None:
        rows = rows[foreground.flatten() > INSIDE]
    return rows[:: -(-len(rows) // SAMPLE_CELLS) or 1].float()
