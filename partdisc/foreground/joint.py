"""Evidence from the structure of the features themselves: their first joint direction, and cuts of each image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.foreground.grids import border_mask


def first_factor(maps: Sequence[Tensor], seed: int = 0) -> list[Tensor]:
    """The first principal component of all cells of all images, turned away from the borders.

    Args:
        maps: standardised features (h, w, C) of each image.
        seed: not used; estimators share one signature.

    Returns:
        (h, w) for each image.
    """
    rows = F.normalize(torch.cat([m.flatten(0, 1) for m in maps]).float(), dim=1)
    centred = rows - rows.mean(0)
    _, vectors = torch.linalg.eigh((centred.T @ centred).double())
    scores = (centred @ vectors[:, -1].float()).split([m.shape[0] * m.shape[1] for m in maps])
    found = [s.view(m.shape[:2]) for s, m in zip(scores, maps, strict=True)]
    inward = sum(float(_inward(s)) for s in found)
    return found if inward >= 0 else [-s for s in found]


def spectral_cut(maps: Sequence[Tensor], seed: int = 0, floor: float = 0.2) -> list[Tensor]:
    """The second eigenvector of each image's normalised cut (Shi and Malik, PAMI 2000), turned from the border.

    Args:
        maps: standardised features (h, w, C) of each image.
        seed: not used; estimators share one signature.
        floor: cosine similarity up to which two cells count as unlike.

    Returns:
        (h, w) for each image.
    """
    found = []
    for features in maps:
        h, w, _ = features.shape
        unit = F.normalize(features.float().flatten(0, 1), dim=1)
        affinity = (unit @ unit.T - floor).clamp(min=1e-5)
        root = affinity.sum(1).rsqrt()
        _, vectors = torch.linalg.eigh((root[:, None] * affinity * root).double())
        second = vectors[:, -2 if len(unit) > 1 else -1].float() * root
        score = (second / second.std(correction=0).clamp(min=1e-12)).view(h, w)
        found.append(score if _inward(score) >= 0 else -score)
    return found


def _inward(score: Tensor) -> Tensor:
    """How much higher a score is inside than at the border; 0 where all cells are border."""
    border = border_mask(*score.shape)
    return torch.zeros(()) if bool(border.all()) else score[~border].mean() - score[border].mean()
