from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.errors import ConfigError, DataError
from partdisc.factorization import Problem, factorize_many, non_negative_factorization

from .conftest import ListBlocks, relu_features


@pytest.mark.parametrize("solver", ["hals", "mu"])
@pytest.mark.parametrize("init", ["compressed", "random", "nndsvda"])
def test_together_they_are_what_each_is_alone(solver, init):
    first, second = relu_features(seed=1), relu_features(120, 30, seed=2).astype(np.float32)
    problems = [Problem(first, 3), Problem(second, 4), Problem(first, 5, seed=7), Problem(first, 3, seed=1)]
    found = factorize_many(problems, init=init, solver=solver, max_iter=15, tol=0)
    for problem, one in zip(problems, found, strict=True):
        alone = non_negative_factorization(
            problem.X, problem.num_components, seed=problem.seed, init=init, solver=solver, max_iter=15, tol=0
        )
        assert one.H.dtype == problem.X.dtype
        assert one.n_iter == alone.n_iter
        assert one.relative_error == pytest.approx(alone.relative_error, rel=1e-4)
        if problem.X.dtype == np.float64:
            np.testing.assert_allclose(one.W @ one.H, alone.W @ alone.H, rtol=1e-5, atol=1e-7)


def test_one_X_is_read_once_for_all_its_problems():
    class Counted(ListBlocks):
        passes = 0

        def blocks(self, max_rows):
            self.passes += 1
            return super().blocks(max_rows)

    def passes(count: int, iterations: int) -> int:
        source = Counted(relu_features(), torch.float64)
        problems = [Problem(source, K) for K in range(2, 2 + count)]
        factorize_many(problems, init="random", max_iter=iterations, tol=0)
        return source.passes

    assert passes(4, 12) - passes(4, 5) == passes(1, 12) - passes(1, 5) == 7


def test_one_that_has_converged_no_longer_moves(X):
    easy = np.outer(np.arange(1.0, 301), np.arange(1.0, 41))
    alone = non_negative_factorization(easy, 1)
    early, late = factorize_many([Problem(easy, 1), Problem(easy, 6)], init="random", max_iter=40)
    assert early.converged
    assert early.n_iter < late.n_iter
    assert early.relative_error == pytest.approx(alone.relative_error, abs=1e-6)


def test_nothing_to_do_and_bad_arguments(X):
    assert factorize_many([]) == []
    with pytest.raises(ConfigError, match=r"options among init, solver.*but got \['restarts'\]"):
        factorize_many([Problem(X, 2)], restarts=3)
    with pytest.raises(ConfigError, match="num_components to be a whole number of at least 1, but got 0"):
        factorize_many([Problem(X, 2), Problem(X, 0)])
    with pytest.raises(DataError, match="smallest value"):
        factorize_many([Problem(X, 2), Problem(-X, 2)])
