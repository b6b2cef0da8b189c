"""The scores of a result, for one table or for a stack of them, and their mean over groups of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from partdisc.metrics import functional as F
from partdisc.metrics.functional.undefined import nan_mean
from partdisc.metrics.matching import Matching, fold

# what needs a matching, and what does not; the order of every table and file
MATCHED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "part_miou": F.part_miou,
    "background_iou": F.background_iou,
    "foreground_iou": F.foreground_iou,
    "pixel_accuracy": F.pixel_accuracy,
    "mean_accuracy": F.mean_accuracy,
}
UNMATCHED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nmi": F.nmi,
    "ari": F.ari,
    "fg_nmi": F.fg_nmi,
    "fg_ari": F.fg_ari,
    "purity": F.purity,
    "completeness": F.completeness,
}
EXTRA: dict[str, Callable[[np.ndarray], np.ndarray]] = {"class_miou": F.class_miou}
SCORES = (*MATCHED, *UNMATCHED)


def score_tables(tables: np.ndarray, targets: np.ndarray, extra: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Every score of every table.

    Args:
        tables: counts of shape (..., K + 1, P + 1).
        targets: (..., K + 1) the annotated label that each discovered label was matched to, -1 for none.
        extra: names of scores that only some protocols count ("class_miou").

    Returns:
        score name -> float64 array of shape (...); NaN where undefined.
    """
    confusion = fold(tables, targets)
    scores = {name: score(confusion) for name, score in MATCHED.items()}
    scores |= {name: score(tables) for name, score in UNMATCHED.items()}
    return scores | {name: EXTRA[name](confusion) for name in extra}


def mean_over_groups(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mean of every score over the last axis; groups where it is undefined are left out."""
    return {name: nan_mean(values) for name, values in scores.items()}


def targets_of(matchings: Sequence[Matching]) -> np.ndarray:
    """The targets of several matchings as one int array (G, K + 1)."""
    return np.array([matching.targets for matching in matchings], np.int64)
