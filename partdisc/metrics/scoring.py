"""The scores of a result: for one table, for a stack of them, and for groups of images with a matching each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partdisc.metrics import functional as F
from partdisc.metrics.functional.undefined import nan_mean
from partdisc.metrics.grouping import select_matchings
from partdisc.metrics.matching import Matching, MatchRule, fold, match_parts
from partdisc.metrics.tables import ImageTables, membership

Score = Callable[[np.ndarray], np.ndarray]
# what needs a matching, and what does not; the order of every table and file
MATCHED: dict[str, Score] = {
    "part_miou": F.part_miou,
    "background_iou": F.background_iou,
    "foreground_iou": F.foreground_iou,
    "pixel_accuracy": F.pixel_accuracy,
    "mean_accuracy": F.mean_accuracy,
    "class_miou": F.class_miou,
}
UNMATCHED: dict[str, Score] = {
    "nmi": F.nmi,
    "ari": F.ari,
    "fg_nmi": F.fg_nmi,
    "fg_ari": F.fg_ari,
    "purity": F.purity,
    "completeness": F.completeness,
}
SCORES = tuple(name for name in (*MATCHED, *UNMATCHED) if name != "class_miou")
CHUNK = 256  # groups whose dense tables are held at once


def score_tables(
    tables: np.ndarray, targets: np.ndarray, names: Sequence[str] = SCORES
) -> dict[str, np.ndarray]:
    """Scores of every table.

    Args:
        tables: counts of shape (..., K + 1, P + 1).
        targets: (..., K + 1) the annotated label that each discovered label was matched to, -1 for none.
        names: which scores.

    Returns:
        score name -> float64 array of shape (...); NaN where undefined.
    """
    confusion = fold(tables, targets)
    return {name: MATCHED[name](confusion) if name in MATCHED else UNMATCHED[name](tables) for name in names}


@dataclass(frozen=True)
class GroupedScores:
    """Scores of groups of images.

    Attributes:
        matchings: group -> the matching used.
        scores: score -> float64 (G,).
        confusion: int64 (P + 2, P + 1), the matched tables of all groups added up.
    """

    matchings: dict[str, Matching]
    scores: dict[str, np.ndarray]
    confusion: np.ndarray


def score_groups(
    tables: ImageTables,
    names: Sequence[str],
    groups: np.ndarray,
    rule: MatchRule,
    matchings: Mapping[str, Matching] | None = None,
    scores: Sequence[str] = SCORES,
) -> GroupedScores:
    """Add up tables by group, match each group, score each.

    Args:
        tables: one for each of N images.
        names: of the G groups.
        groups: int (N,), the group of each image.
        rule: how matchings are fitted.
        matchings: group -> a matching fitted elsewhere, used as it is.
        scores: which scores.
    """
    sums = (membership(groups, len(names)) @ tables.matrix()).tocsr()
    used: dict[str, Matching] = {}
    found, confusion = [], np.zeros((tables.shape[1] + 1, tables.shape[1]), np.int64)
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        dense = sums[start : start + CHUNK].toarray().reshape(-1, *tables.shape)
        if matchings is None:
            fitted = {n: match_parts(table, rule=rule) for n, table in zip(chunk, dense, strict=True)}
        else:
            fitted = select_matchings(matchings, chunk, tables.shape)
        targets = targets_of(list(fitted.values()))
        found.append(score_tables(dense, targets, scores))
        confusion += fold(dense, targets).sum(0)
        used |= fitted
    merged = {name: np.concatenate([part[name] for part in found]) for name in scores}
    return GroupedScores(used, merged, confusion)


def mean_over_groups(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mean of every score over the last axis; groups where it is undefined are left out."""
    return {name: nan_mean(values) for name, values in scores.items()}


def targets_of(matchings: Sequence[Matching]) -> np.ndarray:
    """The targets of several matchings as one int array (G, K + 1)."""
    return np.array([matching.targets for matching in matchings], np.int64)
