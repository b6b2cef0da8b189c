from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from partdisc.factorization import Problem, factorize_many, non_negative_factorization


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


def out_of_core(X, num_components, **options):
    """From a source that decodes its blocks anew; the result is of X's kind."""
    if not isinstance(X, np.ndarray | torch.Tensor) or 0 in X.shape:
        return non_negative_factorization(X, num_components, **options)
    array = np.asarray(X)
    source = ListBlocks(array, torch.float64 if array.dtype == np.float64 else torch.float32)
    found = non_negative_factorization(source, num_components, **{"block_rows": 37, **options})
    return replace(found, W=found.W.numpy(), H=found.H.numpy()) if isinstance(X, np.ndarray) else found


def batched(X, num_components, **options):
    """Beside another number of components of the same X, and beside another X."""
    if "restarts" in options or isinstance(options.get("init"), tuple):  # belong to one problem alone
        return non_negative_factorization(X, num_components, **options)
    seed = options.pop("seed", 0)
    problems = [Problem(X, 2), Problem(np.ones((5, 4)), 1), Problem(X, num_components, seed)]
    return factorize_many(problems, **options)[-1]


def within_limits(X, num_components, **options):
    """In little memory, where float32 lets blocks and the sample shrink, and in time enough."""
    limits = {"max_memory": 2_000_000, "max_seconds": 600}
    return non_negative_factorization(X, num_components, **{**limits, **options})


# every engine variant the solver tests run over: the function, and the keywords that choose it
VARIANTS = {
    "hals": (non_negative_factorization, {"inner_sweeps": 1}),
    "hals-accelerated": (non_negative_factorization, {"inner_sweeps": 3}),
    "mu": (non_negative_factorization, {"solver": "mu"}),
    "hals-out-of-core": (out_of_core, {}),
    "mu-out-of-core": (out_of_core, {"solver": "mu"}),
    "hals-batched": (batched, {}),
    "mu-batched": (batched, {"solver": "mu"}),
    "within-limits": (within_limits, {}),
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS.keys())
def factorize(request):
    function, variant = request.param
    return lambda X, num_components, **options: function(X, num_components, **{**variant, **options})


def relu_features(rows: int = 300, columns: int = 40, rank: int = 5, seed: int = 0) -> np.ndarray:
    """Sparse, non-negative, of approximate low rank, as features after a ReLU are."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(0.5, size=(rows, rank)) @ rng.gamma(0.5, size=(rank, columns))
    return np.maximum(X + rng.normal(scale=X.std() / 2, size=X.shape) - 0.3 * X.mean(), 0)


@pytest.fixture
def X() -> np.ndarray:
    return relu_features()
