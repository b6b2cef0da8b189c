"""The iteration all factorizations X ≈ W H share: one read of X, then H from sums.

X (M, C) is read once for each iteration (see `passes`); H is then updated from the (K, C) and (K, K) sums alone, and
the loss follows from them in closed form, ‖X − WH‖² = ‖X‖² − 2⟨WᵀX, H⟩ + ⟨WᵀW, HHᵀ⟩, so W H is never formed. On an
accelerator nothing inside an iteration waits for the host; its loss is read back once, at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.budgets import Deadline
from partdisc.factorization.passes import Passenger, Statistics, Step, loss_of, push_on, read_once
from partdisc.factorization.updates import hals_sweep, projected_gradient

FILLING_SWEEPS = 6  # for a W that starts at zero
MOMENTUM = 0.7  # at most
MOMENTUM_STEP = 0.25  # what the momentum gains with every step that succeeds
LEAST_GAIN = 0.5  # times `tol`: a share of the loss by which an iteration that is worth its time lowers it


@dataclass(frozen=True)
class Factorization:
    """X ≈ W H, and how it was found.

    Attributes:
        W: activations of shape (M, K), >= 0.
        H: basis of shape (K, C); >= 0 for NMF, of any sign for semi-NMF.
        loss_history: ½ ‖X − W H‖² at the start and after each iteration; never rises.
        n_iter: iterations done.
        converged: whether the stopping rule was met before `max_iter`, or the time, ran out.
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
class Rule:
    """How a solver moves and when it stops.

    Attributes:
        update_w: step (V, gram, product) for the rows of W in one block, in place.
        update_h: step for H, in place.
        finished: tells from the loss history and the projected gradient norms whether to stop.
        max_iter: iterations at most.
        momentum: up to which share of its last move each factor is pushed on before it is updated.
    """

    update_w: Step
    update_h: Step
    finished: Callable[[list[float], list[float]], bool]
    max_iter: int
    momentum: float = 0.0


class Descent:
    """One factorization under way from the start W (K, M), H (K, C), both changed in place.

    With momentum this is the extrapolation of Ang and Gillis (2019): where it makes the loss rise, the step is taken
    back and the next one goes without. A plain step after which the loss has not fallen ends the iteration too: what
    could be gained is less than the loss's own rounding.
    """

    def __init__(
        self, reader: BlockReader, W: torch.Tensor, H: torch.Tensor, rule: Rule, square: float
    ) -> None:
        self.W, self.H, self.rule, self.square = W, H, rule, square
        self.older_W, self.older_H = reader.columns(len(W)).copy_(W), H.clone()
        self.history: list[float] = []
        self.gradients: list[float] = []
        self.weight, self.empty, self.converged = 0.0, False, False

    @property
    def under_way(self) -> bool:
        """Whether there is something left to do."""
        return not self.converged and len(self.gradients) < self.rule.max_iter

    def begin(self, reader: BlockReader) -> None:
        """Find the loss of the start; a W of zeros is filled by the first pass, and its loss needs no reading."""
        reader.processes.agree(self.H)
        started = bool(self.W.numel()) and bool(self.W.max() > 0)
        self.empty = not any(reader.processes.gather(started))
        first = 0.5 * self.square
        if not self.empty:
            sums = read_once(reader, [Passenger(self.W, self.H)])[0]
            first = reader.processes.from_first(partial(loss_of, sums, self.H, self.square))
        self.history.append(first)

    def board(self) -> Passenger:
        """Push H on and join the next pass."""
        push_on(self.H, self.older_H, self.weight)
        step = _fill if self.empty and not self.gradients else self.rule.update_w
        return Passenger(self.W, self.H, step, self.older_W, self.weight)

    def take(self, sums: Statistics, reader: BlockReader) -> None:
        """Update H from the sums of the pass, and decide how to go on."""
        gradient = sums.gradient + self._update_basis(sums)
        reader.processes.agree(self.H, gradient)
        self.gradients.append(gradient.sqrt().item())
        loss = reader.processes.from_first(partial(loss_of, sums, self.H, self.square))
        fell = loss < self.history[-1]
        self.history.append(min(loss, self.history[-1]))
        if fell:
            self.converged = self.rule.finished(self.history, self.gradients)
            self.weight = min(self.weight + MOMENTUM_STEP, self.rule.momentum)
        else:
            self.W.copy_(self.older_W)
            self.H.copy_(self.older_H)
            self.converged, self.weight = self.weight == 0, 0.0

    def result(self) -> Factorization:
        """What was found, W as (M, K)."""
        return Factorization(self.W.T, self.H, self.history, len(self.gradients), self.converged, self.square)

    def _update_basis(self, sums: Statistics) -> torch.Tensor:
        H, gram, product = self.H, sums.gram.to(self.H.dtype), sums.product.to(self.H.dtype)
        gradient = projected_gradient(H, gram, product).double().square().sum()
        self.rule.update_h(H, gram, product)
        return gradient


def descend(
    reader: BlockReader, descents: Sequence[Descent], deadline: Deadline | None = None
) -> list[Factorization]:
    """Go on with all descents, X being read once for one iteration of each, until every one stops.

    Args:
        reader: X.
        descents: factorizations of this X.
        deadline: ends all of them after the iteration in which it passes.
    """
    for descent in descents:
        descent.begin(reader)
    late = False
    while not late and (moving := [descent for descent in descents if descent.under_way]):
        passes = read_once(reader, [descent.board() for descent in moving])
        for descent, sums in zip(moving, passes, strict=True):
            descent.take(sums, reader)
        late = deadline is not None and reader.processes.from_first(deadline.passed)
    return [descent.result() for descent in descents]


def gradient_fell(history: list[float], gradients: list[float], tol: float) -> bool:
    """Whether the projected gradient has fallen to `tol` of its first norm, or the loss hardly falls any more."""
    gain = history[-2] - history[-1]
    return gradients[-1] <= tol * gradients[0] or gain < LEAST_GAIN * tol * history[-1]


def _fill(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> None:
    hals_sweep(V, gram, product, sweeps=FILLING_SWEEPS)
