"""How well outlines agree: precision, recall and F-score of boundary pixels within a tolerance.

Csurka et al., "What is a good evaluation measure for semantic segmentation?" (BMVC 2013). Counts of single images
add up, as contingency tables do.
"""

from __future__ import annotations

import cv2
import numpy as np

from partdisc.checks import check_array, check_number
from partdisc.errors import DataError
from partdisc.metrics.functional.undefined import ratio

TOLERANCE = 0.0075  # of the image's diagonal, as in the paper


def boundary_counts(predicted: np.ndarray, target: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Count the boundary pixels of two masks, and those that lie near the other's boundary.

    A boundary pixel belongs to the mask and has a neighbour (of four) that does not; where the mask meets the border
    of the image there is none.

    Args:
        predicted: bool (H, W).
        target: bool (H, W).
        tolerance: what is near, as a share of the image's diagonal.

    Returns:
        int64 (4,): predicted, of these near the target's, target, of these near the predicted.

    Raises:
        DataError: if a mask is no array (H, W), or they differ in shape.

    >>> square = np.zeros((40, 40), bool); square[10:30, 10:30] = True
    >>> boundary_counts(square, np.roll(square, 1), tolerance=0.02).tolist()
    [76, 76, 76, 76]
    """
    predicted, target = _mask("predicted mask", predicted), _mask("annotated mask", target)
    if predicted.shape != target.shape:
        raise DataError(f"Expected masks of the same shape, but got {predicted.shape} and {target.shape}.")
    check_number("tolerance", tolerance)
    outlines = [_outline(predicted), _outline(target)]
    counts = np.array([outlines[0].sum(), 0, outlines[1].sum(), 0], np.int64)
    if counts[0] and counts[2]:
        radius = tolerance * np.hypot(*predicted.shape)
        rows, columns = (np.flatnonzero((outlines[0] | outlines[1]).any(axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        first, second = (outline[box] for outline in outlines)
        counts[1] = (first & _near(second, radius)).sum()
        counts[3] = (second & _near(first, radius)).sum()
    return counts


def boundary_f_score(counts: np.ndarray) -> np.ndarray:
    """F-score from counts (..., 4) of `boundary_counts`: 0 where either has no boundary, NaN where both have none."""
    counts = check_array("counts", counts, "(..., 4)").astype(np.float64)
    if counts.shape[-1] != 4:
        raise DataError(
            f"Expected counts of shape (..., 4), as boundary_counts gives them, but got {counts.shape}."
        )
    precision, recall = ratio(counts[..., 1], counts[..., 0]), ratio(counts[..., 3], counts[..., 2])
    found = np.nan_to_num(ratio(2 * precision * recall, precision + recall))
    return np.where(counts[..., 0] + counts[..., 2] > 0, found, np.nan)


def _mask(name: str, mask: np.ndarray) -> np.ndarray:
    return check_array(name, mask, "(H, W)").astype(bool)


def _outline(mask: np.ndarray) -> np.ndarray:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross)  # what lies beyond the image does not erode
    return mask & (inner == 0)


def _near(outline: np.ndarray, radius: float) -> np.ndarray:
    away = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away <= radius
