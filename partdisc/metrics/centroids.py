"""Where the parts of one image are: one point for each part, from soft maps or from hard labels."""

from __future__ import annotations

import numpy as np

from partdisc.errors import DataError
from partdisc.parts import PartMaps, check_labels


def map_centroids(maps: PartMaps, *, threshold: float | None = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Centres of mass of the soft maps, in pixels of the image, pixel centres at whole numbers from 0.

    Maps that are not probabilities are first divided by their sum over channels, so that `threshold` means the
    same for every method.

    Args:
        maps: of one image.
        threshold: a part whose map stays at or below it everywhere is absent; None: no part is.

    Returns:
        centroids float64 (K, 2) as (x, y), 0 for a map without mass, and presence bool (K,).
    """
    soft = probabilities(maps.maps)[1:]
    rows, columns = maps.content or soft.shape[1:]
    height, width = maps.size
    # centres of the grid's cells as pixel coordinates; cells beyond the image weigh nothing
    ys = (np.arange(soft.shape[1]) + 0.5) * height / rows - 0.5
    xs = (np.arange(soft.shape[2]) + 0.5) * width / columns - 0.5
    soft = soft * np.outer(np.arange(soft.shape[1]) < rows, np.arange(soft.shape[2]) < columns)
    mass = soft.sum((1, 2))
    x, y = soft.sum(1) @ xs, soft.sum(2) @ ys
    centroids = np.divide([x, y], mass, out=np.zeros((2, len(mass))), where=mass > 0).T
    present = mass > 0 if threshold is None else soft.max((1, 2)) > threshold
    return centroids, present


def probabilities(maps: np.ndarray) -> np.ndarray:
    """Maps (K + 1, h, w) divided by their sum over channels; 0 where nothing responds."""
    maps = np.asarray(maps, np.float64)
    total = maps.sum(0)
    return np.divide(maps, total, out=np.zeros_like(maps), where=total > 0)


def label_centroids(labels: np.ndarray, num_parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Centroids of hard part labels, in pixels; a part without pixels is absent.

    Args:
        labels: whole numbers 0..K or 255, (H, W).
        num_parts: K.

    Returns:
        centroids float64 (K, 2) as (x, y), 0 where absent, and presence bool (K,).

    >>> centroids, present = label_centroids(np.array([[1, 1, 0], [0, 0, 0]]), 2)
    >>> centroids.tolist(), present.tolist()
    ([[0.5, 0.0], [0.0, 0.0]], [True, False])
    """
    labels = check_labels(labels, num_parts).astype(np.intp)
    flat = labels.ravel()
    height, width = labels.shape
    xs, ys = np.tile(np.arange(width), height), np.repeat(np.arange(height), width)
    count = np.bincount(flat, minlength=256)[1 : num_parts + 1]
    sums = [np.bincount(flat, weights=axis, minlength=256)[1 : num_parts + 1] for axis in (xs, ys)]
    centroids = np.divide(sums, count, out=np.zeros((2, num_parts)), where=count > 0).T
    return centroids, count > 0


def labels_at(labels: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """The labels (H, W) at the pixels nearest to points (N, 2); points outside read the edge.

    Raises:
        DataError: if a coordinate is not finite.
    """
    if not np.isfinite(xy).all():
        raise DataError("Expected finite coordinates, but a point is NaN or infinite.")
    height, width = labels.shape
    columns = np.clip(np.rint(xy[:, 0]), 0, width - 1).astype(np.intp)
    rows = np.clip(np.rint(xy[:, 1]), 0, height - 1).astype(np.intp)
    return labels[rows, columns]
