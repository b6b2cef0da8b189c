"""k-means by Lloyd's algorithm over row blocks: one read of X for each iteration.

A block's distances ‖x − c‖² = ‖x‖² − 2⟨x, c⟩ + ‖c‖² come from one matrix product; of the nearest centre only the
label is kept, and the sums of each cluster are added up in float64 while the block is in the cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from partdisc.errors import ConfigError, DataError
from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.checks import check_choice, check_count, check_number
from partdisc.factorization.contract import Estimator
from partdisc.factorization.sampling import pick_rows, sample_rows
from partdisc.factorization.survey import survey
from partdisc.threads import one_thread, spread

INITS = ("k-means++", "random")
ROUNDING = 1e-5  # starts whose inertias differ by less end alike, and the first of them counts
SAMPLE_ROWS = 32_768  # starts are drawn among this many rows at most, so that memory stays bounded


@dataclass(frozen=True)
class Clustering:
    """Centres and what one pass over X says of them.

    Attributes:
        centers: (K, C).
        labels: (M,) int64, the nearest centre of each row, ties to the lower one.
        inertia: sum of squared distances to the nearest centre.
        inertia_history: the inertia before each iteration and at the end; never rises.
        n_iter: iterations done.
    """

    centers: torch.Tensor
    labels: torch.Tensor
    inertia: float
    inertia_history: list[float]
    n_iter: int


@dataclass(frozen=True)
class _Assignment:
    labels: torch.Tensor
    distances: torch.Tensor  # (M,) squared, to the nearest centre
    sums: torch.Tensor  # (K, C) float64
    counts: torch.Tensor  # (K,) float64
    inertia: float


class KMeans(Estimator):
    """k-means clustering of the rows of X (M, C) into K clusters.

    X may be an array, a tensor or a `RowBlocks` that is read block by block. numpy in, numpy out.

    Args:
        num_clusters: K.
        init: "k-means++" (Arthur and Vassilvitskii 2007, the best of 2 + log K candidates each), "random" rows, or an
            array (K, C) of centres.
        restarts: how many starts are tried, the one of least inertia is kept; an array is tried once.
        max_iter: iterations at most.
        tol: stop once the centres' squared shift is at most `tol` times the mean variance of the columns of X;
            it also stops when no label changes.
        seed: of all random numbers.
        block_rows: rows of X handled at once; None chooses by cache and C.
        device: where to compute; None means where X lies.

    Attributes:
        cluster_centers_: (K, C).
        labels_: (M,) int64.
        inertia_: sum of squared distances of the rows to their centre.
        n_iter_: iterations of the best start.

    A cluster that loses all its rows moves to the row that lies farthest from its own centre.

    >>> import numpy as np
    >>> X = np.array([[0.0, 0], [0, 1], [9, 9], [9, 8]])
    >>> model = KMeans(2, seed=0).fit(X)
    >>> model.inertia_, model.predict([[8.0, 8]]) == model.labels_[2]
    (1.0, array([ True]))
    """

    def __init__(
        self,
        num_clusters: int,
        *,
        init: Any = "k-means++",
        restarts: int = 4,
        max_iter: int = 300,
        tol: float = 1e-4,
        seed: int = 0,
        block_rows: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.num_clusters = num_clusters
        self.init = init
        self.restarts = restarts
        self.max_iter = max_iter
        self.tol = tol
        self.seed = seed
        self.block_rows = block_rows
        self.device = device

    @one_thread()
    def fit(self, X: Any, y: Any = None) -> KMeans:
        """Cluster the rows of X; y is ignored. Returns self.

        Raises:
            DataError: if X is not finite, empty, or has fewer rows than clusters.
            ConfigError: if an argument is out of its range.
        """
        check_count("num_clusters", self.num_clusters)
        check_count("restarts", self.restarts)
        check_count("max_iter", self.max_iter)
        check_number("tol", self.tol)
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        survey(reader, signed=True)
        if (rows := reader.place()[1]) < self.num_clusters:
            raise DataError(
                f"Expected at least as many rows as clusters, but got {rows} rows for "
                f"num_clusters={self.num_clusters}. Lower it, or add images."
            )
        allowed = self.tol * _mean_variance(reader)
        attempts = self.restarts if isinstance(self.init, str) else 1
        best = lloyd(reader, self._start(reader, self.seed), self.max_iter, allowed)
        for attempt in range(1, attempts):
            found = lloyd(reader, self._start(reader, self.seed + attempt), self.max_iter, allowed)
            if found.inertia < (1 - ROUNDING) * best.inertia:
                best = found
        self.cluster_centers_ = reader.restore(best.centers)
        self.labels_ = reader.restore(best.labels)
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Cluster the rows of X and return their labels (M,)."""
        return self.fit(X).labels_

    @one_thread()
    def predict(self, X: Any) -> Any:
        """The nearest centre of each row of X, (M,) int64."""
        reader, centers = self._open(X)
        return reader.restore(_assign(reader, centers).labels)

    @one_thread()
    def transform(self, X: Any) -> Any:
        """Distances of the rows of X to all centres, (M, K)."""
        reader, centers = self._open(X)
        distances = torch.empty(reader.shape[0], len(centers), dtype=reader.dtype, device=reader.device)
        for rows, block in reader:
            distances[rows] = _squared_distances(block, centers).sqrt_()
        return reader.restore(distances)

    def _start(self, reader: BlockReader, seed: int) -> torch.Tensor:
        if not isinstance(self.init, str):
            return _given_centers(reader, self.num_clusters, self.init)
        check_choice("init", self.init, INITS)
        generator = torch.Generator().manual_seed(seed)
        sample = sample_rows(reader, SAMPLE_ROWS, generator)
        if self.init == "random":
            chosen = torch.randperm(len(sample), generator=generator)[: self.num_clusters]
            return sample[chosen.to(sample.device)]
        return plus_plus(sample, self.num_clusters, generator)

    def _open(self, X: Any) -> tuple[BlockReader, torch.Tensor]:
        self._check_fitted("cluster_centers_")
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        survey(reader, signed=True)
        centers = torch.as_tensor(self.cluster_centers_).to(device=reader.device, dtype=reader.dtype)
        if reader.shape[1] != centers.shape[1]:
            raise DataError(
                f"Expected X with {centers.shape[1]} columns, as in fit, but got {reader.shape[1]}. "
                "Take the features of the same backbone and layers."
            )
        return reader, centers


def lloyd(reader: BlockReader, centers: torch.Tensor, max_iter: int, allowed_shift: float) -> Clustering:
    """Alternate assignment and means from `centers` (K, C) until nothing moves (Lloyd 1982).

    Args:
        reader: X of shape (M, C).
        centers: the start; not changed.
        max_iter: iterations at most.
        allowed_shift: stop once the squared shift of all centres is at most this.
    """
    processes = reader.processes
    processes.agree(centers)
    found = _assign(reader, centers)
    history = [found.inertia]
    shift, settled = math.inf, False
    while len(history) <= max_iter and shift > allowed_shift and not settled:
        moved = _means(reader, found)
        processes.agree(moved)
        shift = (moved - centers).double().square().sum().item()
        centers, labels = moved, found.labels
        found = _assign(reader, centers)
        history.append(found.inertia)
        settled = all(processes.gather(torch.equal(labels, found.labels)))
    return Clustering(centers, found.labels, found.inertia, history, len(history) - 1)


def plus_plus(sample: torch.Tensor, num_clusters: int, generator: torch.Generator) -> torch.Tensor:
    """Greedy k-means++ over the rows of `sample` (m, C); returns centres (K, C)."""
    trials = 2 + int(torch.tensor(float(num_clusters)).log())
    first = int(torch.randint(len(sample), (1,), generator=generator))
    centers = [sample[first]]
    nearest = _squared_distances(sample, centers[0][None])[:, 0]
    for _ in range(1, num_clusters):
        draws = torch.rand(trials, generator=generator, dtype=torch.float64).to(sample.device)
        mass = nearest.double().cumsum(0)
        candidates = torch.searchsorted(mass, draws * mass[-1]).clamp(max=len(sample) - 1)
        options = torch.minimum(_squared_distances(sample, sample[candidates]), nearest[:, None])
        best = int(options.double().sum(0).argmin())
        nearest = options[:, best].contiguous()
        centers.append(sample[candidates[best]])
    return torch.stack(centers)


def _assign(reader: BlockReader, centers: torch.Tensor) -> _Assignment:
    K = len(centers)
    labels, distances = reader.columns(1, torch.int64)[0], reader.columns(1)[0]
    sums = torch.zeros(centers.shape, dtype=torch.float64, device=reader.device)

    def visit(item: tuple[slice, torch.Tensor]) -> torch.Tensor:
        rows, block = item
        distances[rows], labels[rows] = _squared_distances(block, centers).min(dim=1)
        indicator = torch.nn.functional.one_hot(labels[rows], K).to(reader.dtype)
        return indicator.T @ block

    for share in spread(visit, reader, reader.device):
        sums += share
    counts, inertia = torch.bincount(labels, minlength=K).double(), distances.sum(dtype=torch.float64)
    reader.processes.add_up(sums, counts, inertia)
    return _Assignment(labels, distances, sums, counts, inertia.item())


def _means(reader: BlockReader, found: _Assignment) -> torch.Tensor:
    """The clusters' means; an empty cluster takes the row farthest from its centre, which leaves its cluster."""
    sums, counts = found.sums.clone(), found.counts.clone()
    empty = (counts == 0).nonzero().flatten()
    if len(empty):
        for cluster, (_, label, x) in zip(empty, _farthest(reader, found, len(empty)), strict=True):
            sums[label] -= x
            counts[label] -= 1
            sums[cluster], counts[cluster] = x, 1
    return (sums / counts.clamp(min=1)[:, None]).to(reader.dtype)


def _farthest(reader: BlockReader, found: _Assignment, count: int) -> list[tuple[float, int, torch.Tensor]]:
    """Distance, label and row of those that lie farthest from their centres, in all processes."""
    distances, rows = found.distances.topk(min(count, len(found.distances)))
    picked = pick_rows(reader, rows).double().cpu()
    own = list(zip(distances.tolist(), found.labels[rows].tolist(), picked, strict=True))
    everywhere = [item for items in reader.processes.gather(own) for item in items]
    everywhere.sort(key=lambda item: -item[0])
    return [(distance, label, x.to(reader.device)) for distance, label, x in everywhere[:count]]


def _squared_distances(block: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """(m, K), never below zero by rounding."""
    squares = block.square().sum(dim=1, keepdim=True) + centers.square().sum(dim=1)
    return squares.addmm_(block, centers.T, alpha=-2).clamp_(min=0)


def _mean_variance(reader: BlockReader) -> float:
    total = torch.zeros(reader.shape[1], dtype=torch.float64, device=reader.device)
    squares = total.clone()
    for _, block in reader:
        total += block.double().sum(dim=0)
        squares += block.double().square().sum(dim=0)
    reader.processes.add_up(total, squares)
    M = reader.place()[1]
    return max(0.0, (squares / M - (total / M).square()).mean().item())


def _given_centers(reader: BlockReader, num_clusters: int, init: Any) -> torch.Tensor:
    centers = torch.as_tensor(init).to(device=reader.device, dtype=reader.dtype, copy=True)
    expected = (num_clusters, reader.shape[1])
    if tuple(centers.shape) != expected or not torch.isfinite(centers).all():
        raise ConfigError(
            f"Expected finite starting centres of shape {expected}, but got {tuple(centers.shape)}."
        )
    return centers
