from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.data.synthetic import draw
from partdisc.discovery import DeepFeatureFactorization, FeatureClustering, load_discoverer
from partdisc.discovery.inside import RowsInside, check_foreground, small_images, with_background
from partdisc.errors import ConfigError
from partdisc.features import create_backbone, extract_features
from partdisc.foreground import LinearForeground
from partdisc.store.features import FeatureSet


@pytest.fixture(scope="module")
def cars() -> list[tuple[np.ndarray, np.ndarray]]:
    """Drawn cars and their part labels, 0 outside of the car."""
    return [draw("car", seed=seed, size=192) for seed in range(10)]


@pytest.mark.parametrize("cls", [DeepFeatureFactorization, FeatureClustering])
def test_parts_lie_inside_the_objects_and_the_rest_is_background(cls, cars, tmp_path):
    images = [image for image, _ in cars]
    method = cls(2, image_size=192, device="cpu", foreground="auto").fit(images)
    assert method.has_background
    found, all_foreground = [], []
    for maps, (_, labels) in zip(method.predict(images), cars, strict=True):
        np.testing.assert_allclose(maps.maps.sum(0), 1, atol=1e-5)
        inside, car = maps.to_labels() > 0, labels > 0
        found.append((inside & car).sum() / (inside | car).sum())
        all_foreground.append(car.mean())
    assert np.mean(found) > 1.3 * np.mean(all_foreground)
    method.save(tmp_path)
    again = load_discoverer(tmp_path)
    for a, b in zip(method.predict(images), again.predict(images), strict=True):
        np.testing.assert_allclose(a.maps, b.maps, atol=1e-5)


def test_rows_inside_are_those_the_foreground_takes():
    maps = [torch.arange(12.0).view(3, 4, 1), torch.arange(6.0).view(2, 3, 1)]
    foreground = LinearForeground(torch.zeros(1), torch.ones(1), torch.ones(1), torch.tensor(-4.5))
    rows = RowsInside(FeatureSet.from_maps(maps), foreground)
    found = torch.cat(list(rows.blocks(4))).flatten()
    assert rows.shape == (8, 1)
    assert found.tolist() == [5, 6, 7, 8, 9, 10, 11, 5]
    assert RowsInside(FeatureSet.from_maps(maps), None).shape == (18, 1)


def test_maps_sum_to_one_and_share_the_foreground_among_the_parts():
    scores = torch.tensor([[[0.25, 0.75]]])
    np.testing.assert_allclose(
        with_background(scores, torch.tensor([[0.8]]))[:, 0, 0], [0.2, 0.2, 0.6], atol=1e-6
    )
    np.testing.assert_allclose(with_background(scores, None)[:, 0, 0], [0, 0.25, 0.75])


def test_small_images_lie_on_the_grid_of_the_features():
    backbone = create_backbone(weights="random", layers="stride16")
    images = list_images([np.zeros((50, 96, 3), np.uint8), np.zeros((96, 70, 3), np.uint8)])
    features = extract_features(backbone, images, image_size=96)
    load = small_images(features, images)
    for index, entry in enumerate(features.entries):
        assert load(index).shape == (entry.grid[0] * 4, entry.grid[1] * 4, 3)
        assert load(index) is load(index)


def test_unknown_stages_are_told():
    with pytest.raises(ConfigError, match="auto, none, border"):
        check_foreground("magic")
    with pytest.raises(ConfigError, match="--foreground"):
        DeepFeatureFactorization(2, foreground="magic", device="cpu").fit_features([torch.rand(4, 4, 3)])
