from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.discovery.scaling import ScaledBlocks, channel_statistics, non_negative_scaling, standardizing
from partdisc.errors import DataError
from partdisc.store.features import FeatureSet

MAPS = [torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(i)) * 3 + 1 for i in range(3)]


def features(maps=MAPS):
    return FeatureSet.from_maps(maps)


def test_moments_equal_numpys():
    X = torch.cat([m.flatten(0, 1) for m in MAPS]).double().numpy()
    found = channel_statistics(features())
    np.testing.assert_allclose(found.mean, X.mean(0))
    np.testing.assert_allclose(found.std, X.std(0))
    assert found.smallest == pytest.approx(X.min())


def test_standardised_channels_have_mean_zero_and_variance_one():
    scaling = standardizing(channel_statistics(features()))
    Z = torch.cat(list(ScaledBlocks(features(), scaling).blocks(7)))
    torch.testing.assert_close(Z.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(Z.std(0, correction=0), torch.ones(6), atol=1e-4, rtol=0)


def test_halves_hold_everything_and_nothing_negative():
    statistics = channel_statistics(features())
    source = ScaledBlocks(features(), non_negative_scaling(statistics, None))
    assert source.shape == (60, 12)
    halves = torch.cat(list(source.blocks(16)))
    assert (halves >= 0).all()
    z = torch.cat(list(ScaledBlocks(features(), standardizing(statistics)).blocks(16)))
    torch.testing.assert_close(halves[:, :6] - halves[:, 6:], z)


def test_a_channel_that_never_changes_becomes_zero():
    maps = [torch.cat([m, torch.full((5, 4, 1), 7.0)], dim=2) for m in MAPS]
    scaling = standardizing(channel_statistics(features(maps)))
    assert (scaling(maps[0].flatten(0, 1))[:, -1] == 0).all()


def test_joined_non_negative_layers_weigh_the_same():
    maps = [torch.cat([torch.rand(5, 4, 3), 100 * torch.rand(5, 4, 2)], dim=2)]
    scaling = non_negative_scaling(channel_statistics(features(maps)), [3, 2])
    z = scaling(maps[0].flatten(0, 1))
    assert float(z[:, :3].square().mean()) == pytest.approx(1, rel=1e-4)
    assert float(z[:, 3:].square().mean()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_refused(bad):
    maps = [MAPS[0].clone()]
    maps[0][1, 1, 1] = bad
    with pytest.raises(DataError, match="finite"):
        channel_statistics(features(maps))


def test_the_matrix_holds_the_blocks_whatever_the_threads():
    maps = [torch.randn(30, 40, 6, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    source = ScaledBlocks(features(maps), standardizing(channel_statistics(features(maps)), "split"))
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert torch.equal(source.matrix(), torch.cat(list(source.blocks(10_000))))
    finally:
        torch.set_num_threads(before)
