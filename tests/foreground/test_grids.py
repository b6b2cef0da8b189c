from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.foreground.grids import centre_weight, grid_image, minimum_error_threshold, standardize
from partdisc.store.features import FeatureEntry


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_threshold_parts_two_normals_whatever_their_shares(share):
    rng = np.random.default_rng(0)
    count = int(20000 * share)
    values = np.concatenate([rng.normal(0, 1, 20000 - count), rng.normal(5, 0.7, count)])
    assert abs((values > minimum_error_threshold(torch.from_numpy(values))).mean() - share) < 0.02


def test_threshold_moves_with_scale_and_shift():
    values = torch.cat([torch.randn(500, generator=torch.Generator().manual_seed(0)), torch.full((80,), 6.0)])
    first = minimum_error_threshold(values)
    assert abs(minimum_error_threshold(3 * values + 7) - (3 * first + 7)) < 1e-3


def test_threshold_of_one_value():
    assert minimum_error_threshold(torch.full((5,), 2.0)) == 2.0


def test_scores_of_all_images_share_one_scale():
    scores = standardize([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [10.0]])])
    values = torch.cat([s.flatten() for s in scores])
    torch.testing.assert_close(values.mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(values.std(correction=0), torch.tensor(1.0))


def test_centre_weighs_most():
    weight = centre_weight(5, 9)
    assert int(weight.argmax()) == 2 * 9 + 4


def test_image_covers_its_content_and_the_border_goes_on():
    image = np.zeros((30, 60, 3), np.uint8)
    image[:, 30:] = 200
    laid = grid_image(image, FeatureEntry("a", (30, 60), (4, 6), (2.5, 5.0)), scale=4)
    assert laid.shape == (16, 24, 3)
    assert (laid[:, :9] == 0).all()
    assert (laid[:, 11:] == 200).all()
