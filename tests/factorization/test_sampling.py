from __future__ import annotations

import pytest
import torch

from partdisc.factorization.blocks import TensorBlocks, open_blocks
from partdisc.factorization.sampling import draw_numbers, sample_rows


@pytest.mark.parametrize(("count", "limit"), [(5, 5), (5, 9), (100, 7), (10**12, 50)])
def test_numbers_are_different_and_rise(count, limit):
    found = draw_numbers(count, limit, torch.Generator().manual_seed(0))
    assert len(found) == min(count, limit)
    assert (found.diff() > 0).all()
    assert 0 <= found.min() <= found.max() < count


def test_every_number_is_drawn_alike():
    generator = torch.Generator().manual_seed(0)
    counts = torch.bincount(torch.cat([draw_numbers(10, 3, generator) for _ in range(2000)]), minlength=10)
    assert ((counts - 600).abs() < 100).all()


def test_the_sample_depends_on_the_seed_alone():
    X = torch.arange(60.0).view(30, 2)
    samples = [
        sample_rows(open_blocks(TensorBlocks(X), block_rows=rows), 8, torch.Generator().manual_seed(seed))
        for rows, seed in ((4, 1), (30, 1), (4, 2))
    ]
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])
    assert all((row == X).all(1).any() for row in samples[0])
