"""The foreground stage alone: one part, the object, as a run like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from partdisc.data import ImageList
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import NONE, Masks, Pictures, RowsInside
from partdisc.errors import ConfigError
from partdisc.store.features import FeatureSet


@dataclass(eq=False, repr=False)
class ObjectForeground(PartDiscoverer):
    """Where the objects are: maps of two channels, background and object.

    Args:
        num_parts: 1.
        backbone, layers, weights, image_size, foreground: see
            `partdisc.discovery.PartDiscoverer`; `foreground` is not "none".
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
    """

    method: ClassVar[str] = "foreground"
    part_names: ClassVar[tuple[str, ...] | None] = ("object",)

    num_parts: int = 1
    foreground: str = "auto"

    def _learn_parts(
        self,
        features: FeatureSet,
        images: ImageList | None,
        masks: Masks | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        if self.num_parts != 1:
            raise ConfigError(
                f"Expected one part, the object, of --method foreground, but got {self.num_parts}."
            )
        if self.foreground == NONE and masks is None:
            raise ConfigError(
                "Expected --foreground of another name than none: with none there is nothing to learn."
            )
        super()._learn_parts(features, images, masks, pictures)

    def _fit_features(self, features: RowsInside) -> None:
        """Nothing is learnt beside the foreground."""

    def _part_scores(self, rows: Tensor) -> Tensor:
        return torch.ones(len(rows), 1)

    def _state(self) -> dict[str, Tensor]:
        return {}

    def _set_state(self, state: dict[str, Tensor]) -> None:
        pass

    def _reorder(self, order: Tensor) -> None:
        pass

    def _basis(self) -> Tensor:
        return torch.zeros(1, 1)
