"""Evidence from where things lie: backgrounds reach the image border, objects mostly do not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.factorization import KMeans
from partdisc.foreground.grids import border_mask, centre_weight
from partdisc.foreground.logistic import fit_logistic


def border_contrast(maps: Sequence[Tensor], seed: int = 0, share: float = 0.25) -> list[Tensor]:
    """How unlike a cell is to the border of its own image.

    Minus the mean cosine similarity with the `share` of the image's border cells that it resembles most: a cell
    that continues any stretch of border is background.

    Args:
        maps: standardised features (h, w, C) of each image.
        seed: not used; estimators share one signature.
        share: of the border that is compared.

    Returns:
        (h, w) for each image, within -1..1, larger on objects.

    >>> features = torch.zeros(5, 5, 2); features[..., 0] = 1; features[2, 2] = torch.tensor([0.0, 1.0])
    >>> int(border_contrast([features])[0].argmax())
    12
    """
    found = []
    for features in maps:
        h, w, _ = features.shape
        unit = F.normalize(features.float(), dim=2)
        border = unit[border_mask(h, w)]
        nearest = max(min(3, len(border)), int(len(border) * share))
        similarity = unit.flatten(0, 1) @ border.T
        found.append(-similarity.topk(nearest, dim=1).values.mean(1).view(h, w))
    return found


def border_clusters(maps: Sequence[Tensor], seed: int = 0, num_clusters: int = 24) -> list[Tensor]:
    """Clusters of all images together, scored by how rarely they lie at a border.

    Args:
        maps: standardised features (h, w, C) of each image.
        seed: of the clustering.
        num_clusters: at most.

    Returns:
        (h, w) for each image: minus the cluster's share of border cells over its share of all cells.
    """
    rows = torch.cat([m.flatten(0, 1) for m in maps]).float()
    count = min(num_clusters, len(rows))
    labels = torch.as_tensor(KMeans(count, restarts=1, max_iter=50, seed=seed).fit(rows).labels_)
    at_border = torch.zeros(count)
    anywhere = torch.zeros(count)
    parts = labels.split([m.shape[0] * m.shape[1] for m in maps])
    for features, part in zip(maps, parts, strict=True):
        edge = part[border_mask(*features.shape[:2]).flatten()]
        at_border += torch.bincount(edge, minlength=count) / len(edge)
        anywhere += torch.bincount(part, minlength=count) / len(part)
    ratio = at_border / anywhere.clamp(min=1e-9)
    return [-ratio[part].view(m.shape[:2]) for m, part in zip(maps, parts, strict=True)]


def centre_classifier(maps: Sequence[Tensor], seed: int = 0, penalty: float = 0.3) -> list[Tensor]:
    """A linear classifier of all images together that tells centre cells from border cells by their features.

    It never sees a position, so it answers what it saw often in the middle of images and seldom at borders.

    Args:
        maps: standardised features (h, w, C) of each image.
        seed: not used; estimators share one signature.
        penalty: of the squared weights; strong, for the labels are wrong often.

    Returns:
        (h, w) log odds for each image.
    """
    borders = [border_mask(*m.shape[:2]) for m in maps]
    weights = [torch.where(b, torch.ones(()), centre_weight(*b.shape)) for b in borders]
    rows = torch.cat([m.flatten(0, 1) for m in maps]).float()
    inside = torch.cat([(~b).flatten() for b in borders]).float()
    weight, bias = fit_logistic(rows, inside, torch.cat([w.flatten() for w in weights]), penalty=penalty)
    return [m.float() @ weight + bias for m in maps]


def centre_prior(maps: Sequence[Tensor], seed: int = 0) -> list[Tensor]:
    """Nothing but the distance from the middle: photographers aim at objects."""
    return [centre_weight(m.shape[0], m.shape[1], spread=0.6) for m in maps]
