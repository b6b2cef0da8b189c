from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans

from partdisc.discovery import FeatureClustering
from tests.discovery.contract import DiscovererContract


class TestFeatureClustering(DiscovererContract):
    cls = FeatureClustering


def blobs():
    generator = torch.Generator().manual_seed(0)
    centers = 6 * torch.randn(3, 5, generator=generator)
    which = torch.randint(0, 3, (12, 10), generator=generator)
    return [centers[which] + torch.randn(12, 10, 5, generator=generator)]


def test_clusters_equal_scikit_learns_on_standardised_features():
    X = blobs()[0].flatten(0, 1).numpy()
    Z = (X - X.mean(0)) / X.std(0)
    reference = KMeans(3, n_init=10, random_state=0).fit(Z)
    method = FeatureClustering(3, restarts=4, device="cpu", foreground="none").fit_features(blobs())
    assert abs(method.inertia_ / reference.inertia_ - 1) < 1e-3
    labels = method.predict_features(blobs())[0].maps.argmax(0).ravel()
    table = np.zeros((4, 3))
    np.add.at(table, (labels, reference.labels_), 1)
    assert (np.count_nonzero(table, axis=1) <= 1).all()


def test_a_cell_halfway_between_two_parts_is_halfway_in_doubt():
    method = FeatureClustering(2, device="cpu", foreground="none").fit_features(blobs())
    middle = method.cluster_centers_.mean(0) * method.scaling_.scale + method.scaling_.mean
    maps = method.predict_features([middle.view(1, 1, -1)])[0].maps[1:, 0, 0]
    np.testing.assert_allclose(maps, 0.5, atol=1e-3)
