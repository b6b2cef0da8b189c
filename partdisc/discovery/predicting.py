"""How a method says what it learnt: part maps from features, the cells of several images scored at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
        scores = discoverer._part_scores(rows).split([entry.num_rows for entry in entries])
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
