"""Overlapping part instances become one label map by a named rule.

largest-first   instances painted by falling area, so that small parts survive (default)
smallest-id     a pixel goes to the lowest part id among the instances that cover it
most            a pixel goes to the part with the most instances there, ties to the lowest id
file-order      later entries paint over earlier ones
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from partdisc.errors import ConfigError
from partdisc.parts import IGNORE


class PartInstance(NamedTuple):
    """One annotated part: its id in 1..P (255: a region to ignore) and where it is, bool (H, W)."""

    part: int
    mask: np.ndarray


def paint(
    instances: Sequence[PartInstance], size: tuple[int, int], rule: str = "largest-first"
) -> np.ndarray:
    """Paint instances into one label map.

    A region to ignore takes its turn among the parts by area and by file order; by "smallest-id" and "most" it
    shows only where no part lies.

    Args:
        instances: part ids 1..P or 255, masks of shape (H, W).
        size: (H, W).
        rule: one of `OVERLAP_RULES`.

    Returns:
        uint8 array (H, W): 0 background, 1..P parts, 255 ignored.

    Raises:
        ConfigError: if there is no such rule.

    >>> large, small = np.ones((1, 3), bool), np.array([[False, True, False]])
    >>> paint([PartInstance(1, small), PartInstance(2, large)], (1, 3))
    array([[2, 1, 2]], dtype=uint8)
    """
    check_overlap_rule(rule)
    labels = np.zeros(size, np.uint8)
    order = _ORDERS["smallest-id" if rule == "most" else rule]  # the highest id first, and 255 is the highest
    for instance in order(instances):
        labels[instance.mask] = instance.part
    return _give_to_most(instances, labels) if rule == "most" else labels


def check_overlap_rule(rule: str) -> str:
    """Return `rule`, or raise a ConfigError that lists the rules there are."""
    if rule not in OVERLAP_RULES:
        raise ConfigError(f"Expected an overlap rule among {', '.join(OVERLAP_RULES)}, but got {rule!r}.")
    return rule


def _give_to_most(instances: Sequence[PartInstance], labels: np.ndarray) -> np.ndarray:
    best = np.zeros(labels.shape, np.int32)
    for part in sorted({instance.part for instance in instances} - {IGNORE}):
        votes = np.asarray(sum(i.mask.astype(np.int32) for i in instances if i.part == part))
        wins = votes > best  # strictly: ties stay with the lower id
        labels[wins], best[wins] = part, votes[wins]
    return labels


Order = Callable[[Sequence[PartInstance]], Sequence[PartInstance]]
_ORDERS: dict[str, Order] = {
    # sorted() is stable: equal areas keep the order of the file
    "largest-first": lambda parts: sorted(parts, key=lambda i: -int(np.count_nonzero(i.mask))),
    "smallest-id": lambda parts: sorted(parts, key=lambda i: -i.part),
    "file-order": lambda parts: parts,
}
OVERLAP_RULES = (*_ORDERS, "most")
