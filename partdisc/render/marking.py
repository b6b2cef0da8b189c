"""What is drawn from a label map: contours, hatching, the inner point of each part."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from partdisc.errors import DataError
from partdisc.parts import BACKGROUND, IGNORE, MAX_PARTS

HATCHES = 8
_PERIOD = 24  # a multiple of every pattern's own period, so that tiles join


class InnerPoint(NamedTuple):
    """The pixel of a part that lies farthest from everything else: (x, y), that distance, the part's area."""

    label: int
    x: int
    y: int
    distance: float
    area: int


def boundaries(labels: np.ndarray, width: int = 1) -> np.ndarray:
    """Where a part ends: bool (H, W), true on the part's own pixels within `width` of another label."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    changes = cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)
    return changes & (labels != BACKGROUND) & (labels != IGNORE)


def hatch_lines(labels: np.ndarray, scale: int = 1) -> np.ndarray:
    """Lines that tell parts apart in print: bool (H, W); part k gets pattern (k - 1) mod 8.

    Args:
        labels: uint8 (H, W).
        scale: pixels per pattern unit.
    """
    y, x = np.mgrid[:_PERIOD, :_PERIOD]
    rising, falling, rows, columns = (
        (x + y) % 8 == 0,
        (x - y) % 8 == 0,
        y % 6 == 0,
        x % 6 == 0,
    )
    dots = (x % 6 < 2) & (y % 6 < 2)
    dense = (x + y) % 4 == 0
    patterns = [rising, falling, rows, columns, rising | falling, rows | columns, dots, dense]
    lines = np.zeros(labels.shape, bool)
    repeats = [-(-side // (_PERIOD * scale)) for side in labels.shape]
    for label in present_parts(labels):
        tile = np.kron(patterns[(label - 1) % HATCHES], np.ones((scale, scale), bool))
        lines |= (labels == label) & np.tile(tile, repeats)[: labels.shape[0], : labels.shape[1]]
    return lines


def present_parts(labels: np.ndarray) -> list[int]:
    """Parts with at least one pixel among labels (H, W), in order."""
    # numpy's bincount would first make each label eight bytes
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    return [int(label) for label in np.flatnonzero(counts[: MAX_PARTS + 1]) if label != BACKGROUND]


def inner_points(labels: np.ndarray) -> list[InnerPoint]:
    """The inner point of every part present, largest part first, so that small parts are drawn last.

    The point is the pole of inaccessibility, the centre of the largest circle inside the part; unlike the centroid it
    always lies on the part.

    >>> inner_points(np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1]], np.uint8))[0][:4]
    (1, 1, 1, 2.0)
    """
    points = []
    for label in present_parts(labels):
        mask = (labels == label).astype(np.uint8)
        x0, y0, width, height = cv2.boundingRect(mask)
        inside = np.pad(mask[y0 : y0 + height, x0 : x0 + width], 1)  # beyond the image is outside, too
        distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        points.append(
            InnerPoint(label, int(x) - 1 + x0, int(y) - 1 + y0, float(distance.max()), int(mask.sum()))
        )
    return sorted(points, key=lambda point: (-point.area, point.label))


def paint_masks(masks: np.ndarray) -> np.ndarray:
    """One label map of overlapping masks; small parts are drawn over large ones.

    Args:
        masks: bool (K, H, W), one mask for each part.

    Returns:
        uint8 (H, W), labels 0..K.

    Raises:
        DataError: if it is no such array.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != bool or len(masks) > MAX_PARTS:
        raise DataError(
            f"Expected at most {MAX_PARTS} bool masks (K, H, W), but got {masks.dtype} {masks.shape}."
        )
    labels = np.zeros(masks.shape[1:], np.uint8)
    areas = masks.sum((1, 2))
    for index in sorted(range(len(masks)), key=lambda i: (-areas[i], i)):
        labels[masks[index]] = index + 1
    return labels
