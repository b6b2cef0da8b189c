from __future__ import annotations

import itertools

import numpy as np
import pytest
import sklearn.decomposition
import torch

from partdisc.errors import ConfigError, DataError
from partdisc.factorization import nmf, non_negative_factorization

from .conftest import ListBlocks, relu_features

INITS = ["compressed", "random", "nndsvd", "nndsvda"]


def error(X, found):
    return np.linalg.norm(X - found.W @ found.H) / np.linalg.norm(X)


@pytest.mark.parametrize("init", INITS)
def test_loss_never_rises(factorize, X, init):
    history = factorize(X, 6, init=init, max_iter=60, tol=0).loss_history
    assert len(history) > 10
    assert all(after <= before for before, after in itertools.pairwise(history))
    assert history[-1] < history[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_is_the_loss_of_what_is_returned(factorize, X, dtype):
    X = X.astype(dtype)
    found = factorize(X, 4, max_iter=20)
    assert found.W.dtype == found.H.dtype == dtype
    assert found.loss == pytest.approx(0.5 * np.sum((X - found.W.astype(float) @ found.H) ** 2), rel=1e-5)
    assert found.relative_error == pytest.approx(error(X, found), rel=1e-5)
    assert found.reconstruction_err == pytest.approx(np.linalg.norm(X - found.W @ found.H), rel=1e-5)


@pytest.mark.parametrize("init", INITS)
def test_factors_are_non_negative_and_finite(factorize, X, init):
    found = factorize(X, 7, init=init, max_iter=30)
    for factor in (found.W, found.H):
        assert np.isfinite(factor).all()
        assert (factor >= 0).all()


@pytest.mark.parametrize(
    ("options", "allowed"), [({}, 1e-4), ({"init": "random"}, 1e-2), ({"solver": "mu"}, 1e-2)]
)
def test_exact_factorization_is_recovered(options, allowed):
    rng = np.random.default_rng(3)
    X = rng.random((60, 3)) @ rng.random((3, 20))
    found = non_negative_factorization(X, 3, max_iter=2000, tol=1e-9, **options)
    assert found.relative_error < allowed
    assert error(X, found) < allowed


def test_hals_reaches_the_error_of_scikit_learn_from_the_same_start(X):
    rng = np.random.default_rng(1)
    W, H = rng.random((len(X), 5)), rng.random((5, X.shape[1]))
    ours = non_negative_factorization(X, 5, init=(W, H), max_iter=3000, tol=1e-7)
    model = sklearn.decomposition.NMF(5, init="custom", solver="cd", max_iter=3000, tol=1e-9)
    theirs = model.fit_transform(X, W=W.copy(), H=H.copy())
    expected = np.linalg.norm(X - theirs @ model.components_) / np.linalg.norm(X)
    assert ours.relative_error == pytest.approx(expected, rel=1e-3)


def test_plain_sweeps_follow_scikit_learn_step_by_step(X, monkeypatch):
    monkeypatch.setattr(nmf, "MOMENTUM", 0.0)
    rng = np.random.default_rng(1)
    W, H = rng.random((len(X), 5)), rng.random((5, X.shape[1]))
    ours = non_negative_factorization(X, 5, init=(W, H), max_iter=25, tol=0, inner_sweeps=1)
    model = sklearn.decomposition.NMF(5, init="custom", solver="cd", max_iter=25, tol=0)
    theirs = model.fit_transform(X, W=W.copy(), H=H.copy())
    np.testing.assert_allclose(ours.W, theirs, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.H, model.components_, rtol=1e-6, atol=1e-9)


def test_momentum_needs_fewer_passes(X, monkeypatch):
    with_momentum = non_negative_factorization(X, 6, init="random", max_iter=3000, tol=1e-5).n_iter
    monkeypatch.setattr(nmf, "MOMENTUM", 0.0)
    assert with_momentum < non_negative_factorization(X, 6, init="random", max_iter=3000, tol=1e-5).n_iter


def test_multiplicative_updates_follow_scikit_learn(X):
    rng = np.random.default_rng(1)
    W, H = rng.random((len(X), 5)), rng.random((5, X.shape[1]))
    ours = non_negative_factorization(X, 5, init=(W, H), solver="mu", max_iter=50, tol=0)
    model = sklearn.decomposition.NMF(5, init="custom", solver="mu", max_iter=50, tol=0)
    theirs = model.fit_transform(X, W=W.copy(), H=H.copy())
    assert ours.n_iter == 50
    np.testing.assert_allclose(ours.W @ ours.H, theirs @ model.components_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("init", INITS)
def test_hals_ends_at_a_stationary_point(X, init):
    found = non_negative_factorization(X, 4, init=init, max_iter=5000, tol=1e-6)
    assert found.converged
    residual = found.W @ found.H - X
    for factor, gradient in ((found.W, residual @ found.H.T), (found.H, found.W.T @ residual)):
        rest = np.where(factor > 0, gradient, np.minimum(gradient, 0))
        assert np.linalg.norm(rest) < 1e-4 * np.linalg.norm(X) ** 2


def test_hals_is_not_worse_than_five_times_as_many_multiplicative_updates(X):
    hals = non_negative_factorization(X, 5, init="random", max_iter=50, tol=0)
    mu = non_negative_factorization(X, 5, init="random", solver="mu", max_iter=250, tol=0)
    assert hals.relative_error <= mu.relative_error * 1.005


def test_float32_and_float64_agree(factorize, X):
    double = factorize(X, 5, max_iter=40)
    single = factorize(X.astype(np.float32), 5, max_iter=40)
    assert single.relative_error == pytest.approx(double.relative_error, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64])
def test_other_dtypes_are_computed_in_float32(X, dtype):
    tensor = torch.from_numpy(X * 10).to(dtype)
    found = non_negative_factorization(tensor, 3, max_iter=20)
    assert found.W.dtype == found.H.dtype == torch.float32
    assert found.relative_error == non_negative_factorization(tensor.float(), 3, max_iter=20).relative_error


def test_numpy_gives_numpy_and_torch_gives_torch(factorize, X):
    array, tensor = factorize(X, 3, max_iter=5), factorize(torch.from_numpy(X), 3, max_iter=5)
    assert isinstance(array.W, np.ndarray)
    assert isinstance(tensor.W, torch.Tensor)
    assert tensor.W.dtype == torch.float64
    np.testing.assert_array_equal(array.W, tensor.W.numpy())
    np.testing.assert_array_equal(array.H, tensor.H.numpy())


@pytest.mark.parametrize("init", INITS)
def test_blocks_equal_memory(factorize, X, init):
    X = X.astype(np.float32)
    whole = factorize(X, 4, init=init, max_iter=30, tol=0)
    blocks = factorize(ListBlocks(X), 4, init=init, max_iter=30, tol=0, block_rows=37)
    assert isinstance(blocks.W, torch.Tensor)
    assert blocks.relative_error == pytest.approx(whole.relative_error, rel=1e-4)
    np.testing.assert_allclose(blocks.H.numpy(), whole.H, rtol=5e-2, atol=5e-3 * whole.H.max())


def test_half_precision_blocks_on_disk(factorize, X):
    half = factorize(ListBlocks(X, torch.float16), 4, max_iter=30)
    assert half.relative_error == pytest.approx(factorize(X, 4, max_iter=30).relative_error, rel=1e-3)


def test_layout_of_X_does_not_matter(factorize, X):
    expected = factorize(X, 3, max_iter=20).relative_error
    padded = np.repeat(X, 2, axis=1)[:, ::2]
    for same in (np.asfortranarray(X), padded, X[::-1][::-1], X.tolist()):
        assert factorize(same, 3, max_iter=20).relative_error == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("init", INITS)
def test_same_seed_same_bytes(factorize, X, init):
    first, again = factorize(X, 4, init=init, seed=7), factorize(X, 4, init=init, seed=7)
    np.testing.assert_array_equal(first.W, again.W)
    np.testing.assert_array_equal(first.H, again.H)
    assert first.loss_history == again.loss_history


def test_seeds_differ_and_leave_the_global_generator_alone(factorize, X):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = factorize(X, 4, init="random", seed=1, max_iter=3)
    second = factorize(X, 4, init="random", seed=2, max_iter=3)
    assert not np.allclose(first.H, second.H)
    assert torch.equal(state, torch.get_rng_state())


def test_restarts_keep_the_best(factorize, X):
    single = [factorize(X, 6, init="random", seed=s, max_iter=20).loss for s in (5, 6, 7)]
    assert factorize(X, 6, init="random", seed=5, restarts=3, max_iter=20).loss == pytest.approx(
        min(single), rel=1e-9
    )


@pytest.mark.parametrize("init", [*INITS, "given"])
def test_nothing_is_changed_in_place(factorize, X, init):
    X = X.astype(np.float32)
    W, H = (
        np.full((len(X), 3), 0.5, np.float32),
        np.linspace(0, 1, 3 * X.shape[1], dtype=np.float32).reshape(3, -1),
    )
    before = X.copy(), W.copy(), H.copy()
    factorize(X, 3, init=(W, H) if init == "given" else init, max_iter=5)
    for array, expected in zip((X, W, H), before, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize(
    "kind", ["zero", "one row", "one column", "zero rows and columns", "K above rank", "one number"]
)
def test_degenerate_inputs(factorize, X, kind, init):
    K = 3
    if kind == "zero":
        X = np.zeros((20, 10))
    elif kind == "one row":
        X = X[:1]
    elif kind == "one column":
        X = X[:, :1]
    elif kind == "zero rows and columns":
        X[::2], X[:, ::3] = 0, 0
    elif kind == "K above rank":
        X, K = X[:9, :4] @ X[10:14, :8], 7
    else:
        X = np.array([[3.0]])
    found = factorize(X, K, init=init, max_iter=50)
    assert found.W.shape == (len(X), K)
    assert found.H.shape == (K, X.shape[1])
    assert np.isfinite(found.W).all()
    assert np.isfinite(found.H).all()
    assert all(np.isfinite(found.loss_history))
    assert found.loss == pytest.approx(
        0.5 * np.sum((X - found.W @ found.H) ** 2), rel=1e-5, abs=1e-9 * found.square
    )
    if kind in ("one row", "one column", "one number"):
        assert found.relative_error < 1e-3


def test_one_component_is_the_leading_singular_pair(factorize, X):
    found = factorize(X, 1, max_iter=500, tol=1e-8)
    singular = np.linalg.svd(X, compute_uv=False)
    assert found.square - 2 * found.loss == pytest.approx(singular[0] ** 2, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scale_of_X_does_not_matter(factorize, X, scale):
    expected = factorize(X, 4, max_iter=30, tol=0).relative_error
    assert factorize(X * scale, 4, max_iter=30, tol=0).relative_error == pytest.approx(expected, rel=1e-6)


def test_tolerance_ends_the_iteration(factorize, X):
    loose, tight = (factorize(X, 4, init="random", tol=tol, max_iter=500) for tol in (1e-1, 1e-4))
    assert loose.converged
    assert loose.n_iter < tight.n_iter
    assert loose.n_iter == len(loose.loss_history) - 1
    assert not factorize(X, 4, tol=0, max_iter=12).converged


def test_negative_X_is_refused_with_a_way_out(factorize, X):
    X[3, 2] = -0.5
    with pytest.raises(DataError, match=r"smallest value is -0\.5.*ReLU.*signed='split'.*SemiNMF"):
        factorize(X, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(factorize, X, bad):
    X[3, 2] = bad
    with pytest.raises(DataError, match=r"finite values in X.*NaN or infinity"):
        factorize(X, 3)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,), (2, 3, 4)])
def test_shapes_are_checked(shape):
    with pytest.raises(DataError, match=r"shape \(M, C\).*but got"):
        non_negative_factorization(np.ones(shape), 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_components": 0}, "num_components to be a whole number of at least 1, but got 0"),
        ({"num_components": 2.5}, "num_components to be a whole number"),
        ({"solver": "cd"}, "solver to be one of hals, mu, but got 'cd'"),
        ({"init": "zeros"}, "init to be one of compressed, random, nndsvd, nndsvda, but got 'zeros'"),
        ({"max_iter": 0}, "max_iter to be a whole number"),
        ({"tol": -1}, "tol to be a finite number of at least 0"),
        ({"tol": float("nan")}, "tol to be a finite number"),
        ({"restarts": 0}, "restarts"),
        ({"inner_sweeps": 0}, "inner_sweeps"),
        ({"block_rows": 0}, "block_rows"),
        ({"init": (np.ones((3, 2)), np.ones((2, 40)))}, r"start W of shape \(300, 2\), but got \(3, 2\)"),
        ({"init": (np.ones((300, 2)), -np.ones((2, 40)))}, "start H that is finite and >= 0"),
    ],
)
def test_arguments_are_checked(X, options, words):
    with pytest.raises(ConfigError, match=words):
        non_negative_factorization(X, **{"num_components": 2, **options})


def test_a_source_that_breaks_its_promise_is_named(X):
    class Short(ListBlocks):
        @property
        def shape(self):
            return (len(self.X) + 5, self.X.shape[1])

    with pytest.raises(DataError, match="Expected 305 rows, but the source yielded 300"):
        non_negative_factorization(Short(X), 2)


def test_nndsvd_matches_exact_singular_vectors():
    X = relu_features(200, 30, rank=4, seed=5)
    start = non_negative_factorization(X, 1, init="nndsvd", max_iter=1).loss_history[0]
    singular = np.linalg.svd(X, compute_uv=False)
    assert 2 * start == pytest.approx(np.sum(singular[1:] ** 2), rel=1e-6)
