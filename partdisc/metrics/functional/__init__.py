"""Metrics as plain functions of one table."""

from __future__ import annotations

from partdisc.metrics.functional.agreement import ari, completeness, fg_ari, fg_nmi, nmi, purity
from partdisc.metrics.functional.boundary import boundary_counts, boundary_f_score
from partdisc.metrics.functional.contingency import contingency_table
from partdisc.metrics.functional.overlap import (
    background_iou,
    class_accuracy,
    class_iou,
    class_miou,
    class_precision,
    class_recall,
    foreground_iou,
    label_iou,
    mean_accuracy,
    part_iou,
    part_miou,
    pixel_accuracy,
)

__all__ = [
    "ari",
    "background_iou",
    "boundary_counts",
    "boundary_f_score",
    "class_accuracy",
    "class_iou",
    "class_miou",
    "class_precision",
    "class_recall",
    "completeness",
    "contingency_table",
    "fg_ari",
    "fg_nmi",
    "foreground_iou",
    "label_iou",
    "mean_accuracy",
    "nmi",
    "part_iou",
    "part_miou",
    "pixel_accuracy",
    "purity",
]
