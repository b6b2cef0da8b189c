"""A binary mask as COCO polygons that rasterise to exactly that mask.

Polygons run along pixel edges, so every vertex is a whole number: pixel (row y, column x) is the square
from (x, y) to (x + 1, y + 1). pycocotools decides a pixel by the polygon's crossings with the vertical line
through its column's centre, and rounds a crossing at height Y to the rows from Y on, so whole-number vertices
are exact; vertical edges cross nothing, and the two sides of a slit cancel.
"""

from __future__ import annotations

import numpy as np

from partdisc.errors import DataError

Ring = list[tuple[int, int]]


def mask_to_polygons(mask: np.ndarray) -> list[list[float]]:
    """Polygons along the pixel edges of a mask, one for each 4-connected component.

    A component with holes is one polygon: each hole is joined to the boundary above it by a vertical slit of
    zero width (a keyhole). Pixels that touch at a corner only belong to different polygons.

    Args:
        mask: (H, W), boolean or numbers; what is not 0 belongs to the mask.

    Returns:
        COCO polygons [x0, y0, x1, y1, ...] in pixels, 8 numbers or more each; no polygon for an empty mask.
        pycocotools' `merge(frPyObjects(polygons, H, W))` decodes to exactly `mask`.

    Raises:
        DataError: if the mask is not two-dimensional.

    >>> mask_to_polygons(np.array([[0, 1, 1], [0, 1, 0]]))
    [[1.0, 0.0, 3.0, 0.0, 3.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0]]
    """
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise DataError(f"Expected a mask of shape (H, W), but got shape {mask.shape}.")
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return []
    y0, x0 = int(rows[0]), int(columns[0])
    padded = np.pad(mask[y0 : rows[-1] + 1, x0 : columns[-1] + 1] != 0, 1)
    rings = _trace(padded)
    return [
        [float(value) for x, y in ring for value in (x + x0, y + y0)] for ring in _join_holes(padded, rings)
    ]


def _corners(padded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners (x, y) of the pixel edges, row by row, and whether each is a saddle.

    Diagonal pixels touch at a saddle. It is listed twice: it ends one horizontal edge and begins the next.
    """
    above_left, above_right = padded[:-1, :-1], padded[:-1, 1:]
    below_left, below_right = padded[1:, :-1], padded[1:, 1:]
    odd = above_left ^ above_right ^ below_left ^ below_right
    saddle = (above_left == below_right) & (above_right == below_left) & (above_left != above_right)
    ys, xs = np.nonzero(odd | saddle)
    twice = saddle[ys, xs]
    repeats = np.where(twice, 2, 1)
    return np.repeat(xs, repeats), np.repeat(ys, repeats), np.repeat(twice, repeats)


def _vertical_partners(padded: np.ndarray, xs: np.ndarray, ys: np.ndarray, saddle: np.ndarray) -> np.ndarray:
    """For each corner the index of the other end of its vertical edge; they pair up along each column."""
    # At a saddle the first copy ends the edge on its left. Where the pixel above left is set, that copy's
    # vertical edge is the one above, else the one below: so the boundary turns around each of the two pixels
    # and they stay apart.
    first = np.zeros(len(xs), bool)
    copies = np.flatnonzero(saddle)
    first[copies[::2]] = True
    goes_up = first == padded[ys, xs]
    order = np.lexsort((np.where(saddle & goes_up, 0, 1), ys, xs))
    partners = np.empty(len(xs), np.int64)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    return partners


def _trace(padded: np.ndarray) -> list[Ring]:
    """All boundary rings as corner lists, each from its topmost (then leftmost) horizontal edge on."""
    xs, ys, saddle = _corners(padded)
    vertical = _vertical_partners(padded, xs, ys, saddle).tolist()
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    seen = bytearray(len(points))
    rings = []
    for start in range(0, len(points), 2):
        if seen[start]:
            continue
        ring: Ring = []
        corner = start
        while not seen[corner]:
            across = corner ^ 1  # corners 2i and 2i + 1 of a row are the ends of one horizontal edge
            seen[corner] = seen[across] = 1
            ring += (points[corner], points[across])
            corner = vertical[across]
        rings.append(ring)
    return rings


def _join_holes(padded: np.ndarray, rings: list[Ring]) -> list[Ring]:
    """Join every hole's ring to the boundary above it; returns the rings of the components."""
    is_hole = [not padded[ring[0][1] + 1, ring[0][0] + 1] for ring in rings]
    if not any(is_hole):
        return rings
    edges = _edge_owners(padded, rings)
    slits: dict[tuple[int, int], list[tuple[int, Ring]]] = {}
    joined: list[Ring] = []
    # A hole hangs on a ring that starts above it, and rings are ordered by their tops: from the last one
    # back, whatever hangs on a ring is complete when the ring is reached.
    for index in range(len(rings) - 1, -1, -1):
        ring = _with_slits(rings[index], index, slits)
        if not is_hole[index]:
            joined.append(ring)
            continue
        x, y = ring[0]
        top = int(np.flatnonzero(edges[:y, x])[-1])
        owner = int(edges[top, x]) - 1
        if not is_hole[
            owner
        ]:  # holes run against their component's outline; one on another hole turns with it
            ring = [ring[0], *ring[:0:-1]]
        slits.setdefault((owner, top), []).append((x, ring))
    return joined[::-1]


def _edge_owners(padded: np.ndarray, rings: list[Ring]) -> np.ndarray:
    """(H + 1, W): 1 + the index of the ring whose horizontal edge tops that pixel, 0 for none."""
    owners = np.zeros((padded.shape[0] - 1, padded.shape[1] - 2), np.int64)
    for index, ring in enumerate(rings, start=1):
        for (xa, y), (xb, _) in zip(ring[::2], ring[1::2], strict=True):
            owners[y, min(xa, xb) : max(xa, xb)] = index
    return owners


def _with_slits(ring: Ring, index: int, slits: dict[tuple[int, int], list[tuple[int, Ring]]]) -> Ring:
    """The ring with a detour down a slit and around each hole that hangs on it."""
    heights = {y for _, y in ring if (index, y) in slits}
    if not heights:
        return ring
    detoured: Ring = []
    for (xa, y), (xb, _) in zip(ring[::2], ring[1::2], strict=True):
        detoured.append((xa, y))
        if y in heights:
            low, high = min(xa, xb), max(xa, xb)
            hanging = sorted((s for s in slits[index, y] if low <= s[0] < high), reverse=xa > xb)
            for x, hole in hanging:
                detoured += [(x, y), *hole, hole[0], (x, y)]
        detoured.append((xb, y))
    return [point for point, before in zip(detoured, [None, *detoured[:-1]], strict=True) if point != before]
