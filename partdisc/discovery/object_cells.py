"""The cells that lie inside the objects of a sample of images, with what fine clusters are made and merged from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.discovery.inside import INSIDE, RowsInside
from partdisc.discovery.merging import (
    ColourDistances,
    colour_distances,
    lab_colours,
    meetings,
    merge_clusters,
)
from partdisc.discovery.voting import scaled
from partdisc.errors import DataError
from partdisc.factorization import KMeans
from partdisc.factorization.blocks import open_blocks
from partdisc.factorization.initialization import truncated_svd
from partdisc.factorization.lloyd import beyond_own_squares, nearest_center
from partdisc.rows import BLOCK_ROWS, mean_and_deviation
from partdisc.spacing import evenly
from partdisc.threads import spread

SAMPLE_IMAGES = 256  # evenly spaced
SAMPLE_ROWS = 10_000  # of each clustering
MAX_ITER = 8  # what votes need is variety: 15 ended no better
DIRECTIONS = 48  # kept of the cells for k-means
COLOUR_SHARES = (0.2, 0.3, 0.4, 0.5)  # what a part is hangs on the share: each is tried, and all vote
SOFTNESS = 0.05  # temperature, in units of the mean squared distance beyond the nearest centre


@dataclass(frozen=True)
class ObjectCells:
    """Cells inside the objects of some images.

    Attributes:
        mean: (C,) of all cells.
        scale: (C,) deviation times the root of the layer's channels, so that layers weigh alike.
        rows: (n, C) scaled, in the order of images.
        counts: cells of each image.
        weights: (n,) float64 probability of foreground.
        colours: (n, 3) CIELAB, or None.
    """

    mean: Tensor
    scale: Tensor
    rows: Tensor
    counts: tuple[int, ...]
    weights: np.ndarray
    colours: np.ndarray | None

    def colour_distances(self, labels: Tensor, count: int) -> ColourDistances | None:
        """How unlike clusters are in colour, `labels` (n,) being the cluster of each cell."""
        if self.colours is None:
            return None
        return colour_distances(self.colours, self.weights, labels.numpy(), self.counts, count)

    def meetings(self, labels: Tensor, count: int) -> np.ndarray:
        """How much clusters occur in the same images, `labels` (n,) being the cluster of each cell."""
        return meetings(self.weights, labels.numpy(), self.counts, count)

    def owners(self) -> Tensor:
        """(n,) int64 number of the image of each cell."""
        return torch.arange(len(self.counts)).repeat_interleave(torch.tensor(self.counts))


@dataclass(frozen=True)
class FineClusters:
    """Fine clusters of cells, which merge to any smaller number of parts.

    Attributes:
        centers: (M, L) as k-means saw the cells.
        soft: (m, M) soft cluster of the cells that vote.
        masses: (M,) cells of each cluster.
        colours: how unlike they are in colour, or None.
        met: (M, M) how much they occur in the same images.
    """

    centers: Tensor
    soft: Tensor
    masses: np.ndarray
    colours: ColourDistances | None
    met: np.ndarray

    def merged(self, num_parts: int, exclusion: float = 0.0) -> list[Tensor]:
        """(m, K) soft parts of the cells that vote, once for each share that colours may have in them.

        See `merge_clusters` for `exclusion`.
        """
        merge = partial(merge_clusters, self.centers, self.masses, num_parts, self.colours)
        shares = COLOUR_SHARES if self.colours is not None else (0.0,)
        found = [merge(colour_share=share, met=self.met, exclusion=exclusion) for share in shares]
        return [self.soft @ F.one_hot(torch.from_numpy(parts), num_parts).float() for parts in found]


def collect_cells(features: RowsInside) -> ObjectCells:
    """The cells of evenly spaced images that lie inside objects.

    Raises:
        DataError: if there are none.
    """
    chosen = evenly(range(len(features.features)), SAMPLE_IMAGES)
    return join_cells(list(spread(partial(_cells, features), chosen)), features.key)


def join_cells(
    found: Sequence[tuple[Tensor, np.ndarray, np.ndarray | None]], key: Mapping[str, Any]
) -> ObjectCells:
    """The cells of several images: of each rows (n, C), weights (n,), and colours (n, 3) where they are known.

    Args:
        found: of each image.
        key: of the features, which knows the channels of each layer.

    Raises:
        DataError: if there are none, or values are not finite.
    """
    rows = torch.cat([rows for rows, _, _ in found])
    if not len(rows):
        raise DataError(
            "Expected cells inside objects, but the foreground holds none. Use --foreground none."
        )
    layers = key.get("backbone", {}).get("channels") or [rows.shape[1]]
    mean, scale = _scaling(rows, layers)
    if not torch.isfinite(mean).all():
        raise DataError("Expected finite features, but found NaN or infinity.")
    colours = [lab for _, _, lab in found if lab is not None]
    return ObjectCells(
        mean,
        scale,
        torch.cat(list(spread(lambda some: scaled(some, mean, scale), rows.split(BLOCK_ROWS)))),
        tuple(len(rows) for rows, _, _ in found),
        np.concatenate([weights for _, weights, _ in found]),
        np.concatenate(colours) if colours else None,
    )


def leading_coordinates(cells: ObjectCells) -> Tensor:
    """Cells (n, L) in their leading directions, at most 48: k-means ends as well there, at a fraction of the time."""
    reader = open_blocks(cells.rows - cells.rows.mean(0))
    directions = truncated_svd(reader, DIRECTIONS, torch.Generator().manual_seed(0))[2]
    return (cells.rows @ directions.T).contiguous()


def find_fine_clusters(
    cells: ObjectCells, rows: Tensor, voters: Tensor, count: int, seed: int
) -> FineClusters:
    """k-means of cells: `count` clusters, fewer where there are fewer cells.

    Args:
        cells: what is clustered.
        rows: (n, L) the cells as k-means sees them; see `leading_coordinates`.
        voters: (m,) which cells vote.
        count: clusters at most.
        seed: of the sample and of the start.
    """
    generator = torch.Generator().manual_seed(seed)
    sample = rows[torch.randperm(len(rows), generator=generator)[:SAMPLE_ROWS]]
    kmeans = KMeans(min(count, len(sample)), init="k-means++", restarts=1, max_iter=MAX_ITER, seed=seed)
    centers = kmeans.fit(sample).cluster_centers_.float()
    beyond = beyond_own_squares(rows, centers)
    least, labels = nearest_center(beyond)
    beyond -= least
    soft = torch.softmax(-beyond[:, voters] / (SOFTNESS * beyond.mean()).clamp(min=1e-12), dim=0).T
    masses = torch.bincount(labels, minlength=len(centers)).numpy()
    count = len(centers)
    colours, met = cells.colour_distances(labels, count), cells.meetings(labels, count)
    return FineClusters(centers, soft, masses, colours, met)


def _cells(features: RowsInside, index: int) -> tuple[Tensor, np.ndarray, np.ndarray | None]:
    cells, probability = features.features[index], features.foreground_of(index)
    if probability is None:
        probability = torch.ones(cells.shape[:2])
    inside = probability > INSIDE
    colours = None if features.pictures is None else _colours(features.pictures(index), inside)
    return cells[inside].float(), probability[inside].double().numpy(), colours


def _colours(picture: np.ndarray, inside: Tensor) -> np.ndarray:
    h, w = inside.shape
    return lab_colours(picture, (h, w))[inside.numpy()]


def _scaling(rows: Tensor, layer_channels: Sequence[int]) -> tuple[Tensor, Tensor]:
    layers = torch.tensor(list(layer_channels))
    share = layers.float().sqrt().repeat_interleave(layers)
    mean, deviation = mean_and_deviation(rows)
    return mean, (deviation + 1e-5) * share
