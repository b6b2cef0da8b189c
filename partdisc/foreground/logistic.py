"""Logistic regression with soft targets: the classifier that foreground estimation trains on its own guesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.rows import pieces
from partdisc.threads import team

# what the weights may cost: backbones give hundreds of correlated channels, guesses are wrong here and there
PENALTY = 1e-2
STEPS = 20
LEAST_SUPPORT = 0.12  # photographs have 0.45 to 0.75, close-ups and bare grounds below 0.1


def fit_logistic(
    rows: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    penalty: float = PENALTY,
    steps: int = STEPS,
) -> tuple[Tensor, Tensor]:
    """Ridge-penalised logistic regression by L-BFGS.

    Args:
        rows: (M, C) float32, standardised.
        targets: (M,) in [0, 1].
        weights: (M,) >= 0 of each row; None counts all alike.
        penalty: factor of the squared norm of the weights beside the mean cross-entropy.
        steps: iterations at most.

    Returns:
        weight (C,) and bias ().

    >>> x = torch.tensor([[-1.0], [-0.5], [0.5], [1.0]])
    >>> weight, bias = fit_logistic(x, torch.tensor([0.0, 0, 1, 1]))
    >>> ((x @ weight + bias) > 0).tolist()
    [False, False, True, True]
    """
    importance = torch.ones_like(targets) if weights is None else weights
    total = importance.sum()
    some_rows, some_channels = pieces(rows), pieces(rows.T)
    with team(rows.device) as together:

        def slope(p: Tensor) -> tuple[Tensor, Tensor]:
            weight, bias = p[:-1], p[-1]
            logits = torch.cat(together(lambda piece: torch.addmv(bias, piece, weight), some_rows))
            misfit = F.binary_cross_entropy_with_logits(logits, targets, weight=importance, reduction="sum")
            residual = (logits.sigmoid() - targets) * (1 / total) * importance
            gradient = torch.cat(
                [*together(lambda piece: piece @ residual, some_channels), residual.sum()[None]]
            )
            gradient[:-1] += 2 * penalty * weight
            return misfit / total + penalty * weight.square().sum(), gradient

        found = minimise(slope, torch.zeros(rows.shape[1] + 1, dtype=rows.dtype, device=rows.device), steps)
    return found[:-1], found[-1]


def minimise(slope: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor, steps: int) -> Tensor:
    """Minimise a smooth convex function by L-BFGS with a strong Wolfe line search.

    Args:
        slope: gives the function's value () and gradient (P,) at parameters (P,).
        start: (P,).
        steps: iterations at most.
    """
    variable = start.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([variable], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> float:
        value, variable.grad = slope(variable.detach())
        return float(value)

    optimizer.step(closure)
    return variable.detach()


@dataclass(frozen=True)
class LinearForeground:
    """What foreground estimation learns: one linear classifier of feature cells.

    Attributes:
        mean: (C,) of the features.
        scale: (C,) deviation of the features.
        weight: (C,) of standardised features.
        bias: ().
        support: how well the evidence agreed that there are objects (see `share.support`); None where it was
            not asked, or the model was loaded from a file.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    support: float | None = None

    @property
    def is_supported(self) -> bool:
        """Whether the images have objects before a background to speak of; True where that is not known."""
        return self.support is None or self.support >= LEAST_SUPPORT

    def log_odds(self, features: Tensor) -> Tensor:
        """(...) log odds of foreground of features (..., C)."""
        weight = self.weight / self.scale
        return features.float() @ weight + (self.bias - self.mean @ weight)

    def __call__(self, features: Tensor) -> Tensor:
        """(...) probability of foreground of features (..., C), for instance one map (h, w, C)."""
        return self.log_odds(features).sigmoid()

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name; `LinearForeground(**state)` is the same again."""
        return {"mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": self.bias}
