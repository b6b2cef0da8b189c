from __future__ import annotations

import itertools

import numpy as np
import pytest

from partdisc.errors import ConfigError, DataError
from partdisc.factorization import NMF, SemiNMF

from .conftest import ListBlocks, relu_features


@pytest.fixture
def signed() -> np.ndarray:
    X = relu_features(seed=1)
    return X - X.mean(axis=0)


@pytest.mark.parametrize("init", ["kmeans", "svd", "random"])
def test_loss_never_rises_and_is_the_loss_of_the_factors(signed, init):
    model = SemiNMF(5, init=init, max_iter=50, tol=0)
    W = model.fit_transform(signed)
    assert all(after <= before for before, after in itertools.pairwise(model.loss_history_))
    assert (W >= 0).all()
    assert (model.components_ < 0).any()
    assert model.reconstruction_err_ == pytest.approx(
        np.linalg.norm(signed - W @ model.components_), rel=1e-6
    )


def test_lies_between_the_svd_and_nmf():
    X = relu_features()
    singular = np.linalg.svd(X, compute_uv=False)
    semi = SemiNMF(5, max_iter=500).fit(X).reconstruction_err_
    assert np.sqrt(np.sum(singular[5:] ** 2)) <= semi * (1 + 1e-9)
    assert semi <= NMF(5, max_iter=500).fit(X).reconstruction_err_


def test_basis_is_the_least_squares_optimum(signed):
    model = SemiNMF(4)
    W = model.fit_transform(signed)
    np.testing.assert_allclose(W.T @ (signed - W @ model.components_), 0, atol=1e-8 * np.sum(signed**2))


def test_blocks_equal_memory(signed):
    whole = SemiNMF(4, max_iter=30).fit(signed.astype(np.float32))
    blocks = SemiNMF(4, max_iter=30, block_rows=41).fit(ListBlocks(signed))
    assert blocks.relative_error_ == pytest.approx(whole.relative_error_, rel=1e-4)


@pytest.mark.parametrize("X", [np.zeros((9, 4)), -np.ones((1, 5)), -np.eye(3)])
def test_degenerate_inputs(X):
    model = SemiNMF(3)
    assert np.isfinite(model.fit_transform(X)).all()
    assert np.isfinite(model.components_).all()


def test_unknown_starts_and_values_that_are_not_finite_are_refused(signed):
    with pytest.raises(ConfigError, match="init to be one of kmeans, svd, random, but got 'nndsvd'"):
        SemiNMF(2, init="nndsvd").fit(signed)
    signed[0, 0] = np.nan
    with pytest.raises(DataError, match="finite values"):
        SemiNMF(2).fit(signed)
