"""Parts as k-means clusters of dense features: the plain baseline next to factorization.

Features are standardised, all grid cells of all images clustered together. See Amir et al., "Deep ViT Features as
Dense Visual Descriptors" (2021), for the same idea with a saliency stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.scaling import (
    FeatureScaling,
    ScaledBlocks,
    channel_statistics,
    standardizing,
)
from partdisc.factorization import KMeans, TensorBlocks
from partdisc.features.planning import fits_in_memory
from partdisc.rows import BLOCK_ROWS


@dataclass(eq=False, repr=False)
class FeatureClustering(PartDiscoverer):
    """Parts as clusters of standardised features.

    Soft maps are a softmax over minus the squared distances to the centres, divided by a temperature: the mean gap
    between the nearest and the second nearest centre. A cell halfway in doubt thus stays halfway in doubt whatever
    the number of channels.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
        max_iter: iterations at most.
        restarts: number of starts, of which the best counts.

    Attributes:
        cluster_centers_: (K, C) in standardised channels.
        temperature_: squared distance that makes a factor e.
        scaling_: how features are brought to a common scale.
        inertia_: sum of squared distances to the nearest centre.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.random((6, 5, 8), dtype=np.float32) for _ in range(2)]
    >>> method = FeatureClustering(num_parts=3).fit_features(maps)
    >>> method.predict_features(maps)[0].maps.shape
    (4, 6, 5)
    """

    method: ClassVar[str] = "kmeans"

    max_iter: int = 100
    restarts: int = 2

    def _fit_features(self, features: RowsInside) -> None:
        self.scaling_ = standardizing(channel_statistics(features))
        source = ScaledBlocks(features, self.scaling_)
        kmeans = KMeans(
            self.num_parts_,
            restarts=self.restarts,
            max_iter=self.max_iter,
            seed=self.seed,
            device=resolve_device(self.device),
        )
        fits = fits_in_memory(math.prod(source.shape) * 4, self.budget)
        kmeans.fit(TensorBlocks(source.matrix(), source.processes) if fits else source)
        self.cluster_centers_ = torch.as_tensor(kmeans.cluster_centers_).float().cpu()
        self.inertia_ = float(kmeans.inertia_)
        self.temperature_ = self._mean_gap(source)

    def _mean_gap(self, source: ScaledBlocks) -> float:
        if len(self.cluster_centers_) == 1:
            return 1.0
        total = torch.zeros((), dtype=torch.float64)
        for block in source.blocks(BLOCK_ROWS):
            nearest = self._distances(block).topk(2, dim=1, largest=False).values
            total += (nearest[:, 1] - nearest[:, 0]).double().sum()
        source.processes.add_up(total)
        return max(float(total) / sum(source.processes.gather(source.shape[0])), 1e-6)

    def _distances(self, scaled: Tensor) -> Tensor:
        """Squared distances (m, K) of scaled rows to the centres, up to ‖x‖², which is the same for all parts."""
        centers = self.cluster_centers_
        return centers.square().sum(1) - 2 * scaled @ centers.T

    def _part_scores(self, rows: Tensor) -> Tensor:
        return torch.softmax(-self._distances(self.scaling_(rows)) / self.temperature_, dim=1)

    def _state(self) -> dict[str, Tensor]:
        return {
            "centers": self.cluster_centers_,
            "temperature": torch.tensor(self.temperature_, dtype=torch.float64),
            "mean": self.scaling_.mean,
            "scale": self.scaling_.scale,
        }

    def _set_state(self, state: dict[str, Tensor]) -> None:
        self.cluster_centers_ = state["centers"]
        self.temperature_ = float(state["temperature"])
        self.scaling_ = FeatureScaling(state["mean"], state["scale"])

    def _reorder(self, order: Tensor) -> None:
        self.cluster_centers_ = self.cluster_centers_[order]

    def _basis(self) -> Tensor:
        return self.cluster_centers_
