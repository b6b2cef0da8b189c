"""Fine clusters merged to parts: how unlike their colours are, and in what order they merge."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor


def colour_distances(
    colours: Sequence[np.ndarray], weights: Sequence[np.ndarray], labels: Sequence[np.ndarray], count: int
) -> np.ndarray:
    """How differently coloured two clusters are where they meet in one image.

    Args:
        colours: (n, 3) CIELAB of the cells of each image's object; see `lab_colours`.
        weights: (n,) > 0 of each cell.
        labels: (n,) cluster of each cell.
        count: number of clusters.

    Returns:
        (count, count) float64: distance of mean colours over the colours' deviation inside the object, averaged
        over images with weight min of the two masses; drawn to the overall mean where little was seen.
    """
    distances = np.zeros((count, count))
    total = np.zeros((count, count))
    for lab, weight, ids in zip(colours, weights, labels, strict=True):
        if not len(ids):
            continue
        mass = np.bincount(ids, weight, count)
        sums = np.stack([np.bincount(ids, weight * channel, count) for channel in lab.T], axis=1)
        means = sums / np.maximum(mass, 1e-6)[:, None]
        spread = np.square(lab - np.average(lab, axis=0, weights=weight)).sum(1)
        deviation = np.sqrt(np.average(spread, weights=weight)) + 3
        seen = mass > 1
        shared = np.minimum(mass[:, None], mass) * seen[:, None] * seen
        distances += shared * np.sqrt(np.square(means[:, None] - means).sum(2)) / deviation
        total += shared
    typical = distances.sum() / max(total.sum(), 1e-12)
    return (distances + 2 * typical) / (total + 2)


def lab_colours(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) float64 CIELAB, on OpenCV's scale of 0..255, of an image (h, w, 3) uint8 RGB."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float64)


def merge_clusters(
    centers: Tensor,
    masses: np.ndarray,
    num_parts: int,
    colours: np.ndarray | None = None,
    *,
    colour_share: float = 0.25,
    evenness: float = 0.3,
) -> np.ndarray:
    """Merge fine clusters to K parts, the cheapest pair first.

    A pair costs the mean squared distance between members, times (m₁m₂ / (m₁ + m₂)) ** `evenness`. Ward's rule has
    evenness 1 and makes parts of one size; average linkage has 0 and leaves stray clusters alone. Parts of objects
    are unlike in size, but none is a speck.

    Args:
        centers: (M, C) of the fine clusters.
        masses: (M,) cells of each.
        num_parts: K <= M.
        colours: (M, M) distances in colour; see `colour_distances`.
        colour_share: of colours beside features in the squared distance.
        evenness: see above.

    Returns:
        (M,) int: the part, 0..K-1, of each fine cluster.

    >>> merge_clusters(torch.tensor([[0.0], [0.1], [5.0]]), np.ones(3), 2).tolist()
    [0, 0, 1]
    """
    squared = _normalised(torch.cdist(centers, centers).double().numpy())
    if colours is not None:
        squared = (1 - colour_share) * squared + colour_share * _normalised(colours)
    size = masses.astype(np.float64) + 1
    total = squared * size[:, None] * size  # of a pair of parts: sum over pairs of members
    parts = [[i] for i in range(len(size))]
    while len(parts) > num_parts:
        cost = total / np.outer(size, size)
        cost *= (np.outer(size, size) / np.add.outer(size, size)) ** evenness
        cost[np.triu_indices(len(size))] = np.inf
        b, a = np.unravel_index(int(cost.argmin()), cost.shape)
        parts[a] += parts.pop(b)
        total[a] += total[b]
        total[:, a] += total[:, b]
        size[a] += size[b]
        total, size = np.delete(np.delete(total, b, 0), b, 1), np.delete(size, b)
    found = np.empty(len(masses), dtype=np.int64)
    for number, members in enumerate(parts):
        found[members] = number
    return found


def _normalised(distances: np.ndarray) -> np.ndarray:
    """Squared distances, those of different clusters scaled by their mean."""
    pairs = distances[np.triu_indices(len(distances), 1)]
    return np.square(distances / max(pairs.mean(), 1e-12)) if len(pairs) else np.square(distances)
