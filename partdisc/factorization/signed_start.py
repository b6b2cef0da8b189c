"""Where factorizations of signed X start: W from clusters, singular vectors or chance; the basis follows from it."""

from __future__ import annotations

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.initialization import truncated_svd
from partdisc.factorization.kmeans import KMeans

INITS = ("kmeans", "svd", "random")
CLUSTER_FLOOR = 0.2  # what the paper adds to the cluster indicators
INNER_SWEEPS = 3  # over W for each read of X


def start_activations(reader: BlockReader, num_components: int, init: str, seed: int) -> torch.Tensor:
    """W > 0 of shape (K, M), or of this process's rows where several share X; the same however they share it.

    Args:
        reader: X, of shape (M, C), of any sign.
        num_components: K.
        init: one of `INITS`; see `SemiNMF`.
        seed: of all random numbers.
    """
    if init == "kmeans":
        return cluster_start(reader, cluster(reader, num_components, seed), num_components)
    generator = torch.Generator().manual_seed(seed)
    first, total = reader.place()
    W = reader.columns(num_components)
    own = slice(first, first + reader.shape[0])
    if init == "random":
        return W.copy_(torch.randn(num_components, total, generator=generator)[:, own].abs())
    left = truncated_svd(reader, num_components, generator)[0]
    tilt = left.sum(dim=1, dtype=torch.float64)
    reader.processes.add_up(tilt)
    W += 1 / total
    W[: len(left)] += (left * tilt.sign().to(left.dtype)[:, None]).clamp(min=0)
    return W


def cluster(reader: BlockReader, num_clusters: int, seed: int) -> KMeans:
    """At most `num_clusters` clusters of the rows of X."""
    count = min(num_clusters, reader.place()[1])
    model = KMeans(count, restarts=1, seed=seed, block_rows=reader.block_rows, device=reader.device)
    return model.fit(reader.source)


def cluster_start(reader: BlockReader, clusters: KMeans, num_components: int) -> torch.Tensor:
    """W (K, M) with the indicators of the rows' clusters and `CLUSTER_FLOOR` everywhere."""
    labels = torch.as_tensor(clusters.labels_).to(reader.device)
    W = reader.columns(num_components)
    W += CLUSTER_FLOOR
    W[labels, torch.arange(len(labels), device=reader.device)] += 1
    return W
