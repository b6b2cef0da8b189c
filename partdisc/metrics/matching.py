"""Which discovered part is which annotated part.

One-to-one: the assignment with the largest sum of IoU (or of shared pixels), of equal ones that which shares most
pixels, found by the Hungarian method (Kuhn, 1955; `scipy.optimize.linear_sum_assignment`). Many-to-one: every
discovered part goes to the annotated part, or the background, with which it shares most pixels (or has the largest
IoU).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from partdisc.errors import ConfigError, DataError
from partdisc.metrics.functional.contingency import as_counts
from partdisc.metrics.functional.overlap import label_iou

ASSIGNMENTS = ("one-to-one", "many-to-one")
CRITERIA = ("iou", "pixels")
UNMATCHED = -1
TIE = 1e-9  # what shared pixels weigh beside IoU, so that they decide where sums are equal


@dataclass(frozen=True)
class MatchRule:
    """How a matching is fitted to a table.

    Attributes:
        assignment: "one-to-one" or "many-to-one".
        by: "iou" or "pixels"; None means "iou" for one-to-one and "pixels" for many-to-one.
        background: for predictions that never use label 0: "largest" first declares the discovered part that
            covers most annotated background to be the background, a number declares that part; "none" leaves
            all as they are.
        background_class: the background is a class to be matched like any part (STEGO, Leopart), instead of label
            0 meaning background on both sides.

    Raises:
        ConfigError: if a value is unknown.
    """

    assignment: str = "one-to-one"
    by: str | None = None
    background: str | int = "none"
    background_class: bool = False

    def __post_init__(self) -> None:
        if self.assignment not in ASSIGNMENTS:
            raise ConfigError(
                f"Expected an assignment of {' or '.join(ASSIGNMENTS)}, but got {self.assignment!r}."
            )
        if self.by not in (*CRITERIA, None):
            raise ConfigError(f"Expected matching by {' or '.join(CRITERIA)}, but got {self.by!r}.")
        if self.background not in ("none", "largest") and not isinstance(self.background, int):
            raise ConfigError(f"Expected background none, largest or a part, but got {self.background!r}.")

    @property
    def criterion(self) -> str:
        """`by`, with its default filled in."""
        return self.by or ("iou" if self.assignment == "one-to-one" else "pixels")


@dataclass(frozen=True)
class Matching:
    """The annotated label of every discovered label.

    Attributes:
        targets: for each discovered label 0..K the annotated label 0..P, or -1 if it matches nothing.
        num_targets: P.
        background: the discovered part that was declared to be the background, if one was.
    """

    targets: tuple[int, ...]
    num_targets: int
    background: int | None = None

    def discovered(self, target: int) -> list[int]:
        """The discovered labels matched to an annotated label."""
        return [label for label, matched in enumerate(self.targets) if matched == target]


def match_parts(
    table: np.ndarray, *, assignment: str = "one-to-one", by: str | None = None, rule: MatchRule | None = None
) -> Matching:
    """Match discovered with annotated parts.

    A pair that shares no pixel is unmatched, and so is a part that never occurs on its side.

    Args:
        table: counts of shape (K + 1, P + 1).
        assignment: "one-to-one" or "many-to-one".
        by: "iou" or "pixels"; default "iou" for one-to-one, "pixels" for many-to-one.
        rule: all of the above and more in one object; given, it wins.

    Raises:
        ConfigError: if a rule is unknown.
        DataError: if the table is none.

    >>> match_parts(np.array([[9, 0, 0], [0, 1, 5], [1, 4, 0]])).targets
    (0, 2, 1)
    """
    rule = rule or MatchRule(assignment, by)
    if not isinstance(rule, MatchRule):
        raise ConfigError(f"Expected a MatchRule, but got {rule!r}.")
    counts = as_counts(table, "(K + 1, P + 1)").copy()
    if 0 in counts.shape:
        raise DataError(f"Expected a table of shape (K + 1, P + 1), but got {counts.shape}.")
    background = _declared_background(counts, rule.background)
    if background is not None:
        counts[0] += counts[background]
        counts[background] = 0
    targets = _one_to_one(counts, rule) if rule.assignment == "one-to-one" else _many_to_one(counts, rule)
    if background is not None:
        targets[background] = targets[0]
    return Matching(tuple(int(target) for target in targets), counts.shape[1] - 1, background)


def _declared_background(counts: np.ndarray, background: str | int) -> int | None:
    if background == "none":
        return None
    if isinstance(background, int):
        if not 1 <= background < counts.shape[0]:
            raise ConfigError(
                f"Expected the background to be a part 1..{counts.shape[0] - 1}, but got {background}."
            )
        return background
    best = 1 + int(counts[1:, 0].argmax())
    return best if counts[best, 0] > 0 else None


def _one_to_one(counts: np.ndarray, rule: MatchRule) -> np.ndarray:
    first = 0 if rule.background_class else 1
    score = _score(counts, rule)[first:, first:]
    shared = counts[first:, first:] / max(counts.sum(), 1)
    rows, columns = linear_sum_assignment(score + TIE * shared, maximize=True)
    targets = np.full(counts.shape[0], UNMATCHED)
    real = score[rows, columns] > 0
    targets[rows[real] + first] = columns[real] + first
    if not rule.background_class:
        targets[0] = 0
    return targets


def _many_to_one(counts: np.ndarray, rule: MatchRule) -> np.ndarray:
    score = _score(counts, rule)
    targets = np.where(score.max(1) > 0, score.argmax(1), UNMATCHED)
    if not rule.background_class:
        targets[0] = 0
    return targets


def _score(counts: np.ndarray, rule: MatchRule) -> np.ndarray:
    return np.nan_to_num(label_iou(counts)) if rule.criterion == "iou" else counts


def fold(table: np.ndarray, targets: np.ndarray | tuple[int, ...]) -> np.ndarray:
    """Add up the rows of a contingency table by what they were matched to.

    Args:
        table: counts of shape (..., K + 1, P + 1).
        targets: (..., K + 1) annotated label of each row, -1 for unmatched.

    Returns:
        confusion of shape (..., P + 2, P + 1), dtype of the table: row p is what was predicted as label p, the
        last row what matches nothing.

    >>> fold(np.array([[9, 1], [2, 3], [4, 5]]), (0, 1, -1))
    array([[9, 1],
           [2, 3],
           [4, 5]])
    """
    table, targets = np.asarray(table), np.asarray(targets)
    num_rows = table.shape[-1] + 1
    member = (targets % num_rows)[..., None, :] == np.arange(num_rows)[:, None]  # -1 becomes the last row
    return member.astype(table.dtype) @ table
