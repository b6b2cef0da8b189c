"""Parts within a foreground: fit on all images, applied cell by cell.

1. Channels are standardised over foreground cells, layers weigh alike, rows have length 1.
2. k-means finds fine clusters, which `merge_clusters` merges to K parts by features and colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.discovery.inside import INSIDE
from partdisc.discovery.merging import colour_distances, merge_clusters
from partdisc.errors import DataError
from partdisc.factorization import KMeans

FINE_CLUSTERS = 24
SAMPLE_ROWS = 10_000
SOFTNESS = 0.2  # temperature, in units of the mean squared distance beyond the nearest centre


@dataclass(frozen=True)
class PartsWithin:
    """Parts learnt within a foreground.

    Attributes:
        mean: (C,) of foreground cells.
        scale: (C,) what centred features are divided by: deviation, and the root of the layer's channels.
        centers: (M, C) of the fine clusters.
        parts: (M,) int64: the part, 0..K-1, of each fine cluster.
        temperature: squared distance that makes a factor e.
    """

    mean: Tensor
    scale: Tensor
    centers: Tensor
    parts: Tensor
    temperature: Tensor

    @property
    def num_parts(self) -> int:
        """K."""
        return int(self.parts.max()) + 1

    def __call__(self, features: Tensor) -> Tensor:
        """Soft parts (..., K), summing to 1, of features (..., C)."""
        distances = _squared_distances(_scaled(features, self.mean, self.scale), self.centers)
        fine = torch.softmax(-distances / self.temperature, dim=-1)
        return torch.zeros(*fine.shape[:-1], self.num_parts).index_add_(fine.ndim - 1, self.parts, fine)

    def renumbered(self, order: Tensor) -> PartsWithin:
        """The same parts, of which number i was `order[i]` before."""
        return replace(self, parts=order.argsort()[self.parts])

    def part_centers(self) -> Tensor:
        """(K, C) mean of the centres of each part's fine clusters."""
        members = torch.bincount(self.parts, minlength=self.num_parts)
        sums = torch.zeros(self.num_parts, self.centers.shape[1]).index_add_(0, self.parts, self.centers)
        return sums / members[:, None]

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name; `PartsWithin(**state)` is the same again."""
        return {name: getattr(self, name) for name in ("mean", "scale", "centers", "parts", "temperature")}


def fit_parts_within(
    features: Sequence[Tensor],
    foregrounds: Sequence[Tensor],
    num_parts: int,
    *,
    images: Callable[[int], np.ndarray] | None = None,
    layer_channels: Sequence[int] | None = None,
    fine_clusters: int = FINE_CLUSTERS,
    seed: int = 0,
) -> PartsWithin:
    """Learn K parts within the foreground of all images.

    Args:
        features: (h, w, C) of each image.
        foregrounds: (h, w) probabilities.
        num_parts: K.
        images: gives an image by its index, (h, w, 3) uint8, a pixel a cell; None leaves colours out.
        layer_channels: channels of each joined layer, so that layers weigh alike; None takes C as one layer.
        fine_clusters: how many clusters are merged to K parts; at least K are used.
        seed: of the clustering.

    Raises:
        DataError: if fewer than K cells belong to the foreground.
    """
    inside = torch.cat([f.flatten() > INSIDE for f in foregrounds])
    if int(inside.sum()) < num_parts:
        raise DataError(
            f"Expected at least {num_parts} foreground cells for {num_parts} parts, but got {int(inside.sum())}. "
            "Use more images, or no foreground."
        )
    mean, scale = _scaling(features, foregrounds, layer_channels)
    rows = torch.cat([_scaled(f, mean, scale).flatten(0, 1) for f in features])
    count = min(max(fine_clusters, num_parts), int(inside.sum()))
    centers = _cluster(rows[inside], count, seed)
    distances = _squared_distances(rows, centers)
    labels = distances.argmin(1)
    colours = None
    if images is not None:
        pixels = [images(i) for i in range(len(foregrounds))]
        grids = [f.shape for f in foregrounds]
        maps = [p.view(g) for p, g in zip(labels.split([g.numel() for g in grids]), grids, strict=True)]
        colours = colour_distances(pixels, maps, foregrounds, count)
    masses = torch.bincount(labels[inside], minlength=count).numpy()
    parts = torch.from_numpy(merge_clusters(centers, masses, num_parts, colours))
    temperature = (SOFTNESS * distances.mean()).clamp(min=1e-12)
    return PartsWithin(mean, scale, centers, parts, temperature)


def _scaling(
    features: Sequence[Tensor], foregrounds: Sequence[Tensor], layer_channels: Sequence[int] | None
) -> tuple[Tensor, Tensor]:
    rows = torch.cat([f[g > INSIDE].float() for f, g in zip(features, foregrounds, strict=True)])
    layers = torch.tensor(layer_channels or [rows.shape[1]])
    share = layers.float().sqrt().repeat_interleave(layers)
    return rows.mean(0), (rows.std(0, correction=0) + 1e-5) * share


def _scaled(features: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    return F.normalize((features.float() - mean) / scale, dim=-1)


def _cluster(rows: Tensor, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    sample = rows[torch.randperm(len(rows), generator=generator)[:SAMPLE_ROWS]]
    found = KMeans(count, restarts=1, max_iter=30, seed=seed).fit(sample)
    return torch.as_tensor(found.cluster_centers_).float()


def _squared_distances(rows: Tensor, centers: Tensor) -> Tensor:
    """(..., M) beyond that to the nearest centre."""
    squared = torch.cdist(rows, centers).square()
    return squared - squared.amin(-1, keepdim=True)
