"""Cells drawn evenly from all images: enough of them say of a large set what all would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from partdisc.discovery.scaling import FeatureBlocks
from partdisc.factorization.sampling import draw_numbers
from partdisc.processes import ALONE, Processes


class DrawnCells:
    """Rows of a feature set drawn evenly without replacement, in their order: a feature set of fewer rows.

    Processes that learn together draw the same rows as one would, and each has those among its own.

    Args:
        features: all rows.
        limit: how many are drawn at most; of no more all are.
        seed: of the random numbers.

    >>> from partdisc.store.features import FeatureSet
    >>> DrawnCells(FeatureSet.from_maps([torch.zeros(9, 9, 4)]), limit=10).shape
    (10, 4)
    """

    def __init__(self, features: FeatureBlocks, limit: int, seed: int = 0) -> None:
        self.features = features
        self.processes: Processes = getattr(features, "processes", ALONE)
        self.scratch: Path | None = getattr(features, "scratch", None)
        counts = self.processes.gather(features.shape[0])
        first = sum(counts[: self.processes.rank])
        drawn = draw_numbers(sum(counts), limit, torch.Generator().manual_seed(seed)) - first
        self._own = drawn[(drawn >= 0) & (drawn < features.shape[0])]

    @property
    def shape(self) -> tuple[int, int]:
        """(rows drawn of this process, C)."""
        return len(self._own), self.features.shape[1]

    def blocks(self, max_rows: int = 4096) -> Iterator[Tensor]:
        """The rows drawn, in blocks (m, C), m <= max_rows; of few rows, each from several of the features."""
        waiting: list[Tensor] = []
        start, held = 0, 0
        for block in self.features.blocks(max_rows):
            first, stop = torch.searchsorted(self._own, torch.tensor([start, start + len(block)])).tolist()
            if held + stop - first > max_rows:
                yield torch.cat(waiting)
                waiting, held = [], 0
            if first < stop:
                waiting.append(block[self._own[first:stop] - start])
                held += stop - first
            start += len(block)
        if waiting:
            yield torch.cat(waiting)
