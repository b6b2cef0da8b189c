"""Scopes: which images share one matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from partdisc.errors import DataError
from partdisc.metrics.matching import Matching
from partdisc.metrics.tables import ImageTables

SCOPES = ("dataset", "category", "image")
ALL = "all"  # the one group of scope "dataset"


def group_images(tables: ImageTables, scope: str) -> tuple[list[str], np.ndarray]:
    """The groups of images that get a matching of their own, and the group of every image.

    Raises:
        DataError: if an image has no category though the scope asks for one.
    """
    if scope == "dataset":
        return [ALL], np.zeros(len(tables), np.int64)
    if scope == "image":
        names = [i if i is not None else f"image {n}" for n, i in enumerate(tables.ids)]
        return names, np.arange(len(tables))
    for image_id, category in zip(tables.ids, tables.categories, strict=True):
        if category is None:
            raise DataError(
                f"Image {image_id!r}: expected a category, because each gets a matching of its own, but it has none. "
                "Score with the scope 'dataset', or give every image its category."
            )
    categories, groups = np.unique(np.array(tables.categories, str), return_inverse=True)
    return categories.tolist(), groups


def select_matchings(
    matchings: Mapping[str, Matching], names: Sequence[str], shape: tuple[int, int]
) -> dict[str, Matching]:
    """The matchings of the groups `names`, checked to fit tables of `shape`.

    Raises:
        DataError: if a group has none, or one is for other numbers of parts.
    """
    if not isinstance(matchings, Mapping) or not all(isinstance(m, Matching) for m in matchings.values()):
        raise DataError(f"Expected a Matching for each group by its name, but got {matchings!r}.")
    for name in names:
        if name not in matchings:
            raise DataError(
                f"Expected a matching for {name!r}, but the given one knows {', '.join(matchings)}. "
                "Fit it with the same --scope."
            )
        found = (len(matchings[name].targets), matchings[name].num_targets + 1)
        if found != shape:
            raise DataError(
                f"Expected a matching of {shape[0] - 1} discovered and {shape[1] - 1} annotated parts, but the "
                f"one given for {name!r} has {found[0] - 1} and {found[1] - 1}."
            )
    return {name: matchings[name] for name in names}
