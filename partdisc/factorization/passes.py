"""One read of X for any number of factorizations: the block pass all solvers share.

While a block of rows is in the cache, the rows of every W are updated and their shares of WᵀX and WᵀW added up. The
products with X are those of all bases at once, so several factorizations cost one read and one large product
instead of many small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.precision import multiply
from partdisc.factorization.updates import projected_gradient
from partdisc.threads import spread

Step = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]


@dataclass(frozen=True)
class Statistics:
    """What one pass over X leaves behind; enough to update H and to know the loss.

    Attributes:
        product: WᵀX of shape (K, C), float64.
        gram: WᵀW of shape (K, K), float64.
        gradient: sum of squares of the projected gradient with respect to W, before its update.
    """

    product: torch.Tensor
    gram: torch.Tensor
    gradient: torch.Tensor


@dataclass(frozen=True)
class Passenger:
    """One factorization's share in a pass.

    Attributes:
        W: (K, M), changed in place if there is a step for it.
        H: (K, C).
        update_w: the step for the rows of W.
        older_W: W before the last step; W is first pushed on by `weight` of that step, and `older_W` becomes what W
            was.
        weight: see `older_W`.
    """

    W: torch.Tensor
    H: torch.Tensor
    update_w: Step | None = None
    older_W: torch.Tensor | None = None
    weight: float = 0.0


def sums_over(
    reader: BlockReader, W: torch.Tensor, H: torch.Tensor, update_w: Step | None = None
) -> Statistics:
    """Read X once for a single factorization, updating W (K, M) block by block, in place, if there is a step."""
    return read_once(reader, [Passenger(W, H, update_w)])[0]


def read_once(reader: BlockReader, passengers: Sequence[Passenger]) -> list[Statistics]:
    """Read X once and update every W block by block, in place."""
    ranks = [len(p.H) for p in passengers]
    basis, grams = _joined([p.H for p in passengers]), [p.H @ p.H.T for p in passengers]
    moving = any(p.update_w is not None for p in passengers)
    zeros = partial(torch.zeros, dtype=torch.float64, device=reader.device)
    product, totals, gradients = zeros(basis.shape), [zeros(K, K) for K in ranks], zeros(len(ranks))

    def visit(item: tuple[slice, torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        rows, block = item
        steepness = torch.zeros_like(gradients)
        targets = multiply(basis, block.T, reader.precision).split(ranks) if moving else [None] * len(ranks)
        for n, (p, gram, target) in enumerate(zip(passengers, grams, targets, strict=True)):
            part = p.W[:, rows]
            if p.older_W is not None:
                push_on(part, p.older_W[:, rows], p.weight)
            if p.update_w is not None:
                steepness[n] = (
                    torch.linalg.vector_norm(projected_gradient(part, gram, target)).double().square()
                )
                p.update_w(part, gram, target)
        parts = [p.W[:, rows] for p in passengers]
        return multiply(_joined(parts), block, reader.precision), [V @ V.T for V in parts], steepness

    for share, squares, steepness in spread(visit, reader.for_products(), reader.device):
        product += share
        gradients += steepness
        for total, square in zip(totals, squares, strict=True):
            total += square
    reader.processes.add_up(product, gradients, *totals)
    return [Statistics(*all_three) for all_three in zip(product.split(ranks), totals, gradients, strict=True)]


def push_on(V: torch.Tensor, older: torch.Tensor, weight: float) -> None:
    """V becomes V + weight (V - older), but not below zero, and `older` what V was; both in place."""
    pushed = torch.lerp(older, V, 1 + weight).clamp_(min=0) if weight else None
    older.copy_(V)
    if pushed is not None:
        V.copy_(pushed)


def loss_of(sums: Statistics, H: torch.Tensor, square: float) -> float:
    """½ ‖X − W H‖² from the sums of one pass, in float64; never below zero by rounding."""
    basis = H.double()
    cross = (sums.product * basis).sum()
    model = (sums.gram * (basis @ basis.T)).sum()
    return max(0.0, 0.5 * (square - 2 * cross + model).item())


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
