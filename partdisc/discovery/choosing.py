"""`num_parts="auto"`: the largest K whose parts recur (see `recurrence`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from partdisc.discovery.inside import INSIDE, RowsInside
from partdisc.discovery.recurrence import EVEN_SHARE, IMAGES, STRAYS, PartSupport
from partdisc.errors import ConfigError, DataError
from partdisc.foreground.grids import evenly
from partdisc.parts import MAX_PARTS

RANGE = (2, 16)
SAMPLE_IMAGES = 128  # evenly spaced
SAMPLE_CELLS = 64  # of each image, evenly spaced


@dataclass(frozen=True)
class PartsChoice:
    """How K was chosen.

    Attributes:
        num_parts: K.
        supports: what the images say to each number of parts that was tried, fewest first.
    """

    num_parts: int
    supports: tuple[PartSupport, ...]

    def sentence(self) -> str:
        """The reason, in one sentence."""
        by_count = {support.num_parts: support for support in self.supports}
        chosen, further = by_count[self.num_parts], by_count.get(self.num_parts + 1)
        text = f"{self.num_parts} parts chosen: {chosen.recurring} of them recur"
        if further is None:
            return f"{text}, and no more were tried."
        return f"{text}, of {further.num_parts} parts only {further.recurring} would."

    def to_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        curve = [
            {"num_parts": s.num_parts, "recurring": s.recurring, "seen": list(s.seen)} for s in self.supports
        ]
        rule = {"even_share": EVEN_SHARE, "images": IMAGES, "strays": STRAYS}
        return {"num_parts": self.num_parts, "reason": self.sentence(), "rule": rule, "curve": curve}


def parse_num_parts(value: Any) -> tuple[int, int]:
    """The smallest and the largest K that `num_parts` allows: equal for a number, a range for "auto" or "auto:2-16".

    Raises:
        ConfigError: if it is neither.

    >>> parse_num_parts(4), parse_num_parts("auto"), parse_num_parts("auto:3-8")
    ((4, 4), (2, 16), (3, 8))
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PARTS:
        return value, value
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
    """The largest number of parts up to which every number is supported; the smallest tried, if that is not."""
    chosen = supports[0].num_parts
    for support in supports:
        if not support.supported:
            break
        chosen = support.num_parts
    return PartsChoice(chosen, tuple(supports))


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
    rows = features.features[index].flatten(0, 1).float()
    foreground = features.foreground_of(index)
    if foreground is not None:
        rows = rows[foreground.flatten() > INSIDE]
    return rows[:: -(-len(rows) // SAMPLE_CELLS) or 1]
