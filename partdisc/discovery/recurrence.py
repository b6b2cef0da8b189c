"""Which parts recur: the question behind choosing K, and behind the warning that K is too large.

A part is something that objects have in common. Of an object with K parts, an even share is 1/K; a part recurs if it
takes at least half of an even share in at least half of the images. Clusters that are split ever further tell images
apart (red cars from white ones, left views from right ones) instead of parts of one object: they stop recurring, and
an object shows ever fewer of them. How many it shows is graded: e to the entropy of the parts' shares of an object,
on average over objects, which is K where each shows all parts in even shares and 1 where each shows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

EVEN_SHARE = 0.5  # of 1/K that a part must take of an object, to be seen in it
IMAGES = 0.5  # share of images in which a part must be seen, to recur
MANY = 20  # images, fewer of which say too little about what recurs to complain of it
MOST = 8  # numbers named in a complaint
ALIKE = 0.95  # correlation of two parts' scores from which they are nearly the same


@dataclass(frozen=True)
class PartSupport:
    """What the images say to K parts.

    Attributes:
        seen: for each part the share of images in which it takes at least half of an even share of the object.
        images: how many were asked.
        effective: how many parts an object shows, from 1 to K.
        alike: pairs of parts, from 1, whose scores rise and fall together.
    """

    seen: tuple[float, ...]
    images: int
    effective: float
    alike: tuple[tuple[int, int], ...] = ()

    @property
    def num_parts(self) -> int:
        """K."""
        return len(self.seen)

    @property
    def rare(self) -> tuple[int, ...]:
        """Numbers, from 1, of the parts that do not recur."""
        return tuple(number for number, share in enumerate(self.seen, start=1) if share < IMAGES)

    @property
    def recurring(self) -> int:
        """How many parts recur."""
        return self.num_parts - len(self.rare)

    def renumbered(self, order: Sequence[int]) -> PartSupport:
        """The same of parts in another order: new part i + 1 is the old `order[i] + 1`."""
        new = {old + 1: number for number, old in enumerate(order, start=1)}
        alike = sorted((min(new[a], new[b]), max(new[a], new[b])) for a, b in self.alike)
        return replace(self, seen=tuple(self.seen[old] for old in order), alike=tuple(alike))

    def complaints(self, areas: Tensor) -> list[str]:
        """What is plainly wrong with the parts, a sentence for each kind of fault; none where all is well.

        Choosing is stricter: a few rare parts are no reason to warn somebody who asked for a number.

        Args:
            areas: (K,) share of all cells that each part takes.
        """
        found = []
        empty = [int(k) + 1 for k in torch.nonzero(areas == 0).flatten()]
        rare = [number for number in self.rare if number not in empty]
        if empty:
            found.append(f"Parts {_some(empty)} win no cell of any image.")
        if self.alike:
            found.append(f"Parts nearly the same: {_some([f'{a} and {b}' for a, b in self.alike])}.")
        if rare and self.images >= MANY and self.recurring < self.num_parts / 2:
            few = f"Only {self.recurring}" if self.recurring else "None"
            found.append(
                f"{few} of {self.num_parts} parts recur from image to image; rare are parts {_some(rare)}. "
                "Ask for fewer, or for one model a folder if folders hold different kinds of objects."
            )
        return found


def _some(items: Sequence[object]) -> str:
    told = ", ".join(str(item) for item in items[:MOST])
    return told if len(items) <= MOST else f"{told} and {len(items) - MOST} more"


def measure_support(scores: Tensor, owners: Tensor) -> PartSupport:
    """What cells of many images say to their parts.

    Args:
        scores: (m, K) scores of cells that belong to objects; the largest decides the part.
        owners: (m,) int64 number of the image of each cell.

    >>> scores = torch.eye(3)[[0, 1, 0, 1, 2, 1]]
    >>> found = measure_support(scores, torch.tensor([0, 0, 1, 1, 2, 2]))
    >>> found.seen, round(found.effective, 3)
    ((0.6666666666666666, 1.0, 0.3333333333333333), 2.0)
    """
    K = scores.shape[1]
    owners = owners.unique(return_inverse=True)[1]
    images = int(owners.max()) + 1
    cells = torch.bincount(owners * K + scores.argmax(1), minlength=images * K).view(images, K)
    shares = cells / cells.sum(1, keepdim=True)
    seen = (shares >= EVEN_SHARE / K).double().mean(0)
    entropy = torch.special.entr(shares.double()).sum(1).mean()
    return PartSupport(tuple(seen.tolist()), images, float(entropy.exp()), _alike(scores.double().numpy()))


def _alike(scores: np.ndarray) -> tuple[tuple[int, int], ...]:
    centred = scores - scores.mean(0)
    norms = np.linalg.norm(centred, axis=0)
    correlation = (centred.T @ centred) / np.maximum(np.outer(norms, norms), 1e-12)
    return tuple((int(a) + 1, int(b) + 1) for a, b in np.argwhere(np.triu(correlation > ALIKE, 1)))
