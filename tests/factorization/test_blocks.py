from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from partdisc.errors import DataError
from partdisc.factorization import NMF, KMeans, RowBlocks, SemiNMF, TensorBlocks
from partdisc.factorization.blocks import open_blocks

from .conftest import relu_features


class CountedBlocks:
    """Makes each block when it is asked for, and counts how many are alive."""

    shape = (2000, 30)

    def __init__(self) -> None:
        self.X, self.alive, self.most, self.passes = relu_features(*self.shape).astype(np.float32), 0, 0, 0

    def blocks(self, max_rows: int) -> Iterator[torch.Tensor]:
        self.passes += 1
        for start in range(0, len(self.X), max_rows):
            block = torch.from_numpy(self.X[start : start + max_rows].copy())
            self.alive += 1
            self.most = max(self.most, self.alive)
            weakref.finalize(block, self._gone)
            yield block
            del block

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", [NMF(3, max_iter=5), SemiNMF(3, max_iter=5), KMeans(3, restarts=1)])
def test_few_blocks_are_held_at_once(model, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    source = CountedBlocks()
    model.set_params(block_rows=20).fit(source).transform(source)
    torch.set_num_threads(before)
    assert isinstance(source, RowBlocks)
    assert source.most <= threads + 4


@pytest.mark.parametrize("restarts", [1, 3])
def test_X_is_read_once_for_each_iteration_of_all_restarts(restarts):
    def passes(iterations: int) -> int:
        source = CountedBlocks()
        NMF(3, init="random", max_iter=iterations, tol=0, restarts=restarts).fit(source)
        return source.passes

    assert passes(12) - passes(5) == 7


def test_blocks_of_a_tensor_are_views():
    X = torch.rand(10, 3)
    for rows, block in open_blocks(X, block_rows=4):
        assert block.data_ptr() == X[rows].data_ptr()


@pytest.mark.parametrize("X", [np.array([["a", "b"]]), np.ones((2, 2), complex), [[1.0], [2.0, 3.0]]])
def test_what_is_no_matrix_of_numbers_is_refused(X):
    with pytest.raises(DataError, match="X as numbers of shape"):
        open_blocks(X)


def test_blocks_of_other_width_are_named():
    class Ragged(TensorBlocks):
        def blocks(self, max_rows):
            yield self.X[:, :1]

    with pytest.raises(DataError, match=r"shape \(4, 2\), but got \(4, 1\) at row 0"):
        NMF(1).fit(Ragged(torch.ones(4, 2)))
