"""The iteration all factorizations X ≈ W H share: one read of X, then H from sums.

X (M, C) is read once for each iteration: while a block of rows is in the cache, its rows of W are updated and
its share of WᵀX and WᵀW is added up; H is then updated from these (K, C) and (K, K) sums alone, and the loss
follows from them in closed form, ‖X − WH‖² = ‖X‖² − 2⟨WᵀX, H⟩ + ⟨WᵀW, HHᵀ⟩, so W H is never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.updates import hals_sweep, projected_gradient
from partdisc.threads import spread

Step = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]

FILLING_SWEEPS = 6  # for a W that starts at zero
MOMENTUM_STEP = 0.25  # what the momentum gains with every step that succeeds


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
        momentum: up to which share of its last move each factor is pushed on before it is updated.
    """

    update_w: Step
    update_h: Step
    finished: Callable[[list[float], list[float], float], bool]
    momentum: float = 0.0


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

    With momentum this is the extrapolation of Ang and Gillis (2019): where it makes the loss rise, the step is taken
    back and the next one goes without. A plain step after which the loss has not fallen ends the iteration too: what
    could be gained is less than the loss's own rounding.

    Returns:
        The factorization, with W as a (M, K) tensor.
    """
    processes = reader.processes
    processes.agree(H)
    empty = not any(processes.gather(bool(W.numel()) and bool(W.max() > 0)))
    # a zero W is found by the first pass; its loss needs no reading
    history = [0.5 * square if empty else loss_of(sums_over(reader, W, H), H, square)]
    gradients: list[float] = []
    older_W, older_H = reader.columns(len(W)).copy_(W), H.clone()
    weight, converged = 0.0, False
    while len(gradients) < max_iter and not converged:
        update_w = _fill if empty and not gradients else rule.update_w
        _push_on(H, older_H, weight)
        sums = sums_over(reader, W, H, update_w, older_W, weight)
        gradient = sums.gradient + _update_basis(H, sums, rule.update_h)
        processes.agree(H, gradient)
        gradients.append(gradient.sqrt().item())
        loss = processes.from_first(partial(loss_of, sums, H, square))
        fell = loss < history[-1]
        history.append(min(loss, history[-1]))
        if fell:
            converged = rule.finished(history, gradients, tol)
            weight = min(weight + MOMENTUM_STEP, rule.momentum)
        else:
            W.copy_(older_W)
            H.copy_(older_H)
            converged, weight = weight == 0, 0.0
    return Factorization(W.T, H, history, len(gradients), converged, square)


def sums_over(
    reader: BlockReader,
    W: torch.Tensor,
    H: torch.Tensor,
    update_w: Step | None = None,
    older_W: torch.Tensor | None = None,
    weight: float = 0.0,
) -> Statistics:
    """Read X once, updating W (K, M) block by block, in place, if there is a step for it.

    `older_W`, if given, is W before the last step; W is first pushed on by `weight` of that step, and `older_W`
    becomes what W was.
    """
    gram = H @ H.T
    product = torch.zeros(H.shape, dtype=torch.float64, device=H.device)
    total = torch.zeros(gram.shape, dtype=torch.float64, device=H.device)
    gradient = torch.zeros((), dtype=torch.float64, device=H.device)

    def visit(item: tuple[slice, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, block = item
        part, steepness = W[:, rows], torch.zeros_like(gradient)
        if older_W is not None:
            _push_on(part, older_W[:, rows], weight)
        if update_w is not None:
            target = H @ block.T
            steepness = projected_gradient(part, gram, target).double().square().sum()
            update_w(part, gram, target)
        return part @ block, part @ part.T, steepness

    for shares in spread(visit, reader, H.device):
        for whole, share in zip((product, total, gradient), shares, strict=True):
            whole += share
    reader.processes.add_up(product, total, gradient)
    return Statistics(product, total, gradient)


def _fill(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> None:
    hals_sweep(V, gram, product, sweeps=FILLING_SWEEPS)


def _push_on(V: torch.Tensor, older: torch.Tensor, weight: float) -> None:
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


def _update_basis(H: torch.Tensor, sums: Statistics, step: Step) -> torch.Tensor:
    gram, product = sums.gram.to(H.dtype), sums.product.to(H.dtype)
    gradient = projected_gradient(H, gram, product).double().square().sum()
    step(H, gram, product)
    return gradient
