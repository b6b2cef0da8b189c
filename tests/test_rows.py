from __future__ import annotations

import pytest
import torch

from partdisc.rows import mean_and_deviation, pieces


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 300, 10_000])
def test_pieces_are_the_whole_cut_at_multiples_of_64(count):
    rows = torch.arange(count)
    found = pieces(rows)
    assert torch.equal(torch.cat(found), rows)
    assert len(found) <= 4
    assert all(len(piece) % 64 == 0 for piece in found[:-1])


@pytest.mark.parametrize("shape", [(1, 3), (50, 1), (40, 300)])
def test_mean_and_deviation_are_those_of_each_channel(shape):
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    mean, deviation = mean_and_deviation(rows)
    torch.testing.assert_close(mean, rows.double().mean(0).float())
    torch.testing.assert_close(deviation, rows.double().std(0, correction=0).float(), atol=1e-5, rtol=1e-5)
