from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.factorization import compressed, non_negative_factorization
from partdisc.factorization.blocks import open_blocks

from .conftest import ListBlocks, relu_features


@pytest.fixture
def small_sketch(monkeypatch):
    """A sketch that really leaves something out, in rows and in columns, on a matrix small enough for a test."""
    monkeypatch.setattr(compressed, "SAMPLE_ROWS", 500)
    monkeypatch.setattr(compressed, "SAMPLE_ROWS_PER_COMPONENT", 20)


def test_search_finds_the_best_of_many_random_starts(small_sketch):
    X = relu_features(1500, 60, rank=12, seed=1)
    ours = [non_negative_factorization(X, 8, seed=seed, max_iter=40, tol=0).loss for seed in range(3)]
    random = [
        non_negative_factorization(X, 8, init="random", seed=s, max_iter=60, tol=0).loss for s in range(6)
    ]
    assert max(random) > 1.01 * min(random)  # there are local minima to avoid
    assert np.median(ours) <= 1.0001 * min(random)


def test_few_exact_passes_are_ahead_of_more_from_other_starts():
    X = relu_features(1500, 60, rank=12, seed=2)
    few = np.median([non_negative_factorization(X, 8, max_iter=2, tol=0, seed=s).loss for s in range(5)])
    for init in ("random", "nndsvda"):
        assert few < non_negative_factorization(X, 8, init=init, max_iter=4, tol=0).loss


def test_directions_are_orthonormal_and_coordinates_theirs(small_sketch):
    X = relu_features(1500, 60, seed=3)
    sketch = compressed.make_sketch(open_blocks(X), 5, torch.Generator().manual_seed(0))
    assert sketch.rows.shape == (500, 60)
    assert sketch.directions.shape == (15, 60)
    identity = torch.eye(15, dtype=torch.float64)
    torch.testing.assert_close(sketch.directions @ sketch.directions.T, identity, atol=1e-9, rtol=0)
    torch.testing.assert_close(sketch.coordinates, sketch.rows @ sketch.directions.T)
    exact = np.linalg.svd(sketch.rows.numpy(), compute_uv=False)[:5]
    assert torch.linalg.norm(sketch.coordinates[:, :5], dim=0).sum() > 0.99 * exact.sum()


def test_removal_costs_equal_the_rise_of_the_loss():
    X = torch.from_numpy(relu_features(80, 20))
    sketch = compressed.Sketch(X, X, None)
    generator = torch.Generator().manual_seed(0)
    W, H = (torch.rand(size, generator=generator, dtype=torch.float64) for size in ((4, 80), (4, 20)))
    loss = (X - W.T @ H).square().sum()
    costs = compressed._removal_costs(sketch, compressed._Candidate(W, H, 0.0))
    for k in range(4):
        kept = torch.arange(4) != k
        assert costs[k].item() == pytest.approx(((X - W[kept].T @ H[kept]).square().sum() - loss).item())


def test_blocks_on_disk_give_the_sample_of_memory(small_sketch):
    X = relu_features(900, 30, seed=4).astype(np.float32)
    whole = non_negative_factorization(X, 4, max_iter=15)
    blocks = non_negative_factorization(ListBlocks(X), 4, max_iter=15, block_rows=64)
    assert blocks.relative_error == pytest.approx(whole.relative_error, rel=1e-4)


def test_seeds_search_differently_and_restarts_keep_the_best(small_sketch):
    X = relu_features(1500, 60, rank=12, seed=5)
    single = [non_negative_factorization(X, 8, seed=seed, max_iter=8).loss for seed in (3, 4)]
    assert single[0] != single[1]
    both = non_negative_factorization(X, 8, seed=3, restarts=2, max_iter=8)
    assert both.loss == pytest.approx(min(single), rel=1e-9)
