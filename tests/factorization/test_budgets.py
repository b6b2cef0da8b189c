from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from partdisc.errors import ConfigError
from partdisc.factorization import NMF, non_negative_factorization
from partdisc.factorization.blocks import open_blocks
from partdisc.factorization.budgets import plan_memory

from .conftest import ListBlocks, relu_features


def test_time_that_is_over_leaves_one_iteration(X):
    found = non_negative_factorization(X, 4, init="random", tol=0, max_seconds=0)
    assert found.n_iter == 1
    assert not found.converged
    assert found.loss == pytest.approx(0.5 * np.sum((X - found.W @ found.H) ** 2))


def test_time_ends_the_iteration_and_all_restarts():
    class Slow(ListBlocks):
        def blocks(self, max_rows):
            time.sleep(0.02)
            return super().blocks(max_rows)

    start = time.monotonic()
    found = non_negative_factorization(
        Slow(relu_features()), 4, init="random", tol=0, max_iter=10_000, restarts=3, max_seconds=0.5
    )
    assert time.monotonic() - start < 10
    assert 1 <= found.n_iter < 10_000


def test_time_enough_changes_nothing(X):
    within, without = (NMF(4, max_seconds=seconds).fit(X) for seconds in (600, None))
    np.testing.assert_array_equal(within.components_, without.components_)


@pytest.mark.parametrize("init", ["compressed", "random", "nndsvda"])
@pytest.mark.parametrize("restarts", [1, 3])
def test_little_memory_ends_at_about_the_same_error(init, restarts):
    X = relu_features(3000, 60, rank=8, seed=1).astype(np.float32)
    options = {"init": init, "restarts": restarts, "max_iter": 60}
    limited = non_negative_factorization(X, 4, max_memory=700_000, **options)
    free = non_negative_factorization(X, 4, **options)
    assert limited.relative_error == pytest.approx(free.relative_error, rel=1e-2)


def test_a_plan_keeps_within_its_memory_and_grows_with_it():
    reader = replace(open_blocks(torch.ones(10_000, 100)), block_rows=8192)
    plans = [plan_memory(n * 1e6, reader, [8, 8, 8], "compressed", 2) for n in (3, 6, 12, 1000)]
    assert [p.together for p in plans] == [1, 1, 3, 3]
    for small, large in itertools.pairwise(plans):
        assert small.sample_rows <= large.sample_rows
    for plan, limit in zip(plans, (3e6, 6e6, 12e6, 1e9), strict=True):
        held = 4 * 8 * plan.together * 10_000 * 4 + 2 * 3 * plan.block_rows * 100
        assert held + min(plan.sample_rows, 10_000) * 100 * 4 <= limit
    assert plans[-1].block_rows == 8192


def test_too_little_memory_is_refused_with_what_it_takes(X):
    with pytest.raises(ConfigError, match=r"max_memory of at least [\d,]+ bytes for 300 rows.*but got 1,000"):
        NMF(3, max_memory=1000).fit(X)


@pytest.mark.parametrize(
    ("name", "value"), [("max_seconds", -1), ("max_seconds", "1 h"), ("max_memory", "1 GB")]
)
def test_limits_are_checked(X, name, value):
    with pytest.raises(ConfigError, match=f"{name} to be a finite number of at least 0"):
        NMF(3, **{name: value}).fit(X)
