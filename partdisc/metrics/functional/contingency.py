"""The one table everything comes from: how many pixels carry which predicted and which annotated label.

Rows are predicted labels 0..K, columns annotated labels 0..P, background in row and column 0. Tables add up over
images, workers and batches, so nothing measured here depends on how the data were split.
"""

from __future__ import annotations

import numpy as np
import torch

from partdisc.checks import check_array, check_count
from partdisc.errors import DataError
from partdisc.parts import BACKGROUND, IGNORE

LABELS = 256  # labels are 8-bit: two of them fuse into one 16-bit code
TABLE = "Make it with contingency_table."
CHUNK = 1 << 18  # pixels whose codes stay in the cache together
Labels = np.ndarray | torch.Tensor


def contingency_table(
    predicted: Labels, target: Labels, num_parts: int, num_targets: int, *, ignore_unlabelled: bool = False
) -> np.ndarray:
    """Count the pixels of each pair of predicted and annotated label.

    Annotated 255 leaves a pixel out. Predicted 255 counts as background: a prediction cannot excuse itself from
    a pixel.

    Args:
        predicted: whole numbers 0..K or 255, any shape, numpy or torch (counted on its own device).
        target: whole numbers 0..P or 255 of the same shape.
        num_parts: K.
        num_targets: P.
        ignore_unlabelled: also leave out pixels annotated 0, for sets that do not annotate the whole object.

    Returns:
        int64 array of shape (K + 1, P + 1).

    Raises:
        DataError: if shapes differ or a label is out of range.

    >>> contingency_table(np.array([[0, 1], [1, 2]]), np.array([[0, 1], [0, 255]]), 2, 1)
    array([[1, 0],
           [1, 1],
           [0, 0]])
    """
    predicted, target = as_labels(predicted, "predicted labels"), as_labels(target, "annotated labels")
    check_count("num_parts", num_parts, 0)
    check_count("num_targets", num_targets, 0)
    if tuple(predicted.shape) != tuple(target.shape):
        raise DataError(
            f"Expected prediction and annotation of the same shape, but got {tuple(predicted.shape)} and "
            f"{tuple(target.shape)}."
        )
    if isinstance(predicted, torch.Tensor) and predicted.device.type != "cpu":
        pairs = _count_on_device(predicted, torch.as_tensor(target, device=predicted.device))
    else:
        pairs = _count(_as_bytes(predicted, "predicted labels"), _as_bytes(target, "annotated labels"))
    _check_range(pairs.sum(1), num_parts, "predicted labels")
    _check_range(pairs.sum(0), num_targets, "annotated labels")
    pairs[BACKGROUND] += pairs[IGNORE]
    table = pairs[: num_parts + 1, : num_targets + 1].copy()
    if ignore_unlabelled:
        table[:, BACKGROUND] = 0
    return table


def as_counts(table: np.ndarray, axes: str = "(..., K + 1, P + 1)") -> np.ndarray:
    """A table of counts as float64, which is exact below 2^53 pixels.

    Raises:
        DataError: if it is none.
    """
    return check_array("a table of counts", table, axes, hint=TABLE).astype(np.float64, copy=False)


def as_labels(labels: Labels, name: str) -> Labels:
    """Labels as an array, or as the tensor that they are.

    Raises:
        DataError: if they are no numbers.
    """
    return labels if isinstance(labels, torch.Tensor) else check_array(name, labels, "(...)")


def _as_bytes(labels: Labels, name: str) -> np.ndarray:
    """`labels` as flat uint8, checked before the cast can wrap anything."""
    array = labels.cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if array.dtype.kind not in "bui":
        raise DataError(f"Expected {name} as whole numbers, but got {array.dtype}.")
    if array.dtype.itemsize > 1 or array.dtype.kind == "i":
        if array.size and (array.min() < 0 or array.max() > IGNORE):
            raise DataError(f"Expected {name} within 0..255, but got {array.min()}..{array.max()}.")
        array = array.astype(np.uint8)
    return array.reshape(-1)


def _count(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    pairs = np.zeros(LABELS * LABELS, np.int64)
    for start in range(0, predicted.size, CHUNK):
        codes = predicted[start : start + CHUNK].astype(np.intp)
        codes <<= 8
        codes |= target[start : start + CHUNK]
        counts = np.bincount(codes)
        pairs[: counts.size] += counts
    return pairs.reshape(LABELS, LABELS)


def _count_on_device(predicted: torch.Tensor, target: torch.Tensor) -> np.ndarray:
    for labels, name in ((predicted, "predicted labels"), (target, "annotated labels")):
        if labels.is_floating_point() or labels.is_complex():
            raise DataError(f"Expected {name} as whole numbers, but got {labels.dtype}.")
        if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) > IGNORE):
            raise DataError(
                f"Expected {name} within 0..255, but got {int(labels.min())}..{int(labels.max())}."
            )
    codes = predicted.reshape(-1).int() * LABELS + target.reshape(-1).int()
    return torch.bincount(codes, minlength=LABELS * LABELS).cpu().numpy().reshape(LABELS, LABELS)


def _check_range(counts: np.ndarray, highest: int, name: str) -> None:
    stray = np.flatnonzero(counts[highest + 1 : IGNORE]) + highest + 1
    if stray.size:
        raise DataError(f"Expected {name} within 0..{highest} or {IGNORE}, but found {int(stray[0])}.")
