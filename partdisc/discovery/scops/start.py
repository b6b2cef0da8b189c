"""Where training starts: parts that another method finds in the same features, taught to the head as a classifier.

The discovered parts are soft labels of the features' rows; multinomial logistic regression on them gives the head's
central taps, and the mean of the teacher's features over each part its row of the basis. So the first step of
training already sees the parts of the method it starts from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.inside import INSIDE, Pictures, RowsInside
from partdisc.discovery.scaling import FeatureScaling, channel_statistics, standardizing
from partdisc.discovery.two_stage import TwoStageClustering
from partdisc.errors import DataError
from partdisc.store.features import FeatureSet

MAX_ROWS = 40_000  # rows that the start is learnt from
PENALTY = 1e-3


@dataclass(frozen=True)
class Start:
    """What training begins with.

    Attributes:
        mean: (C,) to standardise the head's features.
        scale: (C,) likewise.
        basis: (K, C') >= 0.
        weight: (K', C) of the head's central taps, or None for a random head.
        bias: (K',), or None.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor
    weight: Tensor | None = None
    bias: Tensor | None = None


def find_start(
    features: FeatureSet,
    scaling: FeatureScaling,
    num_parts: int,
    *,
    method: str,
    seed: int,
    foreground: Mapping[str, np.ndarray] | None = None,
    pictures: Pictures | None = None,
) -> Start:
    """Find what training begins with.

    Args:
        features: with the teacher.
        scaling: makes the teacher's features non-negative.
        num_parts: K.
        method: "two-stage", "kmeans", "dff" or "random".
        seed: of all random numbers.
        foreground: (h, w) maps in [0, 1] by image id; None has no background.
        pictures: gives image `index`, (h n, w n, 3) uint8, whose colours two-stage looks at.

    Raises:
        DataError: if the foreground has fewer cells than there are parts.
    """
    standard = standardizing(channel_statistics(features))
    chosen = _sample(features, seed)
    rows = torch.cat([features[i].flatten(0, 1)[cells] for i, cells in chosen]).float()
    targets = scaling(rows)
    if method == "random":
        generator = torch.Generator().manual_seed(seed)
        basis = torch.rand(num_parts, targets.shape[1], generator=generator)
        return Start(standard.mean, standard.scale, basis)
    inside = None
    if foreground is not None:
        inside = torch.cat([_cells(features, i, foreground)[cells] for i, cells in chosen])
        _check_enough(int((inside > INSIDE).sum()), num_parts)
    if method == "two-stage":
        scores = _voted(rows, InsideKnown(features, foreground, pictures), num_parts, seed)
    else:
        scores = _found(rows, inside, num_parts, method, seed)
    weights = scores if inside is None else scores * inside[:, None]
    basis = weights.T @ targets / weights.sum(dim=0)[:, None].clamp(min=1e-6)
    labels = scores if inside is None else torch.cat([1 - inside[:, None], weights], dim=1)
    weight, bias = logistic_regression(standard(rows), labels)
    return Start(standard.mean, standard.scale, basis, weight, bias)


def logistic_regression(rows: Tensor, labels: Tensor, max_iter: int = 60) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression on soft labels, by L-BFGS from zero.

    Args:
        rows: (m, C) standardised features.
        labels: (m, L), each row a distribution.
        max_iter: iterations at most.

    Returns:
        Weight (L, C) and bias (L,).
    """
    L, C = labels.shape[1], rows.shape[1]
    weight, bias = torch.zeros(L, C, requires_grad=True), torch.zeros(L, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=max_iter, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(rows @ weight.T + bias, labels) + PENALTY * weight.square().sum() / 2
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[arg-type]
    return weight.detach(), bias.detach()


def _check_enough(cells: int, num_parts: int) -> None:
    if cells < num_parts:
        raise DataError(
            f"Expected a foreground of at least {num_parts} grid cells for {num_parts} parts, got {cells}. "
            "Ask for fewer parts, or have no background (--foreground none)."
        )


class InsideKnown(RowsInside):
    """The rows inside a foreground that is known on the grid of every image.

    Args:
        features: of all images.
        known: (h, w) maps in [0, 1] by image id; None keeps every row.
        pictures: see `RowsInside`.
    """

    def __init__(
        self, features: FeatureSet, known: Mapping[str, np.ndarray] | None, pictures: Pictures | None
    ) -> None:
        super().__init__(features, None, known, pictures)
        self.known = known

    def foreground_of(self, index: int) -> Tensor | None:
        """Probability of foreground (h, w) of one image; None where every cell is inside."""
        if self.known is None:
            return None
        return _cells(self.features, index, self.known).view(self.features.entries[index].grid)


def _voted(rows: Tensor, inside: InsideKnown, num_parts: int, seed: int) -> Tensor:
    """(m, K) scores of rows, by what several clusterings inside the foreground agree on."""
    discoverer = TwoStageClustering(num_parts, seed=seed, device="cpu", foreground="none")
    discoverer.num_parts_ = num_parts
    discoverer._fit_features(inside)
    return discoverer._part_scores(rows)


def _found(rows: Tensor, inside: Tensor | None, num_parts: int, method: str, seed: int) -> Tensor:
    """(m, K) scores of all rows, by parts found among those inside the foreground."""
    found = rows if inside is None else rows[inside > INSIDE]
    discoverer = {"kmeans": FeatureClustering, "dff": DeepFeatureFactorization}[method](
        num_parts, seed=seed, device="cpu", foreground="none"
    )
    discoverer.fit_features([found[None]])
    return discoverer._part_scores(rows)


def _sample(features: FeatureSet, seed: int) -> list[tuple[int, Tensor]]:
    """(image, its cells) for about `MAX_ROWS` rows, evenly over all images."""
    share = min(1.0, MAX_ROWS / features.shape[0])
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for index, entry in enumerate(features.entries):
        count = max(1, math.ceil(share * entry.num_rows))
        cells = torch.randperm(entry.num_rows, generator=generator)[:count].sort().values
        chosen.append((index, cells))
    return chosen


def _cells(features: FeatureSet, index: int, foreground: Mapping[str, np.ndarray]) -> Tensor:
    """(h w,) foreground of an image's cells."""
    entry = features.entries[index]
    known = torch.as_tensor(np.asarray(foreground[entry.id])).float()
    return F.interpolate(known[None, None], entry.grid, mode="area").flatten()
