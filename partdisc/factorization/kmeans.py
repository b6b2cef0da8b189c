"""k-means of rows of numbers: where it starts, and the estimator.

The start decides how good the end is, and late iterations cost as much as early ones. So by default starts are made
and followed to their end on a small copy of X, and only the best goes on in X itself (see `compressed` for the copy;
that clusters survive it: Boutsidis et al. 2015, Cohen et al. 2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from partdisc.checks import check_array, check_choice, check_count
from partdisc.errors import ConfigError, DataError
from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.checks import check_descent
from partdisc.factorization.compressed import Sketch, make_sketch
from partdisc.factorization.contract import Estimator
from partdisc.factorization.lloyd import assign, cluster_sums, lloyd, row_norms, squared_distances
from partdisc.factorization.sampling import sample_rows
from partdisc.factorization.streaming import CenterSums, absorb_rows
from partdisc.factorization.survey import survey
from partdisc.threads import one_thread

INITS = ("compressed", "k-means++", "random")
ROUNDING = 1e-5  # starts whose inertias differ by less end alike, and the first of them counts
SAMPLE_ROWS = 32_768  # starts are drawn among this many rows at most, so that memory stays bounded


class KMeans(Estimator):
    """k-means clustering of the rows of X (M, C) into K clusters.

    X may be an array, a tensor or a `RowBlocks` that is read block by block. numpy in, numpy out.

    Args:
        num_clusters: K.
        init: "compressed" starts with "k-means++" on a small copy of X and follows it there to its end; "k-means++"
            (Arthur and Vassilvitskii 2007, the best of 2 + log K candidates each), "random" rows, or an array (K, C)
            of centres.
        restarts: how many starts are tried, the one of least inertia is kept, with "compressed" by the inertia in
            the copy; an array is tried once.
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
        n_batches_: batches that `partial_fit` took.

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
        init: Any = "compressed",
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
        check_descent(self.max_iter, self.tol, self.seed)
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        norms = row_norms(reader)
        if (rows := reader.place()[1]) < self.num_clusters:
            raise DataError(
                f"Expected at least as many rows as clusters, but got {rows} rows for "
                f"num_clusters={self.num_clusters}. Lower it, or add images."
            )
        starts = self._starts(reader)
        best = lloyd(reader, norms, next(starts), self.max_iter, self.tol)
        for start in starts:
            found = lloyd(reader, norms, start, self.max_iter, self.tol)
            if found.inertia < (1 - ROUNDING) * best.inertia:
                best = found
        self.cluster_centers_ = reader.restore(best.centers)
        self.labels_ = reader.restore(best.labels)
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self.stream_: CenterSums | None = None
        return self

    @one_thread()
    def partial_fit(self, X: Any, y: Any = None) -> KMeans:
        """Move the centres by one batch of rows from a stream; the first batch starts them, if `fit` did not.

        See `streaming.absorb_rows` for the method. `labels_` and `inertia_` are those of the batch, by the centres as
        they were before it.

        Raises:
            DataError: as in `fit`, or if X has other columns than the batches before.
        """
        if not hasattr(self, "cluster_centers_"):
            self.fit(X)
        reader, centers = self._open(X)
        found = assign(reader, row_norms(reader), centers)
        self.stream_ = absorb_rows(found, self.stream_)
        self.cluster_centers_ = reader.restore(self.stream_.centers(centers))
        self.labels_ = reader.restore(found.labels)
        self.inertia_ = found.inertia
        self.n_batches_ = self.stream_.batches
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Cluster the rows of X and return their labels (M,)."""
        return self.fit(X).labels_

    @one_thread()
    def predict(self, X: Any) -> Any:
        """The nearest centre of each row of X, (M,) int64."""
        reader, centers = self._open(X)
        return reader.restore(assign(reader, row_norms(reader), centers).labels)

    @one_thread()
    def transform(self, X: Any) -> Any:
        """Distances of the rows of X to all centres, (M, K)."""
        reader, centers = self._open(X)
        survey(reader, signed=True)
        distances = torch.empty(reader.shape[0], len(centers), dtype=reader.dtype, device=reader.device)
        for rows, block in reader:
            distances[rows] = squared_distances(block, centers, block.square().sum(dim=1)).sqrt_().T
        return reader.restore(distances)

    def _starts(self, reader: BlockReader) -> Iterator[torch.Tensor]:
        if not isinstance(self.init, str):
            yield _given_centers(reader, self.num_clusters, self.init)
            return
        check_choice("init", self.init, INITS)
        if self.init == "compressed":
            generator = torch.Generator().manual_seed(self.seed)
            sketch = make_sketch(reader, self.num_clusters, generator)
            yield search_centers(sketch, self.num_clusters, self.restarts, self.max_iter, self.tol, generator)
            return
        for attempt in range(self.restarts):
            generator = torch.Generator().manual_seed(self.seed + attempt)
            sample = sample_rows(reader, SAMPLE_ROWS, generator)
            if self.init == "random":
                chosen = torch.randperm(len(sample), generator=generator)[: self.num_clusters]
                yield sample[chosen.to(sample.device)]
            else:
                yield plus_plus(sample, self.num_clusters, generator)

    def _open(self, X: Any) -> tuple[BlockReader, torch.Tensor]:
        self._check_fitted("cluster_centers_")
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        centers = torch.as_tensor(self.cluster_centers_).to(device=reader.device, dtype=reader.dtype)
        if reader.shape[1] != centers.shape[1]:
            raise DataError(
                f"Expected X with {centers.shape[1]} columns, as in fit, but got {reader.shape[1]}. "
                "Take the features of the same backbone and layers."
            )
        return reader, centers


def search_centers(
    sketch: Sketch, num_clusters: int, restarts: int, max_iter: int, tol: float, generator: torch.Generator
) -> torch.Tensor:
    """Cluster what stands for X, several times; returns the means (K, C) of the sampled rows in the best."""
    small = open_blocks(sketch.coordinates)
    norms = row_norms(small)
    starts = (plus_plus(sketch.coordinates, num_clusters, generator) for _ in range(restarts))
    best = min(
        (lloyd(small, norms, start, max_iter, tol) for start in starts), key=lambda found: found.inertia
    )
    counts = torch.bincount(best.labels, minlength=num_clusters)
    means = cluster_sums(sketch.rows, best.labels, num_clusters) / counts.clamp(min=1)[:, None]
    empty = (counts == 0).nonzero().flatten()
    means[empty] = sketch.rows[: len(empty)]
    return means


def plus_plus(sample: torch.Tensor, num_clusters: int, generator: torch.Generator) -> torch.Tensor:
    """Greedy k-means++ over the rows of `sample` (m, C); returns centres (K, C)."""
    trials = 2 + int(torch.tensor(float(num_clusters)).log())
    first = int(torch.randint(len(sample), (1,), generator=generator))
    centers = [sample[first]]
    squares = sample.square().sum(dim=1)
    nearest = squared_distances(sample, centers[0][None], squares)[0]
    for _ in range(1, num_clusters):
        draws = torch.rand(trials, generator=generator, dtype=torch.float64).to(sample.device)
        mass = nearest.double().cumsum(0)
        candidates = torch.searchsorted(mass, draws * mass[-1]).clamp(max=len(sample) - 1)
        options = torch.minimum(squared_distances(sample, sample[candidates], squares), nearest)
        best = int(options.sum(dim=1, dtype=torch.float64).argmin())
        nearest = options[best]
        centers.append(sample[candidates[best]])
    return torch.stack(centers)


def _given_centers(reader: BlockReader, num_clusters: int, init: Any) -> torch.Tensor:
    if not isinstance(init, torch.Tensor):
        init = check_array("starting centres", init, "(K, C)")
    centers = torch.as_tensor(init).to(device=reader.device, dtype=reader.dtype, copy=True)
    expected = (num_clusters, reader.shape[1])
    if tuple(centers.shape) != expected or not torch.isfinite(centers).all():
        raise ConfigError(
            f"Expected finite starting centres of shape {expected}, but got {tuple(centers.shape)}."
        )
    return centers
