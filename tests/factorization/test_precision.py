from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from partdisc.errors import ConfigError
from partdisc.factorization import NMF, Problem, factorize_many, non_negative_factorization
from partdisc.factorization.precision import multiply, tensor_cores

from .conftest import ListBlocks, relu_features

LOWER = ("tf32", "bfloat16")


@pytest.fixture
def X() -> np.ndarray:
    return relu_features(2000, 40).astype(np.float32)


def test_operands_are_rounded_and_sums_are_not():
    a, b = torch.randn(3, 500), torch.randn(500, 4)
    exact = a.bfloat16().double() @ b.bfloat16().double()
    torch.testing.assert_close(multiply(a, b, "bfloat16").double(), exact, rtol=1e-4, atol=1e-4)
    assert (multiply(a, b, "bfloat16") - a @ b).abs().max() > 1e-4
    assert torch.equal(multiply(a, b, "full"), a @ b)


@pytest.mark.parametrize("precision", LOWER)
@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize(
    "source", [np.asarray, torch.from_numpy, ListBlocks], ids=["numpy", "torch", "blocks"]
)
def test_error_hardly_rises(X, precision, solver, source):
    options = {"solver": solver, "max_iter": 60}
    found = non_negative_factorization(source(X), 5, precision=precision, **options)
    full = non_negative_factorization(X, 5, **options)
    W, H = np.asarray(found.W), np.asarray(found.H)
    assert W.dtype == H.dtype == np.float32
    assert (W >= 0).all()
    assert (H >= 0).all()
    assert found.relative_error == pytest.approx(full.relative_error, rel=2e-3)
    error = np.linalg.norm(X - W @ H) / np.linalg.norm(X)
    assert found.relative_error == pytest.approx(error, rel=2e-3)  # as bfloat16 rounds X
    assert all(after <= before for before, after in itertools.pairwise(found.loss_history))


def test_half_precision_is_read_as_it_is(X):
    half = torch.from_numpy(X).bfloat16()
    kept = non_negative_factorization(half, 5, precision="bfloat16", max_iter=30)
    widened = non_negative_factorization(half.float(), 5, precision="bfloat16", max_iter=30)
    assert torch.equal(kept.W, widened.W)


@pytest.mark.parametrize("precision", LOWER)
def test_same_seed_same_bytes_and_the_callers_setting_comes_back(X, precision):
    before = torch.get_float32_matmul_precision()
    first, again = (NMF(4, precision=precision).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.components_, again.components_)
    assert torch.get_float32_matmul_precision() == before
    with tensor_cores("tf32"):
        assert torch.get_float32_matmul_precision() == "high"


@pytest.mark.parametrize("precision", LOWER)
def test_many_at_once(X, precision):
    found = factorize_many([Problem(X, 3), Problem(X, 5)], precision=precision)
    for one in found:
        alone = non_negative_factorization(X, len(one.H), precision=precision)
        assert one.relative_error == pytest.approx(alone.relative_error, rel=1e-3)


def test_unknown_precisions_and_those_that_x_does_not_allow_are_refused(X):
    with pytest.raises(ConfigError, match="precision to be one of full, tf32, bfloat16, but got 'fp8'"):
        NMF(3, precision="fp8").fit(X)
    with pytest.raises(ConfigError, match="X of less than float64 for precision='bfloat16'"):
        NMF(3, precision="bfloat16").fit(X.astype(np.float64))
