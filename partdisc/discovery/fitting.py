"""How a method learns: the foreground first, then K where it is to be chosen, then the parts inside, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from partdisc.checks import check_seed
from partdisc.data import ImageList
from partdisc.discovery.choosing import PartsChoice, RowSample, choose, parse_num_parts
from partdisc.discovery.drawing import DrawnCells
from partdisc.discovery.inside import (
    NONE,
    Masks,
    Pictures,
    RowsInside,
    find_masks,
    fit_stage,
    small_images,
    warn_of_too_few,
)
from partdisc.discovery.predicting import part_scores
from partdisc.discovery.recurrence import measure_support
from partdisc.errors import ConfigError, DataError
from partdisc.rows import BLOCK_ROWS
from partdisc.store.features import FeatureSet
from partdisc.threads import spread

if TYPE_CHECKING:
    from partdisc.discovery.base import PartDiscoverer

ORDER_CELLS = 8192  # by which parts are put in their order


def learn_parts(
    discoverer: PartDiscoverer,
    features: FeatureSet,
    images: ImageList | None,
    masks: Masks | None,
    pictures: Pictures | None,
) -> None:
    """Teach a method everything that it learns.

    Args:
        discoverer: the method.
        features: of all images.
        images: the images, where there are any.
        masks: foreground masks by image id, in place of the method's stage.
        pictures: the `small_images` of these, where there are any already.
    """
    check_learnable(discoverer, features)
    inside = rows_inside(discoverer, features, images, masks, pictures)
    check_learnable(discoverer, inside)
    discoverer.foreground_ = inside.foreground
    sample = RowSample(inside)
    discoverer.num_parts_, discoverer.choice_ = choose_number(discoverer, inside, sample)
    discoverer.support_, discoverer.tree_, discoverer.coarser_ = None, None, ()  # of an earlier fit
    discoverer._fit_features(inside)
    settle(discoverer, inside)
    discoverer.support_ = measure_support(discoverer._part_scores(sample.rows), sample.owners)


def rows_inside(
    discoverer: PartDiscoverer,
    features: FeatureSet,
    images: ImageList | None,
    masks: Masks | None = None,
    pictures: Pictures | None = None,
) -> RowsInside:
    """The rows inside the objects, once the foreground is learnt; arguments as in `learn_parts`."""
    backbone = None if images is None else discoverer.get_backbone()
    masks = find_masks(discoverer.foreground, images) if masks is None else masks
    stage = NONE if discoverer.foreground == "auto" and images is None else discoverer.foreground
    if pictures is None and images is not None:
        pictures = small_images(features, images)
    # learnt from a bounded sample: nothing that processes would have to share
    learnt = discoverer.processes.from_first(
        lambda: fit_stage(stage, backbone, features, discoverer.seed, masks, pictures)
    )
    inside = RowsInside(features, learnt, masks, pictures, discoverer.processes)
    fewest = parse_num_parts(discoverer.num_parts)[0]
    if stage == "auto" and masks is None and inside.total < fewest:
        warn_of_too_few(inside.total, fewest)
        return RowsInside(features, None, None, pictures, discoverer.processes)
    return inside


def check_learnable(discoverer: PartDiscoverer, features: FeatureSet | RowsInside) -> None:
    """Check that a method can learn its number of parts from so many rows.

    Raises:
        ConfigError: if K is to be chosen, and the method cannot; or its seed is none.
        DataError: if there are fewer rows than parts.
    """
    check_seed(discoverer.seed)
    rows = features.total if isinstance(features, RowsInside) else features.shape[0]
    fewest, most = parse_num_parts(discoverer.num_parts)
    if most > fewest and not discoverer.chooses:
        raise ConfigError(
            f"The method {discoverer.method} learns one number of parts: expected a whole number, but got "
            f"{discoverer.num_parts!r}. Let another method choose it first."
        )
    if rows < fewest:
        inside = " inside the foreground" if isinstance(features, RowsInside) else ""
        raise DataError(f"Expected at least {fewest} grid cells{inside} for {fewest} parts, but got {rows}.")


def choose_number(
    discoverer: PartDiscoverer, features: RowsInside, sample: RowSample
) -> tuple[int, PartsChoice | None]:
    """K, and how it was chosen, or None where it was given.

    Raises:
        DataError: if there are too few cells to choose by.
    """
    lowest, highest = parse_num_parts(discoverer.num_parts)
    if lowest == highest:
        return lowest, None
    if len(sample.rows) < lowest:
        raise DataError(
            f"Expected at least {lowest} cells to choose the number of parts by, but got {len(sample.rows)}. "
            "Use more images, or give a number of parts."
        )
    counts = range(lowest, min(highest, len(sample.rows)) + 1)
    choice = discoverer.processes.from_first(
        lambda: choose(
            [
                measure_support(trial._part_scores(sample.rows), sample.owners)
                for trial in discoverer._trials(features, sample, counts)
            ]
        )
    )
    return choice.num_parts, choice


def settle(discoverer: PartDiscoverer, features: FeatureSet | RowsInside) -> None:
    """Make a method that has learnt its parts one that is fitted."""
    discoverer.num_channels_ = features.num_channels
    discoverer.tree_ = None  # of an earlier fit
    put_in_order(discoverer, features)


def put_in_order(discoverer: PartDiscoverer, features: FeatureSet | RowsInside) -> None:
    """Put the parts in their canonical order: the part of most cells first, ties by basis."""
    counts = discoverer._count_cells(features)
    basis = discoverer._basis().flatten(1).cpu().tolist()
    order = sorted(range(discoverer.num_parts_), key=lambda k: (-int(counts[k]), basis[k]))
    discoverer.areas_ = counts / counts.sum().clamp(min=1)
    discoverer.reorder(order)


def count_cells(discoverer: PartDiscoverer, features: FeatureSet | RowsInside) -> Tensor:
    """(K,) int64: to which parts cells belong, drawn evenly over those of all processes."""
    num_parts = discoverer.num_parts_

    def parts_of(block: Tensor) -> Tensor:
        return torch.bincount(part_scores(discoverer, block).argmax(1).cpu(), minlength=num_parts)

    counts = torch.zeros(num_parts, dtype=torch.int64)
    cells = DrawnCells(features, ORDER_CELLS, discoverer.seed)
    for found in spread(parts_of, cells.blocks(4 * BLOCK_ROWS)):
        counts += found
    discoverer.processes.add_up(counts)
    return counts
