"""Levels: coarse parts made of finer ones, by merging those that are most alike.

The finest level is what a method discovered; coarser ones merge its parts as fine clusters are merged to parts
(`merging.py`), by their mean features and by how unlike their colours are where they meet in an image. So one fit
gives all levels, each part of one lies within one part of the next coarser, and every method has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch

from partdisc.data import ImageList, list_images
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.choosing import parse_num_parts
from partdisc.discovery.inside import Masks, small_images
from partdisc.discovery.merging import lab_colours, merge_clusters
from partdisc.discovery.object_cells import SAMPLE_IMAGES, ObjectCells, join_cells
from partdisc.errors import ConfigError
from partdisc.parts import BACKGROUND
from partdisc.spacing import evenly
from partdisc.store.features import FeatureSet
from partdisc.store.levels import PartTree


def check_levels(levels: Any, num_parts: int | str | None) -> tuple[int, ...]:
    """Check the numbers of parts of coarser levels and return them, rising.

    Raises:
        ConfigError: if they are no numbers from 2 to below every K that `num_parts` allows, or one comes twice.

    >>> check_levels([8, 4], 16)
    (4, 8)
    """
    fewest = 1 if num_parts is None else parse_num_parts(num_parts)[0]
    found = list(levels) if isinstance(levels, Sequence) and not isinstance(levels, str) else [levels]
    whole = [int(level) for level in found if isinstance(level, Integral) and not isinstance(level, bool)]
    if not found or len(whole) < len(found) or not all(2 <= level < fewest for level in whole):
        raise ConfigError(
            f"Expected --levels as whole numbers from 2 to below --num-parts ({num_parts}), but got {levels!r}."
        )
    if len(set(whole)) < len(whole):
        raise ConfigError(f"Expected --levels of different numbers of parts, but got {levels!r}.")
    return tuple(sorted(whole))


def merge_parts(discoverer: PartDiscoverer, images: Any, levels: Sequence[int]) -> PartTree:
    """Merge the parts of a fitted method to coarser levels; the tree is kept as `tree_`, and saved with the model.

    The parts stay what they are: levels that `nest_parts` learnt still hold them, but are no longer in the tree.

    Args:
        discoverer: fitted.
        images: anything that `partdisc.data.list_images` takes; where the parts are looked at.
        levels: numbers of parts, each from 2 to below the method's.

    Raises:
        ConfigError: if levels are unusable.
        NotFittedError: before fit.

    >>> from partdisc.discovery import FeatureClustering
    >>> images = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    >>> method = FeatureClustering(6, layers="stride8", image_size=64, foreground="none").fit(list(images))
    >>> tree = merge_parts(method, list(images), [2, 4])
    >>> [len(tree.finest(level)) for level in (2, 4)], tree.maps_at(2, method.predict(images[:1])[0]).num_parts
    ([2, 4], 2)
    """
    discoverer._check_fitted()
    listed = images if isinstance(images, ImageList) else list_images(images)
    discoverer.tree_ = fit_tree(discoverer, discoverer.extract(listed), listed, levels)
    return discoverer.tree_


def fit_tree(
    discoverer: PartDiscoverer,
    features: FeatureSet,
    images: ImageList,
    levels: Sequence[int],
    foreground: Masks | None = None,
) -> PartTree:
    """What `merge_parts` does, with features known already; `foreground` as in `PartDiscoverer.fit`."""
    levels = check_levels(levels, discoverer.num_parts_)
    cells, parts = cells_of_parts(discoverer, features, images, foreground)
    K = discoverer.num_parts_
    masses = torch.bincount(parts, minlength=K)
    sums = torch.zeros(K, cells.rows.shape[1]).index_add_(0, parts, cells.rows)
    means = sums / masses[:, None].clamp(min=1)
    colours = cells.colour_distances(parts, K)
    groups = [merge_clusters(means, masses.numpy(), level, colours) for level in levels]
    return PartTree.from_groups(K, [group.tolist() for group in groups])


def cells_of_parts(
    discoverer: PartDiscoverer, features: FeatureSet, images: ImageList, foreground: Masks | None = None
) -> tuple[ObjectCells, torch.Tensor]:
    """Cells of evenly spaced images that belong to parts, and the part, 0..K-1, of each."""
    load, found, parts = small_images(features, images), [], []
    sample = evenly(range(len(features)), SAMPLE_IMAGES)
    for index, maps in zip(
        sample, discoverer.iter_maps(features, sample, foreground=foreground), strict=True
    ):
        labels = maps.maps.argmax(0) if maps.maps[0].any() else maps.maps[1:].argmax(0) + 1
        inside = labels != BACKGROUND
        rows = features[index][torch.from_numpy(inside)].float()
        colours = lab_colours(load(index), inside.shape)[inside]
        found.append((rows, 1 - maps.maps[0][inside].astype(np.float64), colours))
        parts.append(torch.from_numpy(labels[inside].astype(np.int64) - 1))
    return join_cells(found, features.key), torch.cat(parts)
