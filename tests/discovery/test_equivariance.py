from __future__ import annotations

import numpy as np
import pytest

from partdisc.discovery import FeatureClustering
from partdisc.discovery.equivariance import equivariance_error
from partdisc.discovery.views import VIEWS, View
from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from tests.discovery.conftest import paint_images


@pytest.fixture
def fitted(tiny_backbone):
    method = FeatureClustering(3, backbone=tiny_backbone, image_size=64, device="cpu", foreground="none")
    return method.fit(paint_images())


class LeftAndRight(FeatureClustering):
    """Part 1 is the left half of whatever is seen, part 2 the right."""

    def iter_maps(self, features, indices=None, **of_images):
        for entry in features.entries:
            h, w = entry.grid
            maps = np.zeros((3, h, w), np.float32)
            maps[1, :, : w // 2], maps[2, :, w // 2 :] = 1, 1
            yield PartMaps(maps, entry.size, entry.content, entry.id)


def test_parts_by_colour_keep_their_identity_and_parts_by_place_do_not(fitted, tiny_backbone):
    by_colour = equivariance_error(fitted, paint_images())
    assert list(by_colour.views) == [view.name for view in VIEWS]
    assert all(found.error < 0.15 for found in by_colour.views.values()), by_colour
    by_place = LeftAndRight(2, backbone=tiny_backbone, image_size=64, device="cpu")
    by_place.num_parts_ = 2
    found = equivariance_error(by_place, paint_images()).views
    assert found["flip"].error > 0.9
    assert found["smaller"].error < 0.1
    assert found["crop"].error > 0.05


def test_every_pixel_of_a_method_without_background_is_counted(fitted):
    images = paint_images()
    found = equivariance_error(fitted, images, [View("flip", mirrored=True)]).views["flip"]
    assert found.object == found.shared == sum(image[..., 0].size for image in images)


def test_the_method_keeps_its_image_size_and_the_same_seed_gives_the_same_windows(fitted):
    first, second = (equivariance_error(fitted, paint_images(), seed=3) for _ in range(2))
    assert first == second
    assert fitted.image_size == 64
    assert equivariance_error(fitted, paint_images(), seed=4).views["crop"] != first.views["crop"]


def test_a_view_moves_labels_as_it_moves_the_image():
    image = np.random.default_rng(0).integers(0, 255, (31, 47, 3), dtype=np.uint8)
    view = View("both", mirrored=True, window=0.6)
    seen = view(image, (0.3, 0.9))
    assert seen.shape == (19, 28, 3)
    np.testing.assert_array_equal(seen[..., 1], view(image[..., 1], (0.3, 0.9)))
    assert (view(image, (1.0, 1.0))[-1, 0] == image[-1, -1]).all()


def test_unreadable_images_are_left_out(fitted, painted):
    (painted / "0.png").write_bytes((painted / "0.png").read_bytes()[:200])
    found = equivariance_error(fitted, painted, [View("same")])
    assert found.num_images == len(paint_images()) - 1
    assert found.views["same"].error == 0
    assert found.overall.object < equivariance_error(fitted, paint_images(), [View("same")]).overall.object


def test_nothing_to_look_at_is_told(fitted, painted):
    for path in painted.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="None of the 6 images can be decoded"):
        equivariance_error(fitted, painted)


def test_controls_change_as_places_and_chance_do(fitted):
    found = equivariance_error(fitted, paint_images())
    grid, random = found.controls["grid"], found.controls["random"]
    assert grid["smaller"].part_error == grid["larger"].part_error == 0  # the frame stays
    assert grid["flip"].part_error > 0.3  # of one row of three cells the outer two change places
    assert grid["crop"].part_error > 0.05
    for changes in random.values():
        assert changes.part_error == pytest.approx(2 / 3, abs=0.02)
    for view, changes in found.views.items():  # all within one foreground
        assert grid[view].shared == random[view].shared == changes.shared


def test_overall_is_all_views_together(fitted):
    found = equivariance_error(fitted, paint_images())
    told = found.to_json()
    assert told["overall"]["object"] == sum(v.object for v in found.views.values())
    assert told["overall"]["error"] == found.overall.changed / found.overall.object
    assert list(told["controls"]["grid"]["views"]) == list(found.views)


def test_views_need_names_of_their_own(fitted):
    with pytest.raises(ConfigError, match="each with a name of its own"):
        equivariance_error(fitted, paint_images(), [View("a"), View("a")])
    with pytest.raises(ConfigError, match="one view or more"):
        equivariance_error(fitted, paint_images(), [])
