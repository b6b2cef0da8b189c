from __future__ import annotations

import numpy as np
import pytest

from partdisc.discovery import FeatureClustering
from partdisc.discovery.equivariance import VIEWS, View, equivariance_error
from partdisc.errors import ConfigError
from partdisc.parts import PartMaps
from tests.discovery.conftest import paint_images


@pytest.fixture
def fitted(tiny_backbone):
    method = FeatureClustering(3, backbone=tiny_backbone, image_size=64, device="cpu", foreground="none")
    return method.fit(paint_images())


class LeftAndRight(FeatureClustering):
    """Part 1 is the left half of whatever is seen, part 2 the right."""

    def iter_maps(self, features, indices=None):
        for entry in features.entries:
            h, w = entry.grid
            maps = np.zeros((3, h, w), np.float32)
            maps[1, :, : w // 2], maps[2, :, w // 2 :] = 1, 1
            yield PartMaps(maps, entry.size, entry.content, entry.id)


def test_parts_by_colour_keep_their_identity_and_parts_by_place_do_not(fitted, tiny_backbone):
    by_colour = equivariance_error(fitted, paint_images())
    assert list(by_colour) == [view.name for view in VIEWS]
    assert all(found.error < 0.15 for found in by_colour.values()), by_colour
    by_place = LeftAndRight(2, backbone=tiny_backbone, image_size=64, device="cpu")
    found = equivariance_error(by_place, paint_images())
    assert found["flip"].error > 0.9
    assert found["smaller"].error < 0.1
    assert found["crop"].error > 0.05


def test_every_pixel_of_a_method_without_background_is_counted(fitted):
    images = paint_images()
    found = equivariance_error(fitted, images, [View("flip", mirrored=True)])["flip"]
    assert found.object == found.shared == sum(image[..., 0].size for image in images)


def test_the_method_keeps_its_image_size_and_the_same_seed_gives_the_same_windows(fitted):
    first, second = (equivariance_error(fitted, paint_images(), seed=3) for _ in range(2))
    assert first == second
    assert fitted.image_size == 64
    assert equivariance_error(fitted, paint_images(), seed=4)["crop"] != first["crop"]


def test_a_view_moves_labels_as_it_moves_the_image():
    image = np.random.default_rng(0).integers(0, 255, (31, 47, 3), dtype=np.uint8)
    view = View("both", mirrored=True, window=0.6)
    seen = view(image, (0.3, 0.9))
    assert seen.shape == (19, 28, 3)
    np.testing.assert_array_equal(seen[..., 1], view(image[..., 1], (0.3, 0.9)))
    assert (view(image, (1.0, 1.0))[-1, 0] == image[-1, -1]).all()


def test_unreadable_images_are_left_out(fitted, painted):
    (painted / "0.png").write_bytes((painted / "0.png").read_bytes()[:200])
    found = equivariance_error(fitted, painted, [View("same")])["same"]
    assert found.error == 0
    assert found.object < equivariance_error(fitted, paint_images(), [View("same")])["same"].object


def test_views_need_names_of_their_own(fitted):
    with pytest.raises(ConfigError, match="each with a name of its own"):
        equivariance_error(fitted, paint_images(), [View("a"), View("a")])
    with pytest.raises(ConfigError, match="one view or more"):
        equivariance_error(fitted, paint_images(), [])
