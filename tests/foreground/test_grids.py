from __future__ import annotations

import numpy as np
import torch

from partdisc.foreground.grids import centre_weight, grid_image, standardize
from partdisc.store.features import FeatureEntry


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
