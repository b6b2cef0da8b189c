"""Rows of X drawn evenly, read through blocks."""

from __future__ import annotations

import random

import torch

from partdisc.factorization.blocks import BlockReader


def sample_rows(reader: BlockReader, limit: int, generator: torch.Generator) -> torch.Tensor:
    """At most `limit` rows of X (M, C) drawn evenly without replacement, in their order; X is read once.

    The sample is the same for each number of processes, and every one gets the whole of it.
    """
    first, M = reader.place()
    chosen = draw_numbers(M, limit, generator)
    rows = pick_rows(reader, (chosen - first).to(reader.device))
    reader.processes.add_up(rows)
    return rows


def draw_numbers(count: int, limit: int, generator: torch.Generator) -> torch.Tensor:
    """At most `limit` different numbers among 0 .. count - 1, rising; memory for those drawn alone.

    >>> draw_numbers(10**12, 3, torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    if limit >= count:
        return torch.arange(count)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.tensor(sorted(random.Random(seed).sample(range(count), limit)))


def pick_rows(reader: BlockReader, wanted: torch.Tensor) -> torch.Tensor:
    """The rows of X whose numbers are in `wanted` (m,), in that order, as a (m, C) copy; zeros for others."""
    picked = torch.zeros(len(wanted), reader.shape[1], dtype=reader.dtype, device=reader.device)
    for rows, block in reader:
        inside = (wanted >= rows.start) & (wanted < rows.stop)
        picked[inside] = block[wanted[inside] - rows.start]
    return picked
