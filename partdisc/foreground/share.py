"""How much of all images is object, and whether there is any to speak of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from partdisc.threads import spread

PLACE, CLASS = ("border", "classifier"), ("class", "certainty")
SHARES = tuple(0.06 * 2 ** (i / 2) for i in range(8))  # that are tried, up to 0.68
USUAL, SPREAD = 0.2, 1.0  # of objects in photographs: middle, and deviation of the share's logarithm
TRUST = 10.0  # how much a share that parts the cells better counts before one that parts them less well
MORE = 1.3  # is taken than was found: cuts take back what is too much, and seldom add what is missing


def object_share(answers: Callable[[float], Tensor]) -> float:
    """The share of cells that belong to objects: the one that parts objects from the rest best.

    A linear classifier learns the evidence as if a share of all cells were object, for several shares in turn. With
    the right one object and background are two heaps of answers; with another the border runs through a heap. The
    mean logarithm of the shares is taken, weighted by how far apart the two sides are and by how usual a share is.

    Args:
        answers: gives log odds (n,) of cells, learnt as if a share of them, within 0..1, were object.

    Returns:
        Within 0..1.
    """
    shares = np.log(SHARES)
    found = spread(lambda share: separation(answers(share), share), SHARES)
    apart = np.log(list(found))
    worth = TRUST * (apart - ((shares - math.log(USUAL)) / SPREAD) ** 2 / 2)
    weights = np.exp(worth - worth.max())
    return min(MORE * float(np.exp((weights * shares).sum() / weights.sum())), SHARES[-1])


def separation(odds: Tensor, share: float) -> float:
    """How far apart the largest `share` of log odds (n,) and the others are, greater than 0.

    Variance between the two sides over that within them (Fisher, Annals of Eugenics 1936), over the fourth root of
    size times rest: distance alone favours small shares, explained variance halves.

    >>> two_heaps = torch.cat([torch.randn(80, generator=torch.Generator().manual_seed(0)), torch.full((20,), 9.0)])
    >>> separation(two_heaps, 0.2) > separation(two_heaps, 0.3) > separation(two_heaps, 0.5)
    True
    """
    top = (odds > torch.quantile(odds, 1 - share)).float()
    explained = float(
        torch.corrcoef(torch.stack([odds, top]))[0, 1].nan_to_num().square().clamp(max=1 - 1e-6)
    )
    size = float(top.mean())
    return max(explained / (1 - explained), 1e-6) / max(size * (1 - size), 1e-6) ** 0.25


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
