"""The foreground stage of a discovery method: which cells belong to the objects, and the rows inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.data import ImageList, decode_image
from partdisc.errors import ConfigError
from partdisc.features import Backbone
from partdisc.foreground import (
    AUTO,
    CLASS_ESTIMATORS,
    ESTIMATORS,
    LinearForeground,
    class_logits,
    fit_foreground,
    grid_image,
)
from partdisc.processes import ALONE, Processes
from partdisc.store.features import FeatureSet

NONE = "none"
INSIDE = 0.5  # probability of foreground from which a cell belongs to the object
PIXELS = 4  # of the small image, along a cell's side


def check_foreground(name: str) -> str:
    """Check the name of a foreground stage and return it.

    Raises:
        ConfigError: if there is none of that name.
    """
    known = ("auto", NONE, *ESTIMATORS, *CLASS_ESTIMATORS)
    if name not in known:
        raise ConfigError(f"Expected --foreground of {', '.join(known)}, but got {name!r}.")
    return name


def fit_stage(
    name: str, backbone: Backbone | None, features: FeatureSet, images: ImageList | None, seed: int
) -> LinearForeground | None:
    """Learn the foreground of images, without labels.

    Args:
        name: "auto", "none", or one estimator.
        backbone: whose classifier gives evidence; None leaves that out.
        features: of all images.
        images: the images, for cuts along their edges; None leaves the cuts out.
        seed: of all random numbers.

    Returns:
        None for "none".
    """
    if check_foreground(name) == NONE:
        return None
    return fit_foreground(
        features,
        None if images is None else small_images(features, images),
        evidence=AUTO if name == "auto" else (name,),
        logits=None if backbone is None else _logits_on_cpu(backbone),
        seed=seed,
    )


def small_images(
    features: FeatureSet, images: ImageList, pixels: int = PIXELS
) -> Callable[[int], np.ndarray]:
    """A function that gives image `index` of the features on its grid, `pixels` a cell side; uint8 (h', w', 3)."""
    records = {record.id: record for record in images.records}

    def load(index: int) -> np.ndarray:
        entry = features.entries[index]
        record = records[entry.id]
        size = tuple(max(1, round(c * pixels)) for c in entry.content)
        source = record.path if record.pixels is None else record.pixels
        return grid_image(decode_image(source, size=(size[0], size[1])), entry, pixels)

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
        pictures: gives image `index`, (h, w, 3) uint8, a pixel a cell; None where only features are known.
        processes: those that learn together; the rows are those of this one's share of the images.
    """

    def __init__(
        self,
        features: FeatureSet,
        foreground: LinearForeground | None,
        pictures: Callable[[int], np.ndarray] | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.features, self.foreground, self.pictures = features, foreground, pictures
        self.processes, self._own = processes, features.part(processes.share(len(features)))
        self.key: dict[str, Any] = features.key
        self.scratch = features.scratch
        self.num_channels = features.num_channels
        self._count = self._own.shape[0]
        if foreground is not None:
            self._count = sum(len(block) for block in self.blocks())

    @property
    def shape(self) -> tuple[int, int]:
        """(rows inside, C), of this process."""
        return self._count, self.num_channels

    @property
    def total(self) -> int:
        """Rows inside, of all processes."""
        return sum(self.processes.gather(self._count))

    def blocks(self, max_rows: int = 65536) -> Iterator[Tensor]:
        """Rows inside in blocks (m, C), m <= max_rows."""
        for block in self._own.blocks(max_rows):
            inside = block if self.foreground is None else block[self.foreground(block) > INSIDE]
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
