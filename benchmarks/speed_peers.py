"""What `speed.py` compares: NMF, k-means and DFF of partdisc and of its peers, each behind one small function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

MAX_ITER = 200


@dataclass
class Found:
    """What a solver found: X ≈ W H, or centres H and labels.

    Attributes:
        W: (M, K) activations, or None.
        H: (K, C) basis or centres.
        labels: (M,) of a clustering, or None.
        ends: for each pass over X, seconds from the start to its end; partdisc's only.
        errors: the error after each of the last of these passes.
    """

    W: np.ndarray | None
    H: np.ndarray
    labels: np.ndarray | None = None
    ends: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)


Solver = Callable[[torch.Tensor, int, int], Found]  # X, K, seed


class TimedBlocks:
    """X in memory that notes when each pass over it begins."""

    def __init__(self, X: torch.Tensor) -> None:
        self.X, self.shape, self.begun = X, tuple(X.shape), []

    def blocks(self, max_rows: int) -> Any:
        """Views of X, as `partdisc.factorization.RowBlocks` promises."""
        if max_rows > 256:  # not the look at the first rows
            self.begun.append(time.perf_counter())
        return iter(self.X.split(max_rows))


# -- NMF ----------------------------------------------------------------------------------------------------------


def partdisc_nmf(X: torch.Tensor, rank: int, seed: int) -> Found:
    from partdisc import non_negative_factorization

    source, start = TimedBlocks(X), time.perf_counter()
    found = non_negative_factorization(source, rank, seed=seed)
    ends = [t - start for t in [*source.begun[1:], time.perf_counter()]][-found.n_iter :]
    errors = [(2 * loss / found.square) ** 0.5 for loss in found.loss_history[1:]]
    return Found(found.W.numpy(), found.H.numpy(), ends=ends, errors=errors)


def scikit_learn(**options: Any) -> Callable[[], Solver]:
    def load() -> Solver:
        from sklearn.decomposition import NMF

        def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
            model = NMF(rank, init="nndsvda", max_iter=MAX_ITER, random_state=seed, **options)
            return Found(model.fit_transform(X.numpy()), model.components_)

        return solve

    return load


def scikit_learn_batches() -> Solver:
    from sklearn.decomposition import MiniBatchNMF

    def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
        model = MiniBatchNMF(rank, init="nndsvda", max_iter=MAX_ITER, random_state=seed)
        return Found(model.fit_transform(X.numpy()), model.components_)

    return solve


def torchnmf() -> Solver:
    from torchnmf.nmf import NMF

    def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
        torch.manual_seed(seed)
        model = NMF(X.shape, rank=rank)
        model.fit(X, beta=2, max_iter=MAX_ITER)
        return Found(model.H.detach().numpy(), model.W.detach().numpy().T)  # its H and W are W and Hᵀ here

    return solve


def overcomplete() -> Solver:
    import matplotlib
    import matplotlib.pyplot as plt

    if not hasattr(plt.cm, "get_cmap"):  # overcomplete 0.3 was written for a matplotlib that still had it
        plt.cm.get_cmap = matplotlib.colormaps.get_cmap
    from overcomplete.optimization import NMF

    def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
        torch.manual_seed(seed)
        Z, D = NMF(rank).fit(X, max_iter=MAX_ITER)
        return Found(Z.detach().numpy(), D.detach().numpy())

    return solve


NMF_PEERS = {
    "scikit-learn cd": scikit_learn(solver="cd"),
    "scikit-learn mu": scikit_learn(solver="mu"),
    "scikit-learn MiniBatchNMF": scikit_learn_batches,
    "torchnmf": torchnmf,
    "overcomplete": overcomplete,
}

# -- k-means ------------------------------------------------------------------------------------------------------


def partdisc_kmeans(X: torch.Tensor, rank: int, seed: int) -> Found:
    from partdisc.factorization import KMeans

    model = KMeans(rank, restarts=1, seed=seed).fit(X.numpy())
    return Found(None, model.cluster_centers_, model.labels_)


def scikit_learn_kmeans(name: str) -> Callable[[], Solver]:
    def load() -> Solver:
        import sklearn.cluster

        def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
            model = getattr(sklearn.cluster, name)(rank, n_init=1, random_state=seed).fit(X.numpy())
            return Found(None, model.cluster_centers_, model.labels_)

        return solve

    return load


def faiss_kmeans(**options: Any) -> Callable[[], Solver]:
    def load() -> Solver:
        import faiss

        def solve(X: torch.Tensor, rank: int, seed: int) -> Found:
            faiss.omp_set_num_threads(torch.get_num_threads())
            model = faiss.Kmeans(X.shape[1], rank, seed=seed, **options)
            model.train(X.numpy())
            return Found(None, model.centroids, model.index.search(X.numpy(), 1)[1][:, 0])

        return solve

    return load


KMEANS_PEERS = {
    "scikit-learn KMeans": scikit_learn_kmeans("KMeans"),
    "scikit-learn MiniBatchKMeans": scikit_learn_kmeans("MiniBatchKMeans"),
    "faiss (256 K rows, 25 iterations)": faiss_kmeans(),
    "faiss (all rows, 100 iterations)": faiss_kmeans(niter=100, max_points_per_centroid=10**9),
}

# -- DFF end to end: image files to heat maps ---------------------------------------------------------------------


def partdisc_dff(images: list[Path], rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """X and the basis."""
    import partdisc

    backbone = partdisc.create_backbone("tf_efficientnet_lite0", layers=["bn2"])
    features = [x.float().clamp(min=0) for x in partdisc.extract_features(backbone, images, image_size=448)]
    dff = partdisc.DeepFeatureFactorization(rank, backbone=backbone, foreground="none", seed=seed)
    for found in dff.fit_features(features).predict_features(features):
        found.resized()
    return torch.cat([x.flatten(0, 1) for x in features]).numpy(), dff.components_.numpy()


def grad_cam_dff() -> Callable[[list[Path], int, int], tuple[np.ndarray, np.ndarray]]:
    from PIL import Image
    from pytorch_grad_cam import DeepFeatureFactorization

    import partdisc

    class Features(torch.nn.Module):
        """The same network, its last layer after the ReLU."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = partdisc.create_backbone("tf_efficientnet_lite0", layers=["bn2"])
            self.last = torch.nn.ReLU()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.found = self.last(self.backbone(images))
            return self.found

    def solve(images: list[Path], rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        pictures = [np.asarray(Image.open(path).convert("RGB").resize((320, 448))) for path in images]
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
        model = Features().eval()
        with torch.no_grad():
            concepts, _ = DeepFeatureFactorization(model, model.last)(batch, rank)
        return model.found.permute(0, 2, 3, 1).flatten(0, 2).numpy(), concepts.T.clip(min=0)

    return solve
