"""The iteration all factorizations X ≈ W H share: one read of X, then H from sums.

X (M, C) is read once for each iteration: while a block of rows is in the cache, its rows of W are updated and
its share of WᵀX and WᵀW is added up; H is then updated from these (K, C) and (K, K) sums alone, and the loss
follows from them in closed form, ‖X − WH‖² = ‖X‖² − 2⟨WᵀX, H⟩ + ⟨WᵀW, HHᵀ⟩, so W H is never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.threads import spread
from partdisc.factorization.updates import projected_gradient

Step = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]


@dataclass(frozen=True)
class Factorization:
    """X ≈ W H, and how it was found.

    Attributes:
        W: activations of shape (M, K), >= 0.
        H: basis of shape (K, C); >= 0 for NMF, of any sign for semi-NMF.
        loss_history: ½ ‖X − W H‖² at the start and after each iteration; never rises.
        n_iter: iterations done.
        converged: whether the stopping rule was met before `max_iter`.
        square: ‖X‖².
    """

    W: Any
    H: Any
    loss_history: list[float]
    n_iter: int
    converged: bool
    square: float

    @property
    def loss(self) -> float:
        """½ ‖X − W H‖² at the end."""
        return self.loss_history[-1]

    @property
    def reconstruction_err(self) -> float:
        """‖X − W H‖, scikit-learn's measure."""
        return (2 * self.loss) ** 0.5

    @property
    def relative_error(self) -> float:
        """‖X − W H‖ / ‖X‖; 0 where X is zero."""
        return (2 * self.loss / self.square) ** 0.5 if self.square > 0 else 0.0


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
class Rule:
    """How a solver moves and when it stops.

    Attributes:
        update_w: step (V, gram, product) for the rows of W in one block, in place.
        update_h: step for H, in place.
        finished: tells from the loss history, the projected gradient norms and `tol` whether to stop.
    """

    update_w: Step
    update_h: Step
    finished: Callable[[list[float], list[float], float], bool]


def iterate(
    reader: BlockReader,
    W: torch.Tensor,
    H: torch.Tensor,
    rule: Rule,
    *,
    square: float,
    max_iter: int,
    tol: float,
) -> Factorization:
    """Alternate from the start W (K, M), H (K, C), both changed in place, until the rule says stop.

    Also stops once the loss no longer falls measurably: by less than its own rounding, or to nothing at all.

    Returns:
        The factorization, with W as a (M, K) tensor.
    """
    # W = 0 is how a start says that the first pass shall find W; its loss needs no reading
    history = [loss_of(sums_over(reader, W, H), H, square) if W.any() else 0.5 * square]
    gradients: list[float] = []
    converged = False
    while len(gradients) < max_iter and not converged:
        sums = sums_over(reader, W, H, rule.update_w)
        gradient = sums.gradient + _update_basis(H, sums, rule.update_h)
        gradients.append(gradient.sqrt().item())
        loss = loss_of(sums, H, square)
        stalled = not loss < history[-1]
        history.append(min(loss, history[-1]))
        converged = stalled or rule.finished(history, gradients, tol)
    return Factorization(W.T.contiguous(), H, history, len(gradients), converged, square)


def sums_over(
    reader: BlockReader, W: torch.Tensor, H: torch.Tensor, update_w: Step | None = None
) -> Statistics:
    """Read X once, updating W (K, M) block by block, in place, if there is a step for it."""
    gram = H @ H.T
    product = torch.zeros(H.shape, dtype=torch.float64, device=H.device)
    total = torch.zeros(gram.shape, dtype=torch.float64, device=H.device)
    gradient = torch.zeros((), dtype=torch.float64, device=H.device)

    def visit(item: tuple[slice, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, block = item
        part, steepness = W[:, rows], torch.zeros_like(gradient)
        if update_w is not None:
            target = H @ block.T
            steepness = projected_gradient(part, gram, target).double().square().sum()
            update_w(part, gram, target)
        return part @ block, part @ part.T, steepness

    for shares in spread(visit, reader, H.device):
        for whole, share in zip((product, total, gradient), shares, strict=True):
            whole += share
    return Statistics(product, total, gradient)


def loss_of(sums: Statistics, H: torch.Tensor, square: float) -> float:
    """½ ‖X − W H‖² from the sums of one pass, in float64; never below zero by rounding."""
    basis = H.double()
    cross = (sums.product * basis).sum()
    model = (sums.gram * (basis @ basis.T)).sum()
    return max(0.0, 0.5 * (square - 2 * cross + model).item())


def _update_basis(H: torch.Tensor, sums: Statistics, step: Step) -> torch.Tensor:
    gram, product = sums.gram.to(H.dtype), sums.product.to(H.dtype)
    gradient = projected_gradient(H, gram, product).double().square().sum()
    step(H, gram, product)
    return gradient
