from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
import torch

from partdisc.errors import ConfigError, DataError
from partdisc.factorization import ConvexNMF, KMeans, SemiNMF
from partdisc.factorization.convex_nmf import mix_sweep

from .conftest import ListBlocks, relu_features


@pytest.fixture
def signed() -> np.ndarray:
    X = relu_features(seed=1)
    return X - X.mean(axis=0)


def multiplicative_updates(X: np.ndarray, W: np.ndarray, G: np.ndarray, iterations: int) -> float:
    """The error that the paper's updates (equations 23 and 24) end with; X (M, C), W (M, K), G (K, M)."""
    Y = X @ X.T
    plus, minus = (np.abs(Y) + Y) / 2, (np.abs(Y) - Y) / 2
    W, F = W.copy(), G.T.copy()
    for _ in range(iterations):
        rises, falls = plus @ F + W @ (F.T @ minus @ F), minus @ F + W @ (F.T @ plus @ F)
        W *= np.sqrt(rises / falls.clip(1e-12))
        rises, falls = plus @ W + minus @ F @ (W.T @ W), minus @ W + plus @ F @ (W.T @ W)
        F *= np.sqrt(rises / falls.clip(1e-12))
    return float(np.linalg.norm(X - W @ F.T @ X))


@pytest.mark.parametrize("anchors", [20, 64])
def test_loss_never_rises_and_is_the_loss_of_the_factors(signed, anchors):
    model = ConvexNMF(5, num_anchors=anchors, max_iter=50, tol=0)
    W = model.fit_transform(signed)
    assert all(after <= before for before, after in itertools.pairwise(model.loss_history_))
    assert (W >= 0).all()
    assert model.reconstruction_err_ == pytest.approx(
        np.linalg.norm(signed - W @ model.components_), rel=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_basis_is_a_mean_of_anchors(signed, dtype):
    model = ConvexNMF(4, num_anchors=30).fit(signed.astype(dtype))
    assert model.anchors_.shape == (30, signed.shape[1])
    assert (model.mixture_ >= 0).all()
    np.testing.assert_allclose(model.mixture_.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.mixture_ @ model.anchors_, model.components_, atol=1e-5)


def test_anchors_are_means_of_rows_and_all_rows_where_they_are_few(signed):
    fine = ConvexNMF(4, num_anchors=30, seed=3).fit(signed)
    clusters = KMeans(30, restarts=1, max_iter=20, seed=3).fit(signed)
    means = [signed[clusters.labels_ == k].mean(0) for k in range(30)]
    assert np.linalg.norm(fine.anchors_ - means) < 0.2 * np.linalg.norm(means)
    few = signed[:64]
    np.testing.assert_array_equal(ConvexNMF(4, num_anchors=64, max_iter=1).fit(few).anchors_, few)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_papers_updates_reach_no_lower_error_from_the_same_start(seed):
    X = relu_features(rows=40, columns=12, rank=3, seed=seed)
    X -= X.mean(0)
    model = ConvexNMF(3, num_anchors=40, tol=1e-6, seed=seed).fit(X)
    W = np.full((40, 3), 0.2)
    W[np.arange(40), KMeans(3, restarts=1, seed=seed).fit(X).labels_] += 1
    error = multiplicative_updates(X, W, (W / W.sum(0)).T, 1000)
    assert model.reconstruction_err_ <= 1.01 * error


def test_a_planted_model_is_recovered():
    """Rows are mixtures of four of them; no clustering could explain them."""
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(4, 12))
    X = np.concatenate([corners, rng.dirichlet(np.full(4, 0.4), 40) @ corners])
    model = ConvexNMF(4, max_iter=400, tol=1e-8).fit(X)
    assert model.relative_error_ < 0.01
    unit = [F / np.linalg.norm(F, axis=1, keepdims=True) for F in (model.components_, corners)]
    assert sorted((unit[0] @ unit[1].T).argmax(1)) == [0, 1, 2, 3]
    assert (unit[0] @ unit[1].T).max(1).min() > 0.95


def test_it_fits_no_better_than_semi_nmf_and_the_better_the_more_anchors(signed):
    errors = [
        ConvexNMF(5, num_anchors=n, max_iter=100, tol=1e-6).fit(signed).reconstruction_err_ for n in (8, 64)
    ]
    free = SemiNMF(5, max_iter=500, tol=1e-7).fit(signed).reconstruction_err_
    assert free <= errors[1] * 1.001 <= errors[0]


def test_new_rows_have_the_activations_of_least_error(signed):
    model = ConvexNMF(4).fit(signed[:200])
    new = signed[200:]
    W = model.transform(new)
    gradient = (W @ model.components_ - new) @ model.components_.T
    assert (W >= 0).all()
    assert (gradient > -1e-6).all()
    np.testing.assert_allclose(gradient[W > 1e-9], 0, atol=1e-6)


def test_blocks_equal_memory(signed):
    whole = ConvexNMF(4, num_anchors=40, max_iter=30).fit(signed.astype(np.float32))
    blocks = ConvexNMF(4, num_anchors=40, max_iter=30, block_rows=41).fit(ListBlocks(signed))
    assert blocks.relative_error_ == pytest.approx(whole.relative_error_, rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_leaves_what_was_given(signed):
    before = signed.copy()
    first, second = (ConvexNMF(4, num_anchors=40, seed=5).fit(signed).components_ for _ in range(2))
    assert first.tobytes() == second.tobytes()
    np.testing.assert_array_equal(signed, before)


def test_sweeps_end_at_the_least_squares_optimum():
    """Against Lawson and Hanson's active sets on the same problem written out."""
    rng = np.random.default_rng(0)
    W, X, A = rng.random((30, 3)), rng.normal(size=(30, 8)), rng.normal(size=(4, 8))
    G = torch.ones(3, 4, dtype=torch.float64)
    for _ in range(300):
        mix_sweep(G, *(torch.from_numpy(part) for part in (A @ A.T, W.T @ W, W.T @ X @ A.T)))
    solution, error = scipy.optimize.nnls(np.kron(W, A.T), X.ravel())
    assert np.linalg.norm(X - W @ G.numpy() @ A) == pytest.approx(error, rel=1e-8)
    np.testing.assert_allclose(G.numpy(), solution.reshape(3, 4), atol=1e-4)


@pytest.mark.parametrize("X", [np.zeros((9, 4)), -np.ones((1, 5)), -np.eye(3), np.ones((70, 2))])
def test_degenerate_inputs(X):
    model = ConvexNMF(3)
    assert np.isfinite(model.fit_transform(X)).all()
    assert np.isfinite(model.components_).all()


def test_counts_below_one_and_values_that_are_not_finite_are_refused(signed):
    with pytest.raises(ConfigError, match="num_anchors to be a whole number of at least 1, but got 0"):
        ConvexNMF(2, num_anchors=0).fit(signed)
    with pytest.raises(ConfigError, match="num_components to be a whole number"):
        ConvexNMF(0).fit(signed)
    signed[0, 0] = np.nan
    with pytest.raises(DataError, match="finite values"):
        ConvexNMF(2).fit(signed)
