"""What a user could install or write today. None knows a background: each fits K + 1 clusters.

Peers that factorize the same features as ours fit at most `SAMPLE_ROWS` of them, drawn at random, and label all.
Package versions and what each does are in docs/quality.md.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import torch

from benchmarks.quality.features import DEFAULT, LAST, in_order
from benchmarks.quality.tasks import Labelled, Task, label_rows
from partdisc.discovery import DeepFeatureFactorization
from partdisc.discovery.scaling import (
    FeatureScaling,
    ScaledBlocks,
    channel_statistics,
    non_negative_scaling,
    standardizing,
)
from partdisc.store.features import FeatureSet

SAMPLE_ROWS = 30_000
MAX_ITER = 200  # of scikit-learn (its default) and of the paper


def dff_of_the_paper(task: Task) -> Labelled:
    """Last ReLU, images squashed to 14 x 14 cells, multiplicative updates from a random start, at most 200."""
    features = task.features(LAST)
    with task.clock:
        dff = DeepFeatureFactorization(
            task.group.num_parts + 1, solver="mu", init="random", max_iter=MAX_ITER, tol=1e-4, seed=task.seed
        )
        found = dff.fit_features(features).predict_features(features)
        positions = in_order(LAST, features, task.group)
        maps = [
            replace(found[n], size=image.size, image_id=image.id)
            for n, image in zip(positions, task.group.images, strict=True)
        ]
        return Labelled(dff.num_parts, [m.to_labels() for m in maps], maps)


def grad_cam(task: Task) -> Labelled:
    """pytorch-grad-cam's `dff` on the activations of all images at once; its random state is fixed."""
    from pytorch_grad_cam.feature_factorization.deep_feature_factorization import dff

    features = task.features(LAST)
    side = features.entries[0].grid
    activations = features.matrix().numpy().reshape(len(features), *side, -1).transpose(0, 3, 1, 2)
    with task.clock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its NMF says that it has not converged
        concepts, heat = dff(activations, task.group.num_parts + 1)
        rows = heat.transpose(0, 2, 3, 1).reshape(-1, heat.shape[1])
        return label_rows(task, LAST, shares(rows * np.linalg.norm(concepts, axis=0)))


def overcomplete_nmf(task: Task) -> Labelled:
    """Overcomplete's NMF (HALS) with its defaults."""
    NMF = _overcomplete()
    features = task.features(DEFAULT)
    with task.clock:
        X = non_negative(features)
        torch.manual_seed(task.seed)
        np.random.seed(task.seed)  # noqa: NPY002 - its start draws from the global generator
        model = NMF(task.group.num_parts + 1)
        model.fit(torch.from_numpy(sample(X, task.seed)))
        codes = model.encode(torch.from_numpy(X)).detach().numpy()
        return label_rows(task, DEFAULT, shares(codes * np.linalg.norm(model.D.detach().numpy(), axis=1)))


def scikit_learn_nmf(task: Task) -> Labelled:
    """scikit-learn's NMF, coordinate descent from NNDSVDa."""
    from sklearn.decomposition import NMF

    features = task.features(DEFAULT)
    with task.clock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = non_negative(features)
        model = NMF(task.group.num_parts + 1, init="nndsvda", max_iter=MAX_ITER, random_state=task.seed)
        model.fit(sample(X, task.seed))
        W = model.transform(X)
        return label_rows(task, DEFAULT, shares(W * np.linalg.norm(model.components_, axis=1)))


def scikit_learn_kmeans(task: Task) -> Labelled:
    """scikit-learn's k-means of standardised features; the maps are 1 for a cell's cluster, else 0."""
    from sklearn.cluster import KMeans

    features = task.features(DEFAULT)
    with task.clock:
        X = scaled(features, standardizing(channel_statistics(features)))
        clusters = task.group.num_parts + 1
        labels = KMeans(clusters, n_init=3, random_state=task.seed).fit_predict(X)
        return label_rows(task, DEFAULT, np.eye(clusters, dtype=np.float32)[labels])


def non_negative(features: FeatureSet) -> np.ndarray:
    """Features as our own factorization sees them: standardised, positive and negative halves."""
    layers = features.key.get("backbone", {}).get("channels")
    return scaled(features, non_negative_scaling(channel_statistics(features), layers))


def scaled(features: FeatureSet, scaling: FeatureScaling) -> np.ndarray:
    """All rows (M, C') float32 through a scaling."""
    return torch.cat(list(ScaledBlocks(features, scaling).blocks(16384))).numpy()


def sample(X: np.ndarray, seed: int) -> np.ndarray:
    """At most `SAMPLE_ROWS` rows, drawn without repetition."""
    chosen = np.random.default_rng(seed).permutation(len(X))[:SAMPLE_ROWS]
    return X[np.sort(chosen)]


def shares(activations: np.ndarray) -> np.ndarray:
    """Activations (M, K) divided by their sum in each cell; evenly shared where nothing is active."""
    total = activations.sum(1, keepdims=True)
    even = np.full_like(activations, 1 / activations.shape[1])
    return np.divide(activations, total, out=even, where=total > 0)


def _overcomplete() -> type:
    import matplotlib
    import matplotlib.pyplot as plt

    if not hasattr(plt.cm, "get_cmap"):  # overcomplete 0.3 was written for a matplotlib that still had it
        setattr(plt.cm, "get_cmap", matplotlib.colormaps.get_cmap)  # noqa: B010 - unknown to its type
    from overcomplete.optimization import NMF

    return NMF
