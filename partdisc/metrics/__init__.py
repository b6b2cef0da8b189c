"""Scores for part masks: anybody's, against any annotation."""

from __future__ import annotations

from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.functional import (
    ari,
    contingency_table,
    fg_ari,
    fg_nmi,
    nmi,
    part_iou,
    part_miou,
)
from partdisc.metrics.matching import Matching, MatchRule, match_parts
from partdisc.metrics.result import EvaluationResult, PartScore

__all__ = [
    "EvaluationResult",
    "MatchRule",
    "Matching",
    "PartEvaluator",
    "PartScore",
    "ari",
    "contingency_table",
    "fg_ari",
    "fg_nmi",
    "match_parts",
    "nmi",
    "part_iou",
    "part_miou",
]
