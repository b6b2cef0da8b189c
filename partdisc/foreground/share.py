"""How much of all images is object: read off several pieces of evidence together, and off their sum."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from partdisc.foreground.grids import minimum_error_threshold

START = 0.25  # share of object that the mixture starts from
NARROWEST = 0.02  # variance within a class, of evidence of variance 1
ROUNDS = 80
PLACE, CLASS = ("border", "classifier"), ("class", "certainty")
AGREEING = 2.0  # two readings that differ by a larger factor do not speak of the same thing


def object_share(evidence: Tensor) -> float:
    """The share of cells that belong to objects.

    Two readings: where the sum of all evidence falls in two (Kittler and Illingworth), and the smaller class of
    `mixture_posterior`. The former is the sharper where the sum has two humps; where it has one, it splits off a
    tail. So it counts, by a geometric mean, where the mixture bears it out, and else the mixture alone.

    Args:
        evidence: (M, E) standardised, each column larger on objects.

    Returns:
        Within 0..1.
    """
    mixed = float((mixture_posterior(evidence) > 0.5).float().mean())
    total = evidence.sum(1)
    parted = float((total >= minimum_error_threshold(total)).float().mean())
    if 0 < parted <= AGREEING * mixed and mixed <= AGREEING * parted:
        return (mixed * parted) ** 0.5
    return mixed


def mixture_posterior(evidence: Tensor) -> Tensor:
    """The probability of object by a mixture of two normals whose deviations along each axis are shared.

    Expectation maximisation (Dempster, Laird and Rubin, 1977), begun with the largest sums of evidence as objects.
    Deviations of their own would let one class be all that is ordinary and the other all that is odd.

    Args:
        evidence: (M, E) standardised, each column larger on objects.

    Returns:
        (M,) in [0, 1].

    >>> evidence = torch.tensor([[-1.0, -0.5], [-0.9, -0.6], [-0.8, -0.4], [2.5, 1.5]])
    >>> mixture_posterior(evidence).round().tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    rows = evidence.double()
    total = rows.sum(1)
    posterior = (total > torch.quantile(total, 1 - START)).double()
    for _ in range(ROUNDS):
        weights = torch.stack([1 - posterior, posterior])
        mass = weights.sum(1).clamp(min=1e-9)
        means = weights @ rows / mass[:, None]
        apart = (rows[None] - means[:, None]).square()
        variance = (weights[..., None] * apart).sum((0, 1)) / len(rows) + NARROWEST
        slope = (means[1] - means[0]) / variance
        posterior = torch.sigmoid((rows - means.mean(0)) @ slope + torch.log(mass[1] / mass[0]))
    return posterior.float()


def support(evidence: Mapping[str, Tensor]) -> float | None:
    """Whether there is an object before a background at all: do evidence of place and of class agree?

    Something always lies in the middle, and some cell always looks most like a class. Only where an image shows an
    object before a background are they the same cells; in a close-up, or a mere background, nothing makes them so.

    Args:
        evidence: (M,) scores of all cells by estimator.

    Returns:
        The mean correlation, in -1..1; None where either kind of evidence is missing.
    """
    pairs = [(evidence[p], evidence[c]) for p in PLACE for c in CLASS if p in evidence and c in evidence]
    if not pairs:
        return None
    return float(torch.stack([torch.corrcoef(torch.stack(pair))[0, 1].nan_to_num() for pair in pairs]).mean())
