"""Two labellings of one view of an object: how many of its pixels changed their part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.errors import DataError
from partdisc.parts import BACKGROUND, IGNORE


@dataclass(frozen=True)
class LabelChanges:
    """Counts of pixels; counts of several images add up.

    Attributes:
        object: that carry a part in one labelling or in both.
        changed: of those, with another label, the background counted as one.
        shared: that carry a part in both.
        moved: of those, with another part.
    """

    object: int = 0
    changed: int = 0
    shared: int = 0
    moved: int = 0

    def __add__(self, other: LabelChanges) -> LabelChanges:
        return LabelChanges(*(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """All four, in order."""
        return self.object, self.changed, self.shared, self.moved

    @property
    def error(self) -> float | None:
        """Share of the object's pixels whose label changes; None where there is no object."""
        return self.changed / self.object if self.object else None

    @property
    def part_error(self) -> float | None:
        """Share of the pixels that both call object whose part changes; None where there are none."""
        return self.moved / self.shared if self.shared else None

    def to_json(self) -> dict[str, float | int | None]:
        """Both errors and all counts, for a file."""
        return {"error": self.error, "part_error": self.part_error, **vars(self)}


def label_changes(first: np.ndarray, second: np.ndarray) -> LabelChanges:
    """Compare two labellings (H, W) of the same pixels: 0 background, 1..K parts, 255 not counted.

    Raises:
        DataError: if their shapes differ.

    >>> found = label_changes(np.array([[0, 1, 1, 2]]), np.array([[1, 1, 2, 0]]))
    >>> found.counts, found.error, found.part_error
    ((4, 3, 2, 1), 0.75, 0.5)
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise DataError(f"Expected labels of one shape, but got {first.shape} and {second.shape}.")
    counted = (first != IGNORE) & (second != IGNORE)
    either = counted & ((first != BACKGROUND) | (second != BACKGROUND))
    both = counted & (first != BACKGROUND) & (second != BACKGROUND)
    differ = first != second
    return LabelChanges(*(int(np.count_nonzero(m)) for m in (either, either & differ, both, both & differ)))
