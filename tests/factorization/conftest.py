from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from partdisc.factorization import non_negative_factorization

# every engine variant the solver tests run over: the keywords that choose it
VARIANTS = {
    "hals": {"solver": "hals", "inner_sweeps": 1},
    "hals-accelerated": {"solver": "hals", "inner_sweeps": 3},
    "mu": {"solver": "mu"},
}


class ListBlocks:
    """A source that decodes its blocks anew each time, as a store on disk does."""

    def __init__(self, X: np.ndarray, dtype: torch.dtype = torch.float32) -> None:
        self.X, self.dtype = X, dtype

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape

    def blocks(self, max_rows: int) -> Iterator[torch.Tensor]:
        start = 0
        while start < len(self.X):
            stop = min(start + max(1, max_rows - start % 3), len(self.X))  # uneven blocks
            yield torch.from_numpy(self.X[start:stop]).to(self.dtype)
            start = stop


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS.keys())
def variant(request) -> dict:
    return request.param


@pytest.fixture
def factorize(variant):
    return lambda X, num_components, **options: non_negative_factorization(
        X, num_components, **{**variant, **options}
    )


def relu_features(rows: int = 300, columns: int = 40, rank: int = 5, seed: int = 0) -> np.ndarray:
    """Sparse, non-negative, of approximate low rank, as features after a ReLU are."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(0.5, size=(rows, rank)) @ rng.gamma(0.5, size=(rank, columns))
    return np.maximum(X + rng.normal(scale=X.std() / 2, size=X.shape) - 0.3 * X.mean(), 0)


@pytest.fixture
def X() -> np.ndarray:
    return relu_features()
