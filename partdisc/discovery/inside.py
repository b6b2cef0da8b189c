"""The foreground stage of a discovery method: which cells belong to the objects, and the rows inside them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.data import ImageList, decode_image
from partdisc.errors import ConfigError
from partdisc.features import Backbone
from partdisc.foreground import (
    ALPHA,
    AUTO,
    CLASS_ESTIMATORS,
    ESTIMATORS,
    LinearForeground,
    check_masks,
    class_logits,
    fit_foreground,
    fit_to_masks,
    grid_image,
    lay_on_grid,
    open_masks,
)
from partdisc.processes import ALONE, Processes
from partdisc.store.features import FeatureSet
from partdisc.threads import spread

NONE = "none"
INSIDE = 0.5  # probability of foreground from which a cell belongs to the object
PIXELS = 4  # of the small image, along a cell's side
KEPT_PICTURES = 256  # small ones: all of a small set, and all that is learnt from of a large one
STAGES = ("auto", NONE, *ESTIMATORS, *CLASS_ESTIMATORS)

Masks = Mapping[str, np.ndarray]  # of images by id: foreground, float (H, W) in [0, 1], of any size
# gives image `index` of some features on their grid; see `small_images`
Pictures = Callable[[int], np.ndarray]


def check_foreground(name: str) -> str:
    """Check what a foreground stage is called and return it: a name, or where masks are.

    Raises:
        ConfigError: if there is none of that name, and no such file or folder.
    """
    known_name = isinstance(name, str) and (not names_masks(name) or name == ALPHA)
    if not known_name and not (isinstance(name, (str, os.PathLike)) and Path(name).exists()):
        known = ", ".join((*STAGES, ALPHA))
        raise ConfigError(
            f"Expected --foreground of {known}, or a folder or COCO file of masks, but got {name!r}."
        )
    return name


def names_masks(foreground: str) -> bool:
    """Whether a foreground is not a stage's name, but says where masks are."""
    return foreground not in STAGES


def find_masks(foreground: str, images: ImageList | None) -> Masks | None:
    """The masks of images, if `foreground` says where they are.

    Raises:
        ConfigError: if there are masks and no images.
    """
    if not names_masks(check_foreground(foreground)):
        return None
    if images is None:
        raise ConfigError(f"The foreground masks of {foreground} need images to belong to: use fit.")
    return open_masks(foreground, images)


def fit_stage(
    name: str,
    backbone: Backbone | None,
    features: FeatureSet,
    seed: int,
    masks: Masks | None = None,
    pictures: Pictures | None = None,
) -> LinearForeground | None:
    """Learn the foreground of images, without labels or from masks.

    Args:
        name: "auto", "none", or one estimator.
        backbone: whose classifier gives evidence; None leaves that out.
        features: of all images.
        seed: of all random numbers.
        masks: what to learn instead.
        pictures: the `small_images` of these, for cuts along their edges; None leaves the cuts out.

    Returns:
        None for "none", and with a warning for "auto" where no object stands out from a background.
    """
    if masks is not None:
        return fit_to_masks(features, masks, seed=seed)
    if check_foreground(name) == NONE:
        return None
    found = fit_foreground(
        features,
        pictures,
        evidence=AUTO if name == "auto" else (name,),
        logits=None if backbone is None else _logits_on_cpu(backbone),
        seed=seed,
    )
    if name == "auto" and not found.is_supported:
        warnings.warn(
            f"No object stands out from a background in these images (support {found.support:.2f}), so parts cover "
            "whole images. If that is wrong, give masks, or one estimator such as --foreground border.",
            stacklevel=2,
        )
        return None
    return found


def warn_of_too_few(cells: int, num_parts: int) -> None:
    """Say that the foreground that "auto" found is not used, because it has too few cells for the parts."""
    warnings.warn(
        f"The foreground that was found has {cells} cells, too few for {num_parts} parts, so parts cover whole "
        "images.",
        stacklevel=3,
    )


def foreground_of(
    features: FeatureSet, index: int, learnt: LinearForeground | None, masks: Masks | None
) -> Tensor | None:
    """Probability of foreground (h, w) of one image: by its mask, else by what was learnt, else None."""
    entry = features.entries[index]
    if masks is not None:
        check_masks(masks)
        if entry.id in masks:
            return lay_on_grid(masks[entry.id], entry)
    return None if learnt is None else learnt(features[index])


def small_images(features: FeatureSet, images: ImageList) -> Pictures:
    """A function that gives image `index` of the features on its grid, uint8 (h * 4, w * 4, 3).

    It keeps some hundred of them, for others that look at the same images.
    """
    records = {record.id: record for record in images.records}

    @lru_cache(KEPT_PICTURES)
    def load(index: int) -> np.ndarray:
        entry = features.entries[index]
        record = records[entry.id]
        size = tuple(max(1, round(c * PIXELS)) for c in entry.content)
        source = record.path if record.pixels is None else record.pixels
        return grid_image(decode_image(source, size=(size[0], size[1])), entry, PIXELS)

    return load


def _logits_on_cpu(backbone: Backbone) -> Callable[[Tensor], Tensor] | None:
    logits = class_logits(backbone)
    if logits is None:
        return None
    device = backbone.mean.device
    return lambda features: logits(features.to(device)).cpu()


class RowsInside:
    """The rows of a feature set that lie inside the objects: what a method learns its parts from.

    Args:
        features: of all images.
        foreground: decides; None keeps every row.
        masks: decide for the images that have one.
        pictures: the `small_images` of these; None where only features are known.
        processes: those that learn together; the rows are those of this one's share of the images.
    """

    def __init__(
        self,
        features: FeatureSet,
        foreground: LinearForeground | None,
        masks: Masks | None = None,
        pictures: Pictures | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.features, self.foreground, self.masks, self.pictures = features, foreground, masks, pictures
        self.processes, self._own = processes, features.part(processes.share(len(features)))
        self.key: dict[str, Any] = features.key
        self.scratch = features.scratch
        self.num_channels = features.num_channels
        self._keep = self._cells_inside()
        self._count = self._own.shape[0] if self._keep is None else int(self._keep.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """(rows inside, C), of this process."""
        return self._count, self.num_channels

    @property
    def total(self) -> int:
        """Rows inside, of all processes."""
        return sum(self.processes.gather(self._count))

    def foreground_of(self, index: int) -> Tensor | None:
        """Probability of foreground (h, w) of one image; None where every cell is inside."""
        return foreground_of(self.features, index, self.foreground, self.masks)

    def _cells_inside(self) -> Tensor | None:
        """(M,) bool, in the order of this process's rows."""
        if self.foreground is None:
            return None
        own = self._own
        maps = spread(lambda i: foreground_of(own, i, self.foreground, self.masks), range(len(own)))
        return torch.cat(
            [torch.empty(0, dtype=torch.bool), *(m.flatten() > INSIDE for m in maps if m is not None)]
        )

    def blocks(self, max_rows: int = 4096) -> Iterator[Tensor]:
        """Rows inside in blocks (m, C), m <= max_rows."""
        start = 0
        for block in self._own.blocks(max_rows):
            inside = block if self._keep is None else block[self._keep[start : start + len(block)]]
            start += len(block)
            if len(inside):
                yield inside


def with_background(scores: Tensor, foreground: Tensor | None) -> np.ndarray:
    """Part maps (K + 1, h, w) from part scores (h, w, K) and the probability of foreground (h, w).

    Channels sum to 1; without a foreground stage channel 0 is zero.
    """
    background = torch.zeros_like(scores[..., :1])
    if foreground is not None:
        background = 1 - foreground[..., None]
    maps = torch.cat([background, scores * (1 - background)], dim=-1)
    return maps.permute(2, 0, 1).float().cpu().numpy()
