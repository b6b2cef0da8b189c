"""Fine clusters merged to parts: how unlike their colours are, and in what order they merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

HALF_SURE = 5  # images in which two clusters met, from which half of what colours may weigh is believed


@dataclass(frozen=True)
class ColourDistances:
    """How unlike clusters are in colour, and how sure that is.

    Attributes:
        apart: (M, M) float64 distances.
        certainty: (M, M) in [0, 1); 0 of clusters that were never seen in one image.
    """

    apart: np.ndarray
    certainty: np.ndarray


def colour_distances(
    colours: np.ndarray, weights: np.ndarray, labels: np.ndarray, cells: Sequence[int], count: int
) -> ColourDistances:
    """How differently coloured two clusters are where they meet in one image.

    Args:
        colours: (n, 3) CIELAB of the cells of the images' objects, image by image; see `lab_colours`.
        weights: (n,) > 0 of each cell.
        labels: (n,) cluster of each cell.
        cells: number of cells of each image.
        count: number of clusters.

    Returns:
        Distances of mean colours over the colours' deviation inside the object, averaged over images with weight
        min of the two masses; drawn to the overall mean where little was seen.
    """
    if not len(labels):
        return ColourDistances(np.zeros((count, count)), np.zeros((count, count)))
    images = np.repeat(np.arange(len(cells)), cells)
    deviation = _deviations(colours, weights, images, len(cells)) + 3
    places = images * count + labels

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(places, values, len(cells) * count).reshape(len(cells), count)

    mass = sums(weights)
    means = np.stack([sums(weights * channel) for channel in colours.T], axis=2)
    means /= np.maximum(mass, 1e-6)[..., None]
    length = np.square(means).sum(2)
    apart = -2 * means @ means.transpose(0, 2, 1)
    apart += length[:, :, None]
    apart += length[:, None]
    np.sqrt(np.maximum(apart, 0, out=apart), out=apart)
    mass = np.where(mass > 1, mass, 0)
    shared = np.minimum(mass[:, :, None], mass[:, None])
    total = shared.sum(0)
    distances = np.einsum("iab,iab,i->ab", shared, apart, 1 / deviation)
    typical = distances.sum() / max(total.sum(), 1e-12)
    each = total.sum() / max(np.count_nonzero(shared), 1)  # what a pair shares in an image where it meets
    return ColourDistances(
        (distances + 2 * typical) / (total + 2), total / np.maximum(total + HALF_SURE * each, 1e-12)
    )


def meetings(weights: np.ndarray, labels: np.ndarray, cells: Sequence[int], count: int) -> np.ndarray:
    """How much clusters occur in the same images: 1 as much as two clusters do on average, or more, 0 never.

    Args:
        weights: (n,) >= 0 of the cells of the images' objects, image by image.
        labels: (n,) cluster of each cell.
        cells: number of cells of each image.
        count: number of clusters.

    Returns:
        (count, count) in [0, 1]: the cosine of what each image holds of the two, as roots of weights, over its mean.

    >>> meetings(np.ones(6), np.array([0, 1, 0, 1, 0, 2]), (2, 2, 2), 3).round(1).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    images = np.repeat(np.arange(len(cells)), cells)
    held = np.bincount(images * count + labels, weights, len(cells) * count).reshape(len(cells), count)
    roots = np.sqrt(held / np.maximum(held.sum(0), 1e-12))
    cosines = roots.T @ roots
    pairs = cosines[np.triu_indices(count, 1)]
    return np.minimum(cosines / max(pairs.mean(), 1e-12) if len(pairs) else cosines, 1)


def _deviations(colours: np.ndarray, weights: np.ndarray, images: np.ndarray, count: int) -> np.ndarray:
    """How far the colours of each of `count` images lie from their mean, (count,)."""
    mass = np.maximum(np.bincount(images, weights, count), 1e-12)
    means = np.stack([np.bincount(images, weights * channel, count) / mass for channel in colours.T], axis=1)
    spread = np.square(colours - means[images]).sum(1)
    return np.asarray(np.sqrt(np.bincount(images, weights * spread, count) / mass))


def lab_colours(picture: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """The mean colours of cells, CIELAB on OpenCV's scale of 0..255.

    Args:
        picture: (h * n, w * n, 3) uint8 RGB.
        grid: (h, w).

    Returns:
        (h, w, 3) float64.
    """
    cells = cv2.resize(picture, grid[::-1], interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cells, cv2.COLOR_RGB2LAB).astype(np.float64)


def merge_clusters(
    centers: Tensor,
    masses: np.ndarray,
    num_parts: int,
    colours: ColourDistances | None = None,
    *,
    colour_share: float = 0.25,
    evenness: float = 0.3,
    met: np.ndarray | None = None,
    exclusion: float = 0.0,
) -> np.ndarray:
    """Merge fine clusters to K parts, the cheapest pair first.

    A pair costs the mean squared distance between members, times (m₁m₂ / (m₁ + m₂)) ** `evenness`. Ward's rule has
    evenness 1 and makes parts of one size; average linkage has 0 and leaves stray clusters alone. Parts of objects
    are unlike in size, but none is a speck.

    Args:
        centers: (M, C) of the fine clusters.
        masses: (M,) cells of each.
        num_parts: K <= M.
        colours: distances in colour; see `colour_distances`.
        colour_share: of colours beside features in the squared distance of clusters whose colours are certain.
        evenness: see above.
        met: (M, M) in [0, 1]; see `meetings`.
        exclusion: from 0 to 1, what is taken off the distance of clusters that never meet in an image: these may be
            one part of different kinds of objects, while clusters that meet are parts of one.

    Returns:
        (M,) int: the part, 0..K-1, of each fine cluster.

    >>> merge_clusters(torch.tensor([[0.0], [0.1], [5.0]]), np.ones(3), 2).tolist()
    [0, 0, 1]
    """
    squared = _normalised(torch.cdist(centers, centers).double().numpy())
    if colours is not None:
        share = colour_share * colours.certainty
        squared = (1 - share) * squared + share * _normalised(colours.apart)
    if met is not None:
        squared = squared * (1 - exclusion * (1 - met))
    size = masses.astype(np.float64) + 1
    total = squared * size[:, None] * size  # of a pair of parts: sum over pairs of members

    def costs(total: np.ndarray, size: np.ndarray, others: np.ndarray) -> np.ndarray:
        pairs = size * others
        return total / pairs * (pairs / (size + others)) ** evenness

    every = costs(total, size[:, None], size)
    cost = np.where(np.tri(len(size), k=-1, dtype=bool), every, np.inf)
    parts, gone = np.arange(len(size)), np.zeros(len(size))
    for _ in range(len(size) - num_parts):
        b, a = divmod(int(cost.argmin()), len(size))
        parts[parts == b] = a
        total[a] += total[b]
        total[:, a] += total[:, b]
        size[a] += size[b]
        gone[b] = np.inf
        cost[b], cost[:, b] = np.inf, np.inf
        new = costs(total[a], size[a], size) + gone
        cost[a, :a], cost[a + 1 :, a] = new[:a], new[a + 1 :]
    return np.unique(parts, return_inverse=True)[1]


def _normalised(distances: np.ndarray) -> np.ndarray:
    """Squared distances, those of different clusters scaled by their mean."""
    pairs = distances[np.triu_indices(len(distances), 1)]
    return np.square(distances / max(pairs.mean(), 1e-12)) if len(pairs) else np.square(distances)
