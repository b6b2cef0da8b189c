from __future__ import annotations

import itertools

import numpy as np
import pytest
import sklearn.cluster
import torch

from partdisc.errors import ConfigError, DataError
from partdisc.factorization import KMeans
from partdisc.factorization.blocks import open_blocks
from partdisc.factorization.lloyd import lloyd, nearest_center, row_norms

from .conftest import ListBlocks


@pytest.fixture
def X() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(600, 7)) + 3 * rng.normal(size=(8, 7))[rng.integers(8, size=600)]


def test_same_start_gives_the_clusters_of_scikit_learn(X):
    start = X[:8].copy()
    ours = KMeans(8, init=start, tol=0).fit(X)
    theirs = sklearn.cluster.KMeans(8, init=start, n_init=1, tol=0, algorithm="lloyd").fit(X)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_)
    np.testing.assert_array_equal(start, X[:8])


def test_own_start_is_as_good_as_scikit_learns(X):
    theirs = sklearn.cluster.KMeans(8, n_init=10, random_state=0).fit(X)
    assert KMeans(8, restarts=10).fit(X).inertia_ <= theirs.inertia_ * 1.01


def test_inertia_never_rises(X):
    history = lloyd(
        open_blocks(X), row_norms(open_blocks(X)), torch.from_numpy(X[:12]), 100, 0.0
    ).inertia_history
    assert len(history) > 3
    assert all(after <= before * (1 + 1e-12) for before, after in itertools.pairwise(history))


def test_inertia_and_labels_fit_the_centres(X):
    model = KMeans(5, max_iter=3).fit(X)
    distances = np.linalg.norm(X[:, None] - model.cluster_centers_, axis=2)
    np.testing.assert_allclose(model.transform(X), distances, atol=1e-6)
    np.testing.assert_array_equal(model.labels_, distances.argmin(1))
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.inertia_ == pytest.approx(np.sum(distances.min(1) ** 2))


@pytest.mark.parametrize("init", ["compressed", "k-means++", "random"])
def test_blocks_equal_memory(X, init):
    whole = KMeans(8, init=init, restarts=1).fit(X.astype(np.float32))
    blocks = KMeans(8, init=init, restarts=1, block_rows=50).fit(ListBlocks(X))
    assert blocks.inertia_ == pytest.approx(whole.inertia_, rel=1e-4)
    np.testing.assert_array_equal(blocks.labels_.numpy(), whole.labels_)


def test_float32_and_float64_agree(X):
    assert KMeans(8).fit(X.astype(np.float32)).inertia_ == pytest.approx(KMeans(8).fit(X).inertia_, rel=1e-4)


def test_same_seed_same_bytes(X):
    first, again, other = (KMeans(8, seed=seed, restarts=1, max_iter=1).fit(X) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.cluster_centers_, again.cluster_centers_)
    assert not np.array_equal(first.cluster_centers_, other.cluster_centers_)


def test_emptied_cluster_moves_to_the_farthest_row():
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = KMeans(3, init=np.array([[0.5], [2.0], [1000.0]]), block_rows=2).fit(X)
    np.testing.assert_allclose(np.sort(model.cluster_centers_[:, 0]), [0.5, 2, 50])


@pytest.mark.parametrize("init", ["compressed", "k-means++", "random"])
def test_identical_rows_and_one_cluster(init):
    model = KMeans(3, init=init).fit(np.ones((5, 2)))
    assert model.inertia_ == pytest.approx(0, abs=1e-12)
    assert np.isfinite(model.cluster_centers_).all()
    np.testing.assert_allclose(KMeans(1, init=init).fit([[0.0], [4.0]]).cluster_centers_, [[2.0]])


def test_too_many_clusters_unknown_starts_and_values_that_are_not_finite_are_refused(X):
    with pytest.raises(DataError, match="got 600 rows for num_clusters=601"):
        KMeans(601).fit(X)
    with pytest.raises(
        ConfigError, match=r"init to be one of compressed, k-means\+\+, random, but got 'furthest'"
    ):
        KMeans(2, init="furthest").fit(X)
    with pytest.raises(ConfigError, match=r"starting centres of shape \(2, 7\), but got \(3, 7\)"):
        KMeans(2, init=X[:3]).fit(X)
    X[0, 0] = np.inf
    with pytest.raises(DataError, match="finite values"):
        KMeans(2).fit(X)


@pytest.mark.parametrize("count", [1, 3, 256, 300])
def test_the_nearest_centre_is_the_least_distance_and_the_first_of_equal_ones(count):
    distances = torch.randint(50, (count, 200), generator=torch.Generator().manual_seed(0)).double()
    least, labels = nearest_center(distances)
    assert torch.equal(least, distances.min(0).values)
    first = [next(k for k in range(count) if distances[k, row] == least[row]) for row in range(200)]
    assert labels.tolist() == first


def test_stream_approaches_the_batch_fit(X):
    order = np.random.default_rng(1).permutation(len(X))
    model = KMeans(8)
    for _ in range(3):
        for batch in np.split(X[order], 6):
            assert model.partial_fit(batch) is model
    assert model.n_batches_ == 18
    inertia = np.square(model.transform(X)).min(1).sum()
    assert inertia < 1.02 * KMeans(8).fit(X).inertia_


def test_a_batch_moves_centres_to_the_faded_mean_of_their_rows(X):
    model = KMeans(3).partial_fit(X[:300])
    before, sums = model.cluster_centers_.copy(), np.zeros((3, 7))
    counts = np.zeros(3)
    for weight, batch, centers in (
        (0.9, X[:300], KMeans(3).fit(X[:300]).cluster_centers_),
        (1, X[300:], before),
    ):
        labels = np.square(batch[:, None] - centers).sum(2).argmin(1)
        sums += weight * np.stack([batch[labels == k].sum(0) for k in range(3)])
        counts += weight * np.bincount(labels, minlength=3)
    given = model.cluster_centers_
    model.partial_fit(X[300:])
    np.testing.assert_allclose(model.cluster_centers_, sums / counts[:, None])
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(given, before)


def test_a_stream_goes_on_from_a_fit_and_a_fit_ends_it(X):
    fitted = KMeans(4).fit(X)
    start = fitted.cluster_centers_.copy()
    fitted.partial_fit(X[:5])
    assert fitted.n_batches_ == 1
    moved = np.abs(fitted.cluster_centers_ - start).max(1) > 0
    np.testing.assert_array_equal(moved, np.isin(range(4), KMeans(4).fit(X).predict(X[:5])))
    again = fitted.fit(X).partial_fit(X[:5])
    assert again.n_batches_ == 1


def test_a_stream_refuses_other_columns(X):
    model = KMeans(3).partial_fit(X)
    with pytest.raises(DataError, match="7 columns"):
        model.partial_fit(X[:, :5])
    with pytest.raises(DataError, match="rows"):
        KMeans(3).partial_fit(X[:2])
