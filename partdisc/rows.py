"""Large arrays of rows, worked on in pieces by a team of threads."""

from __future__ import annotations

import torch
from torch import Tensor

from partdisc.threads import team


def pieces(rows: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Four pieces of a large array along one side, for a team of threads.

    Their borders lie at multiples of 64, so that a product rounds as that of the whole, whatever the threads.

    >>> [len(piece) for piece in pieces(torch.zeros(300, 2))]
    [128, 128, 44]
    """
    return rows.split(max(64, -(-rows.shape[dim] // 256) * 64), dim)


def mean_and_deviation(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (C,) of each channel of rows (n, C), some channels on each thread."""
    with team(rows.device) as together:
        deviations = together(lambda piece: piece.std(0, correction=0), pieces(rows, dim=1))
        return rows.mean(0), torch.cat(deviations)
