"""What one pass over X tells: its sum of squares, mean and smallest value."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.checks import check_finite, check_non_negative
from partdisc.threads import spread


@dataclass(frozen=True)
class Survey:
    """Statistics of X, in float64.

    Attributes:
        square: ‖X‖², the sum of squares.
        mean: the mean of all entries.
        smallest: the smallest entry.
    """

    square: float
    mean: float
    smallest: float


def survey(reader: BlockReader, *, signed: bool = False) -> Survey:
    """Read X once.

    Raises:
        DataError: if X holds NaN or infinity, or a negative entry where `signed` is False.
    """
    square = torch.zeros((), dtype=torch.float64, device=reader.device)
    total, smallest = square.clone(), torch.full_like(square, torch.inf)
    for of_square, of_total, of_smallest in spread(_survey_block, reader, reader.device):
        square += of_square
        total += of_total
        smallest = torch.minimum(smallest, of_smallest)
    reader.processes.add_up(square, total)
    M, C = reader.place()[1], reader.shape[1]
    found = Survey(square.item(), total.item() / (M * C), min(reader.processes.gather(smallest.item())))
    check_finite(found.square)
    if not signed:
        check_non_negative(found.smallest)
    return found


def _survey_block(item: tuple[slice, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    block = item[1]
    # row by row in the working precision, then in double: exact to its last digits whatever the size of X
    square = torch.linalg.vector_norm(block, dim=1).double().square().sum()
    return square, block.sum(dim=1).double().sum(), block.min().double()
