"""Contingency tables of single images, kept sparse: what resampling, scopes and per-image scores need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from partdisc.errors import DataError


@dataclass
class ImageTables:
    """One table of shape (K + 1, P + 1) for each image, of which only the cells that are not 0 are kept.

    Attributes:
        shape: (K + 1, P + 1).
        ids: the images' ids, None where the caller gave none.
        categories: the images' categories.
        units: the sampling units that the images come from, for example video sequences.
    """

    shape: tuple[int, int]
    ids: list[str | None] = field(default_factory=list)
    categories: list[str | None] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    _cells: list[np.ndarray] = field(default_factory=list)
    _counts: list[np.ndarray] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self, table: np.ndarray, image_id: str | None, category: str | None = None, unit: str | None = None
    ) -> None:
        """Append one image.

        Raises:
            DataError: if an image of this id was counted before.
        """
        flat = table.reshape(-1)
        cells = np.flatnonzero(flat).astype(np.int32)
        self._append(cells, flat[cells], image_id, category, unit)

    def _append(
        self,
        cells: np.ndarray,
        counts: np.ndarray,
        image_id: str | None,
        category: str | None,
        unit: str | None,
    ) -> None:
        if image_id is not None:
            if image_id in self._known:
                raise DataError(f"Expected every image once, but {image_id!r} was counted before.")
            self._known.add(image_id)
        self.ids.append(image_id)
        self.categories.append(category)
        self.units.append(unit)
        self._cells.append(cells)
        self._counts.append(counts)

    def extend(self, other: ImageTables) -> None:
        """Append all images of `other`.

        Raises:
            DataError: if the tables have another shape or share an image.
        """
        if other.shape != self.shape:
            raise DataError(f"Expected tables of shape {self.shape}, but got {other.shape}.")
        shared = self._known & other._known
        if shared:
            raise DataError(f"Expected every image once, but {min(shared)!r} was counted by both.")
        for item in zip(other._cells, other._counts, other.ids, other.categories, other.units, strict=True):
            self._append(*item)

    def subset(self, image_ids: Collection[str]) -> ImageTables:
        """The tables of some images, in their order here."""
        wanted, other = set(image_ids), ImageTables(self.shape)
        rows = zip(self._cells, self._counts, self.ids, self.categories, self.units, strict=True)
        for item in rows:
            if item[2] in wanted:
                other._append(*item)
        return other

    def matrix(self) -> sparse.csr_array:
        """All images as int64 rows of length (K + 1)(P + 1)."""
        starts = np.cumsum([0, *(cells.size for cells in self._cells)])
        cells = np.concatenate([np.zeros(0, np.int32), *self._cells])
        counts = np.concatenate([np.zeros(0, np.int64), *self._counts])
        return sparse.csr_array((counts, cells, starts), shape=(len(self), int(np.prod(self.shape))))

    def total(self) -> np.ndarray:
        """The table over all images, int64."""
        return np.asarray(self.matrix().sum(0), np.int64).reshape(self.shape)

    def grouped(self, groups: np.ndarray, num_groups: int) -> np.ndarray:
        """One table for each of a few groups of images, int64 of shape (num_groups, K + 1, P + 1)."""
        sums = membership(groups, num_groups) @ self.matrix()
        return sums.toarray().reshape(num_groups, *self.shape)


def membership(groups: Sequence[int] | np.ndarray, num_groups: int) -> sparse.csr_array:
    """Int64 matrix (num_groups, N) that adds up items by group."""
    groups = np.asarray(groups, np.int64)
    ones = np.ones(groups.size, np.int64)
    return sparse.csr_array((ones, (groups, np.arange(groups.size))), shape=(num_groups, groups.size))
