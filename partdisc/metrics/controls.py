"""What a score is worth: labellings that know nothing of parts, and the best that a coarse grid allows.

A grid of K cells already scores well where objects are centred, so every score is shown beside these, scored in
the same way:

grid                 the image cut into K cells, the same in every image
random_patches       the pixels nearest to each of K random points, drawn anew for every image
color_kmeans         k-means on the colours of the image alone, clusters numbered from dark to bright
grid_in_foreground   the K cells laid over the bounding box of what the method itself calls foreground; only where
                     the method has a background
resolution_ceiling   the annotation itself, averaged down to the grid of the method's maps and back up

All K cells, patches and clusters are parts: the first three controls have no background, also where the method
has one. Where the method has none and a part of it was declared to be the background, so is one of theirs.
"""

from __future__ import annotations

import zlib

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from partdisc.parts import IGNORE, PartMaps

CONTROLS = ("grid", "random_patches", "color_kmeans", "grid_in_foreground", "resolution_ceiling")
MAX_COLORS = 1024  # pixels that k-means sees; all pixels are then assigned


def image_seed(seed: int, image_id: str) -> int:
    """A seed for one image that does not depend on the order of images."""
    return zlib.crc32(f"{seed}/{image_id}".encode())


def grid_labels(size: tuple[int, int], num_parts: int) -> np.ndarray:
    """Exactly K cells of about equal area, numbered row by row: floor(sqrt(K)) rows that share K cells.

    Returns:
        uint8 array (H, W) with values 1..K.

    >>> grid_labels((2, 6), 5)
    array([[1, 1, 1, 2, 2, 2],
           [3, 3, 4, 4, 5, 5]], dtype=uint8)
    """
    height, width = size
    num_rows = int(np.sqrt(num_parts))
    bounds = np.arange(num_rows + 1) * num_parts // num_rows  # cells before each row
    ys, xs = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    # rows are as high as their share of cells, so that all cells have about the same area
    rows = np.searchsorted(bounds[1:-1] / num_parts, ys, side="right")
    labels = [bounds[row] + 1 + (xs * (bounds[row + 1] - bounds[row])).astype(int) for row in rows]
    return np.array(labels, np.uint8)


def patch_labels(size: tuple[int, int], num_parts: int, seed: int) -> np.ndarray:
    """Voronoi cells of K random points, uint8 (H, W) with values 1..K."""
    rng = np.random.default_rng(seed)
    ys, xs = rng.uniform(0, size[0], num_parts), rng.uniform(0, size[1], num_parts)
    rows, columns = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    best = np.full(size, np.inf, np.float32)
    labels = np.zeros(size, np.uint8)
    for part in range(num_parts):  # one distance map at a time keeps memory at the image's size
        distance = ((rows - ys[part]) ** 2)[:, None] + ((columns - xs[part]) ** 2).astype(np.float32)
        nearer = distance < best
        labels[nearer], best[nearer] = part + 1, distance[nearer]
    return labels


def color_labels(image: np.ndarray, num_parts: int, seed: int) -> np.ndarray:
    """k-means on the colours of one image, uint8 (H, W) with values 1..K from dark to bright.

    Args:
        image: uint8 (H, W, 3), RGB.
        num_parts: K; an image with fewer colours gets fewer labels.
        seed: of the sample of pixels and of k-means.
    """
    pixels = image.reshape(-1, 3).astype(np.float32)
    rng = np.random.default_rng(seed)
    sample = pixels[rng.choice(len(pixels), min(MAX_COLORS, len(pixels)), replace=False)]
    num_clusters = min(num_parts, len(np.unique(sample, axis=0)))
    with threadpool_limits(1):  # several threads add up in any order: other last bits, other labels
        means = KMeans(num_clusters, n_init=1, max_iter=50, random_state=seed).fit(sample).cluster_centers_
    means = means[np.argsort(means @ [0.299, 0.587, 0.114])].astype(np.float32)
    nearest = (0.5 * (means**2).sum(1) - pixels @ means.T).argmin(1)
    return (nearest + 1).astype(np.uint8).reshape(image.shape[:2])


def foreground_grid_labels(predicted: np.ndarray, num_parts: int) -> np.ndarray:
    """The grid over the bounding box of the predicted foreground, 0 outside the foreground, uint8 (H, W)."""
    foreground = (predicted > 0) & (predicted != IGNORE)
    labels = np.zeros(predicted.shape, np.uint8)
    if foreground.any():
        rows, columns = np.flatnonzero(foreground.any(1)), np.flatnonzero(foreground.any(0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        labels[box] = grid_labels(labels[box].shape, num_parts)
    return labels * foreground


def ceiling_labels(
    target: np.ndarray, grid: tuple[int, int], content: tuple[float, float] | None = None
) -> np.ndarray:
    """The annotation seen through a grid: averaged over cells, bilinearly up again, argmax.

    Args:
        target: annotated labels 0..P or 255, (H, W); ignored pixels weigh nothing.
        grid: (h, w) of the method's maps.
        content: (rows, columns) of the grid that the image covers, as in `PartMaps`.

    Returns:
        uint8 array (H, W) with values 0..P.
    """
    height, width = target.shape
    rows, columns = content or grid
    down = _averaging(height, grid[0], rows), _averaging(width, grid[1], columns)
    present = [int(label) for label in np.unique(target) if label != IGNORE]
    if len(present) < 2:
        return np.full(target.shape, present[0] if present else 0, np.uint8)
    maps = np.stack([down[0] @ (target == label).astype(np.float32) @ down[1].T for label in present])
    return np.array(present, np.uint8)[PartMaps(maps, target.shape, content).resized().argmax(0)]


def _averaging(size: int, cells: int, content: float) -> np.ndarray:
    """Matrix (cells, size) that averages pixels over the cells they overlap; cells beyond the image are 0."""
    edges = np.arange(size + 1) * content / size  # pixel borders in units of cells
    lower = np.maximum(edges[:-1], np.arange(cells)[:, None])
    upper = np.minimum(edges[1:], np.arange(1, cells + 1)[:, None])
    overlap = np.maximum(upper - lower, 0)
    total = overlap.sum(1, keepdims=True)
    return np.divide(overlap, total, out=np.zeros_like(overlap), where=total > 0).astype(np.float32)
