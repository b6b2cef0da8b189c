"""Several clusterings of the same cells vote for one set of parts.

k-means finds other clusters from every start, and what is merged from them differs still more. What most of them
agree on is steadier, and nearer to what people call parts (Strehl and Ghosh, "Cluster ensembles", JMLR 2002; voting
after relabelling as in Dudoit and Fridlyand, Bioinformatics 2003). A linear classifier learns the votes, so that the
model stays small and new cells cost one product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from partdisc.errors import DataError
from partdisc.foreground.logistic import minimise
from partdisc.rows import pieces
from partdisc.threads import team

PENALTY = 1e-2  # what the weights may cost
STEPS = 30
SHARPNESS = 3.0  # power of the votes that the classifier learns


def mean_vote(votes: Iterable[Tensor]) -> Tensor:
    """The mean of several soft clusterings, each renumbered to agree best with the mean of those before it.

    Args:
        votes: (n, K) probabilities of each clustering, at least one.

    Returns:
        (n, K), rows summing to 1.

    Raises:
        DataError: if there are no votes.

    >>> a = torch.eye(3)[[0, 0, 1, 2]]
    >>> mean_vote([a, a[:, [2, 0, 1]]]).tolist() == a.tolist()
    True
    """
    total, count = None, 0
    for vote in votes:
        if total is None:
            total = vote.clone()
        else:
            agreement = total.T @ vote  # of part i of the sum with part j of the newcomer
            _, columns = linear_sum_assignment(-agreement.numpy())
            total += vote[:, torch.from_numpy(columns)]
        count += 1
    if total is None:
        raise DataError("Expected at least one clustering, but got none.")
    return total / count


def sharpened(votes: Tensor, power: float = SHARPNESS) -> Tensor:
    """Votes (n, K) surer of what they say: to a power, rows summing to 1 again.

    A mean of clusterings says how many agree, not how likely a part is: what most agree on is nearly certain.

    >>> sharpened(torch.tensor([[0.6, 0.4]]), 2.0)
    tensor([[0.6923, 0.3077]])
    """
    powers = votes**power
    return powers / powers.sum(1, keepdim=True)


@dataclass(frozen=True)
class LinearParts:
    """A linear classifier of feature cells with K classes.

    Attributes:
        mean: (C,) of the cells it was learnt from.
        scale: (C,) what centred features are divided by.
        weight: (C, K) of scaled rows; see `scaled`.
        bias: (K,).
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Soft parts (..., K), summing to 1, of features (..., C)."""
        return torch.softmax(scaled(features, self.mean, self.scale) @ self.weight + self.bias, dim=-1)

    def renumbered(self, order: Tensor) -> LinearParts:
        """The same parts, of which number i was `order[i]` before."""
        return LinearParts(self.mean, self.scale, self.weight[:, order].contiguous(), self.bias[order])

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name; `LinearParts(**state)` is the same again."""
        return {"mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": self.bias}


def scaled(features: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Features (..., C) centred, divided by `scale`, and brought to length √C."""
    return F.normalize((features.float() - mean) / scale, dim=-1) * len(mean) ** 0.5


def fit_softmax(
    rows: Tensor, targets: Tensor, *, penalty: float = PENALTY, steps: int = STEPS
) -> tuple[Tensor, Tensor]:
    """Ridge-penalised multinomial logistic regression on soft targets, by L-BFGS.

    Args:
        rows: (n, C) float32.
        targets: (n, K) probabilities.
        penalty: factor of the squared norm of the weights beside the mean cross-entropy.
        steps: iterations at most.

    Returns:
        weight (C, K) and bias (K,).
    """
    count, channels, classes = *rows.shape, targets.shape[1]
    some = list(zip(pieces(rows), pieces(targets), strict=True))
    with team(rows.device) as together:

        def slope(parameters: Tensor) -> tuple[Tensor, Tensor]:
            weight, bias = parameters[:-classes].view(classes, channels), parameters[-classes:]

            def share(piece: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
                rows, targets = piece
                log = F.log_softmax(F.linear(rows, weight, bias), dim=1)
                residual = (log.exp() - targets) / count
                return -(log * targets).sum() / count, torch.cat(
                    [(residual.T @ rows).flatten(), residual.sum(0)]
                )

            values, gradients = zip(*together(share, some), strict=True)
            gradient = torch.stack(gradients).sum(0)
            gradient[:-classes] += 2 * penalty * weight.flatten()
            return sum(values, penalty * weight.square().sum()), gradient

        found = minimise(slope, torch.zeros((channels + 1) * classes), steps)
    return found[:-classes].view(classes, channels).T.contiguous(), found[-classes:]
