"""How well labels overlap: IoU, precision, recall, accuracy, in closed form from a table.

Two kinds of table come in. A *contingency table* (K+1, P+1) counts discovered against annotated labels. A
*confusion* (P+2, P+1) is what a matching makes of it (`partdisc.metrics.matching.fold`): row 0 is what was
predicted as background, row p as annotated part p, and the last row holds discovered parts that match nothing.

Every function also takes a stack of tables (..., rows, columns). Undefined is NaN: a part that never occurs in
the annotation has no score, is left out of means, and is counted by whoever reports.
"""

from __future__ import annotations

import numpy as np

from partdisc.errors import DataError
from partdisc.metrics.functional.contingency import as_counts
from partdisc.metrics.functional.undefined import nan_mean, ratio


def label_iou(table: np.ndarray) -> np.ndarray:
    """IoU of every discovered with every annotated label, background included.

    `IoU[k, p] = n[k, p] / (row_k + col_p - n[k, p])`; rows and columns count all pixels that are not ignored, so a
    part that leaks into the background pays for it.

    Args:
        table: counts of shape (..., K + 1, P + 1).

    Returns:
        float64 array of shape (..., K + 1, P + 1) in [0, 1]; NaN where neither label occurs.
    """
    counts = as_counts(table)
    rows, columns = counts.sum(-1, keepdims=True), counts.sum(-2, keepdims=True)
    return ratio(counts, rows + columns - counts)


def part_iou(table: np.ndarray) -> np.ndarray:
    """IoU of every discovered part with every annotated part.

    Args:
        table: counts of shape (..., K + 1, P + 1).

    Returns:
        float64 array of shape (..., K, P); entry [0, 0] is discovered part 1 with annotated part 1.

    >>> part_iou(np.array([[4, 1], [2, 3]]))
    array([[0.5]])
    """
    return label_iou(table)[..., 1:, 1:]


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of background and parts after matching, shape (..., P + 1); NaN for those never annotated."""
    counts = _confusion(confusion)
    matched = np.diagonal(label_iou(counts), axis1=-2, axis2=-1)
    return np.where(counts.sum(-2) > 0, matched, np.nan)


def part_miou(confusion: np.ndarray) -> np.ndarray:
    """Mean IoU over the annotated parts; an unmatched one counts 0, one that never occurs is left out.

    >>> float(part_miou(np.array([[4, 1, 0], [2, 3, 0], [0, 0, 0], [0, 0, 0]])))
    0.5
    """
    return nan_mean(class_iou(confusion)[..., 1:])


def class_miou(confusion: np.ndarray) -> np.ndarray:
    """Mean IoU with the background as one of the classes, as STEGO and Leopart count."""
    return nan_mean(class_iou(confusion))


def background_iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of the background after matching."""
    return class_iou(confusion)[..., 0]


def foreground_iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of "any part" with "any annotated part"; NaN where no part is annotated."""
    counts = _confusion(confusion)
    shared = counts[..., 1:, 1:].sum((-2, -1))
    annotated = counts[..., 1:].sum((-2, -1))
    iou = ratio(shared, counts[..., 1:, :].sum((-2, -1)) + annotated - shared)
    return np.where(annotated > 0, iou, np.nan)


def class_precision(confusion: np.ndarray) -> np.ndarray:
    """Share of the pixels predicted as each label that are annotated so, (..., P + 1); NaN if never predicted."""
    counts = _confusion(confusion)
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)[..., : counts.shape[-1]])


def class_recall(confusion: np.ndarray) -> np.ndarray:
    """Share of the pixels annotated as each label that are predicted so, (..., P + 1); NaN if never annotated."""
    counts = _confusion(confusion)
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-2))


def class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of all pixels on which prediction and annotation agree whether they are this label, (..., P + 1)."""
    counts = _confusion(confusion)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    wrong = counts.sum(-1)[..., : counts.shape[-1]] + counts.sum(-2) - 2 * hits
    total = counts.sum((-2, -1))[..., None]
    return np.where(counts.sum(-2) > 0, ratio(total - wrong, total), np.nan)


def pixel_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of all pixels, background included, whose matched label is the annotated one."""
    counts = _confusion(confusion)
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1).sum(-1), counts.sum((-2, -1)))


def mean_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean recall over the annotated parts (background left out); an unmatched part counts 0."""
    return nan_mean(class_recall(confusion)[..., 1:])


def _confusion(confusion: np.ndarray) -> np.ndarray:
    """A confusion as float64, checked to have a row for each label."""
    counts = as_counts(confusion, "(..., P + 2, P + 1)")
    if counts.shape[-2] < counts.shape[-1]:
        raise DataError(
            f"Expected a confusion of shape (..., P + 2, P + 1), but got {counts.shape}. Make it with "
            "partdisc.metrics.matching.fold."
        )
    return counts
