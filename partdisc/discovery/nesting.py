"""Levels that are learnt: coarse parts as good as if they stood alone, and finer ones within them.

Each level is learnt as a discovery of that number of parts alone would learn it. A part then lies within the part of
the next coarser level with which it shares most, and has its share, among its siblings, of that one's probability:
p(fine) = p(coarse) p(fine | coarse), nearly all going to the likeliest. So levels are nested, and none is much the
worse for the others.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from partdisc.allocator import freed_memory_kept
from partdisc.data import ImageList, list_images
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.choosing import RowSample
from partdisc.discovery.fitting import put_in_order
from partdisc.discovery.inside import Masks, Pictures, RowsInside, find_masks, small_images
from partdisc.discovery.levels import check_levels
from partdisc.discovery.predicting import CoarserLevel, check_channels, part_scores
from partdisc.discovery.recurrence import measure_support
from partdisc.errors import ConfigError
from partdisc.store.features import FeatureSet
from partdisc.store.levels import PartTree
from partdisc.threads import one_thread


def nest_parts(
    discoverer: PartDiscoverer, images: Any, levels: Sequence[int], foreground: Masks | None = None
) -> PartTree:
    """Learn coarser levels beside the parts of a fitted method, which then lie within them.

    The tree is kept as `tree_`; it and the levels are saved with the model. Parts change a little where one crossed
    the border of a coarser one, and may be numbered anew.

    Args:
        discoverer: fitted to images.
        images: those it was fitted to; anything that `partdisc.data.list_images` takes.
        levels: numbers of parts, each from 2 to below the method's.
        foreground: masks by image id, where `fit` was given some.

    Raises:
        ConfigError: if levels are unusable, or the method cannot learn them: see `merge_parts` for these.
        DataError: if images have other features than those it was fitted to.
        NotFittedError: before fit.

    >>> import numpy as np
    >>> from partdisc.discovery import FeatureClustering
    >>> images = list(np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8))
    >>> method = FeatureClustering(6, layers="stride8", image_size=64, foreground="none").fit(images)
    >>> tree = nest_parts(method, images, [2, 4])
    >>> [len(tree.finest(level)) for level in (2, 4)], tree.maps_at(2, method.predict(images[:1])[0]).num_parts
    ([2, 4], 2)
    """
    discoverer._check_fitted()
    listed = images if isinstance(images, ImageList) else list_images(images)
    features = discoverer.extract(listed)
    masks = find_masks(discoverer.foreground, listed) if foreground is None else foreground
    learn_levels(discoverer, features, levels, masks, small_images(features, listed))
    assert discoverer.tree_ is not None  # just learnt
    return discoverer.tree_


def learn_levels(
    discoverer: PartDiscoverer,
    features: FeatureSet,
    levels: Sequence[int],
    masks: Masks | None = None,
    pictures: Pictures | None = None,
) -> None:
    """What `nest_parts` does, with features and the `small_images` known already."""
    if not discoverer.chooses:
        raise ConfigError(
            f"The method {discoverer.method} learns one number of parts. Make coarser ones of them with merge_parts."
        )
    levels = check_levels(levels, discoverer.num_parts_)
    check_channels(discoverer, features)
    with one_thread(), freed_memory_kept():
        inside = RowsInside(features, discoverer.foreground_, masks, pictures, discoverer.processes)
        sample = RowSample(inside)
        methods = [*(_with_parts(discoverer, level, inside) for level in levels), discoverer]
        scores = [method._part_scores(sample.rows) for method in methods]
        owners = discoverer.processes.from_first(
            lambda: [owners_of(fine, coarse) for coarse, fine in pairwise(scores)]
        )
        discoverer.coarser_ = tuple(map(CoarserLevel, methods[:-1], owners))
        put_in_order(discoverer, inside)
        discoverer.support_ = measure_support(part_scores(discoverer, sample.rows), sample.owners)
    within = [level.owners.tolist() for level in discoverer.coarser_]
    discoverer.tree_ = PartTree.from_owners(discoverer.num_parts_, within)


def _with_parts(discoverer: PartDiscoverer, num_parts: int, inside: RowsInside) -> PartDiscoverer:
    """The same method with so many parts."""
    found = copy.copy(discoverer)
    found.num_parts_, found.tree_, found.coarser_ = num_parts, None, ()
    found._fit_features(inside)
    return found


def owners_of(fine: Tensor, coarse: Tensor) -> Tensor:
    """Which coarse part each fine part lies within: the one it shares most with, but none is left without any.

    Args:
        fine: (m, K) scores of m cells.
        coarse: (m, k) scores of the same cells, k <= K.

    Returns:
        (K,) int64, in which each of 0..k-1 occurs.

    >>> fine = torch.eye(3)[[0, 0, 1, 1, 2, 2]]
    >>> owners_of(fine, torch.eye(2)[[1, 1, 0, 0, 0, 1]]).tolist()
    [1, 0, 0]
    """
    shared = fine.double().T @ coarse.double()
    owners = shared.argmax(1)
    for missing in sorted(set(range(coarse.shape[1])) - set(owners.tolist())):
        siblings = torch.bincount(owners, minlength=coarse.shape[1])[owners]
        owners[torch.where(siblings > 1, shared[:, missing], -1.0).argmax()] = missing
    return owners
