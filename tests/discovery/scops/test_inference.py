from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from partdisc.discovery.scops.config import load_config
from partdisc.discovery.scops.inference import mask_maps, on_grid, published_rule
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.features import create_backbone
from partdisc.parts import PartMaps
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Pictures that fill whole cells of the grid."""
    return [np.resize(image, (40, 64, 3)) for image in paint_images(3)]


def fitted(images: list[np.ndarray], **changes) -> CoPartSegmentation:
    backbone = create_backbone(weights="random", layers="stride8")
    training = {**TINY, "steps": 2, **changes}
    return CoPartSegmentation(
        2, backbone=backbone, image_size=64, training=training, feature_dtype="float32", device="cpu"
    ).fit(images)


def test_one_plain_view_is_what_features_alone_give(images):
    scops = fitted(images)
    alone = list(scops.iter_maps(scops.extract(images)))
    assert all(np.array_equal(a.maps, b.maps) for a, b in zip(alone, scops.predict(images), strict=True))


def test_maps_of_a_mirrored_image_are_mirrored_where_both_are_averaged(images):
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    scops = fitted(images)
    gaps = []
    for flip in (False, True):
        scops.training = replace(load_config(scops.training), view_flip=flip)
        pairs = zip(scops.predict(images), scops.predict(mirrored), strict=True)
        gaps.append(max(np.abs(a.maps - b.maps[:, :, ::-1]).max() for a, b in pairs))
    assert gaps[1] < 1e-5 < gaps[0]


def test_views_of_other_sizes_lie_on_the_same_grid_and_sum_to_one(images):
    plain = fitted(images)
    shapes = [m.maps.shape for m in plain.predict(images)]
    plain.training = replace(load_config(plain.training), view_scales=(1.0, 0.7, 1.5), view_flip=True)
    found = plain.predict(images)
    assert [m.maps.shape for m in found] == shapes
    assert all(np.allclose(m.maps.sum(0), 1, atol=1e-5) for m in found)


@pytest.mark.parametrize("content", [(6.0, 9.0), (5.5, 8.25)])
def test_resampling_onto_another_grid_follows_the_image(content):
    """A ramp across the image stays that ramp, on whichever grid, away from the borders."""
    h, w = 6, 9
    ramp = ((torch.arange(w) + 0.5) / content[1]).expand(1, h, w)
    found = on_grid(ramp, content, (11, 17), (11.0, 16.5))
    expected = (torch.arange(17) + 0.5) / 16.5
    assert torch.allclose(found[0, 5, 1:-1], expected[1:-1], atol=1e-6)
    mirrored = on_grid(ramp, content, (11, 17), (11.0, 16.5), mirrored=True)
    assert torch.allclose(mirrored[0, 5, 2:-2], (1 - expected)[2:-2], atol=1e-6)


def test_resampling_agrees_with_the_maps_own():
    maps = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    own = PartMaps(maps.numpy(), (40, 56), (4.5, 6.5)).resized()
    assert np.allclose(on_grid(maps, (4.5, 6.5), (40, 56), (40, 56)).numpy(), own, atol=1e-6)


def test_published_rule_lets_weak_parts_win_and_empty_ones_stay_out():
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0] = 0.9
    maps[1, 0] = [0.1, 0.02]
    changed = published_rule(maps)
    assert changed.argmax(0).tolist() == [[1, 1], [0, 0]]
    assert not changed[2].any()
    assert maps[0, 0, 0] == np.float32(0.9)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("rule", ["argmax", "published"])
def test_a_known_foreground_decides_the_background_whatever_the_rule(background, rule):
    found = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0)).softmax(dim=0)
    inside = torch.rand(4, 5, generator=torch.Generator().manual_seed(1))
    maps = mask_maps(found, rule, background=background, inside=inside)
    parts = found[int(background) :]
    assert np.allclose(maps[0], 1 - inside, atol=1e-6)
    assert np.allclose(maps[1:], (parts / parts.sum(0) * inside).numpy(), atol=1e-6)


def test_without_a_background_the_maps_are_the_heads_and_channel_0_is_empty():
    found = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0)).softmax(dim=0)
    maps = mask_maps(found, "argmax", background=False)
    assert not maps[0].any()
    assert np.array_equal(maps[1:], found.numpy())
    assert np.array_equal(mask_maps(found, "argmax", background=True), found.numpy())
