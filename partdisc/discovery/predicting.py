"""How a method says what it learnt: part maps from features, the cells of several images scored at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from partdisc.discovery.inside import Masks, foreground_of, with_background
from partdisc.errors import DataError
from partdisc.parts import PartMaps
from partdisc.store.features import FeatureSet

if TYPE_CHECKING:
    from partdisc.discovery.base import PartDiscoverer

AT_ONCE = 16  # images whose cells are scored together: a few large operations instead of many small ones
LEAST = 1e-4  # score of a part, so that siblings share what none of them claims
DECIDED = 8  # power of scores among siblings: where the largest takes nearly all, the largest of all parts is one of
# the largest coarse part, however many siblings it has


@dataclass(frozen=True)
class CoarserLevel:
    """Coarse parts, and which of them each part of the next finer level lies within.

    Attributes:
        method: fitted; gives the scores of the coarse parts.
        owners: (k,) int64, of each part of the next finer level.
    """

    method: PartDiscoverer
    owners: Tensor


def part_scores(discoverer: PartDiscoverer, rows: Tensor) -> Tensor:
    """Scores (m, K) of feature rows (m, C), rows summing to 1; within the coarser levels, where there are any.

    What a coarse part has goes to the parts within it, nearly all of it to the likeliest.
    """
    levels = discoverer.coarser_
    methods = [*(level.method for level in levels), discoverer]
    found = methods[0]._part_scores(rows)
    for level, method in zip(levels, methods[1:], strict=True):
        fine, owners = (method._part_scores(rows) + LEAST) ** DECIDED, level.owners.to(found.device)
        siblings = torch.zeros_like(found).index_add_(1, owners, fine)
        found = found[:, owners] * fine / siblings[:, owners]
    return found


def predict_maps(
    discoverer: PartDiscoverer, features: FeatureSet, indices: Iterable[int], masks: Masks | None
) -> Iterator[PartMaps]:
    """Part maps of the images at `indices` from their features alone, one by one, in constant memory.

    Args:
        discoverer: fitted.
        features: of all images.
        indices: of the images wanted.
        masks: foreground masks by image id, in place of what was learnt.
    """
    waiting = iter(indices)
    while batch := list(islice(waiting, AT_ONCE)):
        entries = [features.entries[index] for index in batch]
        rows = torch.cat([features[index].flatten(0, 1) for index in batch])
        scores = part_scores(discoverer, rows).split([entry.num_rows for entry in entries])
        for index, entry, found in zip(batch, entries, scores, strict=True):
            inside = foreground_of(features, index, discoverer.foreground_, masks)
            maps = with_background(found.unflatten(0, entry.grid), inside)
            yield PartMaps(maps, entry.size, entry.content, entry.id)


def check_channels(discoverer: PartDiscoverer, features: FeatureSet) -> None:
    """Check that features are of the kind that a method was taught with.

    Raises:
        DataError: if they have another number of channels.
    """
    if features.num_channels != discoverer.num_channels_:
        raise DataError(
            f"Expected features of {discoverer.num_channels_} channels, as in fit, but got {features.num_channels}."
        )


def as_feature_set(features: FeatureSet | Sequence[Tensor | np.ndarray]) -> FeatureSet:
    """A `FeatureSet` of (h, w, C) maps; one that is a `FeatureSet` already is returned as it is.

    Raises:
        DataError: if a map has another shape, or channels differ.
    """
    return features if isinstance(features, FeatureSet) else FeatureSet.from_maps(features)
