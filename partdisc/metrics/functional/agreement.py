"""How well two labellings agree without any matching: NMI, ARI, purity, completeness, from a contingency table.

All functions take counts of shape (..., K + 1, P + 1) and return one float64 for each table. The background is a
label like any other; the foreground variants (`fg_`) keep the pixels annotated as a part and all predicted rows,
the background's too. Undefined is NaN: with a single cluster or a single class there is nothing to agree on
(scikit-learn returns 0 or 1 there).
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from partdisc.metrics.functional.contingency import as_counts
from partdisc.metrics.functional.undefined import ratio


def _counts(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts, rows, columns as float64, and whether both sides have two labels."""
    counts = as_counts(table)
    rows, columns = counts.sum(-1), counts.sum(-2)
    return counts, rows, columns, ((rows > 0).sum(-1) > 1) & ((columns > 0).sum(-1) > 1)


def _information(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mutual information, entropy of rows, entropy of columns (nats), and whether they are defined."""
    counts, rows, columns, defined = _counts(table)
    total = counts.sum((-2, -1))[..., None]
    row_entropy = entr(ratio(rows, total)).sum(-1)
    column_entropy = entr(ratio(columns, total)).sum(-1)
    joint = entr(ratio(counts, total[..., None])).sum((-2, -1))
    return np.maximum(row_entropy + column_entropy - joint, 0), row_entropy, column_entropy, defined


def nmi(table: np.ndarray) -> np.ndarray:
    """Normalised mutual information, `2 I / (H_rows + H_columns)`: the arithmetic mean, in [0, 1].

    >>> float(nmi(np.array([[2, 0], [0, 2]])))
    1.0
    """
    information, rows, columns, defined = _information(table)
    return np.where(defined, ratio(2 * information, rows + columns), np.nan)


def completeness(table: np.ndarray) -> np.ndarray:
    """Share of the predicted labels' entropy that the annotation explains, `I / H_rows`, in [0, 1].

    1 if all pixels of an annotated part carry the same predicted label (Rosenberg and Hirschberg, EMNLP 2007).
    """
    information, rows, _, defined = _information(table)
    return np.where(defined, ratio(information, rows), np.nan)


def purity(table: np.ndarray) -> np.ndarray:
    """Share of the pixels that carry the most frequent annotated label of their predicted one, in (0, 1]."""
    counts = as_counts(table)
    return ratio(counts.max(-1).sum(-1), counts.sum((-2, -1)))


def ari(table: np.ndarray) -> np.ndarray:
    """Adjusted Rand index (Hubert and Arabie, 1985), in [-0.5, 1].

    Pairs of pixels are counted as products that reach 10^16 at 10^8 pixels: float64 holds them, int64 would not
    hold their products. All four counts are sums of positive terms, so that nothing cancels before the last step.

    >>> float(ari(np.array([[2, 0], [0, 2]])))
    1.0
    """
    counts, rows, columns, defined = _counts(table)
    rest_of_row = rows[..., :, None] - counts
    rest_of_column = columns[..., None, :] - counts
    rest = counts.sum((-2, -1))[..., None, None] - counts - rest_of_row - rest_of_column
    both, row_only, column_only, neither = (
        (counts * other).sum((-2, -1)) for other in (counts - (counts > 0), rest_of_row, rest_of_column, rest)
    )
    agreement = 2 * (both * neither - row_only * column_only)
    largest = (both + column_only) * (column_only + neither) + (both + row_only) * (row_only + neither)
    return np.where(defined, ratio(agreement, largest), np.nan)


def fg_nmi(table: np.ndarray) -> np.ndarray:
    """NMI over the pixels annotated as a part."""
    return nmi(as_counts(table)[..., 1:])


def fg_ari(table: np.ndarray) -> np.ndarray:
    """ARI over the pixels annotated as a part."""
    return ari(as_counts(table)[..., 1:])
