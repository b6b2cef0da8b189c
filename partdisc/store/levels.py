"""Levels of parts: which fine parts make up each coarser one, and where a run keeps them.

levels/tree.json   {"schema": "partdisc/levels", "version": 1, "num_parts": K, "levels": [{"num_parts": k, "parts":
                   [[1, 5], [2], ...], "within": [1, 1, ...] | null}]}, coarsest first: of each part its finest
                   parts, and the part of the next coarser level that it lies within
levels/<k>/parts/  masks and maps of k parts, in the layout of a run's parts/
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.parts import IGNORE, PartMaps
from partdisc.store import files

SCHEMA = "partdisc/levels"
VERSION = 1


@dataclass(frozen=True)
class PartTree:
    """Parts 1..K and the coarser parts that they make up, level by level, each nested in the next.

    Attributes:
        num_parts: K, of the finest level.
        levels: number of parts k of a coarser level -> (K,) the part, 1..k, that each finest part belongs to; rising.

    Raises:
        DataError: if a level does not use each of its parts, or two levels are not nested.

    >>> tree = PartTree(4, {2: (1, 2, 2, 1), 3: (1, 2, 3, 1)})
    >>> tree.labels_at(2, np.array([[0, 1, 2], [3, 4, 255]], np.uint8))
    array([[  0,   1,   2],
           [  2,   1, 255]], dtype=uint8)
    >>> tree.within(3), tree.finest(2)
    ((1, 2, 2), ((1, 4), (2, 3)))
    """

    num_parts: int
    levels: Mapping[int, tuple[int, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", {k: tuple(self.levels[k]) for k in sorted(self.levels)})
        for k, parts in self.levels.items():
            if len(parts) != self.num_parts or sorted(set(parts)) != list(range(1, k + 1)):
                raise DataError(
                    f"Expected {self.num_parts} numbers that use each of 1..{k}, but got {parts}."
                )
        for above, k in itertools.pairwise(self.levels):
            if len(set(zip(self.levels[above], self.levels[k], strict=True))) > k:
                raise DataError(
                    f"Expected the {k} parts to lie within those of the level above, but some are split."
                )

    @classmethod
    def from_groups(cls, num_parts: int, groups: Iterable[Sequence[int]]) -> PartTree:
        """A tree from groupings (K,) of the finest parts by any numbers; coarse parts come by their first part."""
        levels = {}
        for group in groups:
            seen = list(dict.fromkeys(group))
            levels[len(seen)] = tuple(seen.index(part) + 1 for part in group)
        return cls(num_parts, levels)

    @classmethod
    def from_owners(cls, num_parts: int, owners: Sequence[Sequence[int]]) -> PartTree:
        """A tree from the parts, from 0, of the next coarser level that each part lies within, coarsest level first.

        Raises:
            DataError: if they are not those of levels.

        >>> PartTree.from_owners(4, [[0, 1, 0], [1, 2, 2, 0]]).levels
        {2: (1, 2, 2, 2), 3: (1, 2, 2, 3)}
        """
        groups = [list(range(num_parts))]
        for each in reversed(owners):
            if sorted(set(groups[-1])) != list(range(len(each))):
                raise DataError(
                    f"Expected parts that lie within {len(each)} of the next level, but got {groups[-1]}."
                )
            groups.append([each[part] for part in groups[-1]])
        return cls.from_groups(num_parts, groups[1:])

    def renumbered(self, order: Sequence[int]) -> PartTree:
        """The same of parts in another order: new part i + 1 is the old `order[i] + 1`."""
        groups = ([parts[old] for old in order] for parts in self.levels.values())
        return self.from_groups(self.num_parts, groups)

    def finest(self, level: int) -> tuple[tuple[int, ...], ...]:
        """Of each part of a level the finest parts that it is made of."""
        table = self._table(level)
        return tuple(tuple((np.flatnonzero(table[1:] == part) + 1).tolist()) for part in range(1, level + 1))

    def within(self, level: int) -> tuple[int, ...] | None:
        """Of each part of a level the part of the next coarser one that it lies within; None for the coarsest."""
        above = self._above(level)
        return (
            None if above is None else tuple(self.levels[above][parts[0] - 1] for parts in self.finest(level))
        )

    def labels_at(self, level: int, labels: np.ndarray) -> np.ndarray:
        """Labels (H, W) of the finest parts as labels of a coarser level, uint8; 0 and 255 stay."""
        table = np.full(256, IGNORE, np.uint8)
        table[: self.num_parts + 1] = self._table(level)
        return table[labels]

    def maps_at(self, level: int, maps: PartMaps) -> PartMaps:
        """Soft maps of a coarser level: the sums of those of its parts."""
        found = np.zeros((level + 1, *maps.maps.shape[1:]), maps.maps.dtype)
        np.add.at(found, self._table(level), maps.maps)
        return replace(maps, maps=found)

    def to_json(self) -> dict[str, Any]:
        """As it stands in tree.json."""
        levels = [{"num_parts": k, "parts": self.finest(k), "within": self.within(k)} for k in self.levels]
        return {"num_parts": self.num_parts, "levels": levels}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PartTree:
        """What `to_json` gave.

        Raises:
            ArtifactError: if it is damaged.
        """
        try:
            num_parts, levels = int(data["num_parts"]), {}
            for level in data["levels"]:
                owners = {fine: part for part, found in enumerate(level["parts"], start=1) for fine in found}
                levels[int(level["num_parts"])] = tuple(owners[fine] for fine in sorted(owners))
            return cls(num_parts, levels)
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise ArtifactError(f"The tree of parts is damaged: {error}.") from error

    def _table(self, level: int) -> np.ndarray:
        """(K + 1,) uint8: the label at a level of each finest label 0..K."""
        if level == self.num_parts:
            return np.arange(self.num_parts + 1, dtype=np.uint8)
        if level not in self.levels:
            known = ", ".join(map(str, [*self.levels, self.num_parts]))
            raise ConfigError(f"Expected a level of {known} parts, but got {level}.")
        return np.array([0, *self.levels[level]], np.uint8)

    def _above(self, level: int) -> int | None:
        return max((k for k in self.levels if k < level), default=None)


def level_folder(root: str | os.PathLike[str], level: int) -> Path:
    """Where a run keeps its masks of so many parts."""
    return Path(root) / "levels" / str(level)


def write_tree(root: str | os.PathLike[str], tree: PartTree) -> None:
    """Write `levels/tree.json` of a run."""
    files.write_json(Path(root) / "levels" / "tree.json", tree.to_json(), schema=SCHEMA, version=VERSION)


def read_tree(root: str | os.PathLike[str]) -> PartTree:
    """The tree of a run's parts.

    Raises:
        ArtifactError: if the run has none, or it is damaged.
    """
    return PartTree.from_json(
        files.read_json(Path(root) / "levels" / "tree.json", schema=SCHEMA, version=VERSION)
    )
