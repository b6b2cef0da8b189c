from __future__ import annotations

import cv2
import numpy as np
import pytest

from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from partdisc.refinement import guided_filter, refine_by_colour, refined
from partdisc.refinement.colour import colour_clusters


def picture(seed=0):
    """Three flat regions with noise, and maps of them blurred as coarse features blur them."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((48, 64), int)
    truth[8:40, 10:30], truth[12:44, 30:52] = 1, 2
    colours = np.array([[40, 160, 60], [200, 60, 50], [60, 60, 190]])
    image = (colours[truth] + rng.normal(0, 6, (48, 64, 3))).clip(0, 255).astype(np.uint8)
    maps = np.stack([cv2.blur((truth == k).astype(np.float32), (15, 15)) for k in range(3)])
    return image, maps / maps.sum(0), truth


def test_boundaries_move_to_the_image_edges():
    image, maps, truth = picture()
    before = (maps.argmax(0) != truth).mean()
    after = (refine_by_colour(image, maps).argmax(0) != truth).mean()
    assert before > 0.05
    assert after < 0.25 * before


def test_maps_stay_probabilities():
    image, maps, _ = picture()
    found = refine_by_colour(image, maps)
    assert found.shape == maps.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    assert (found > 0).all()


def test_repeatable_and_the_input_untouched():
    image, maps, _ = picture()
    kept = maps.copy()
    first, second = refine_by_colour(image, maps), refine_by_colour(image, maps)
    assert np.array_equal(first, second)
    assert np.array_equal(kept, maps)


def test_labels_may_change_places():
    image, maps, _ = picture()
    order = [2, 0, 1]
    np.testing.assert_allclose(
        refine_by_colour(image, maps[order]), refine_by_colour(image, maps)[order], atol=1e-4
    )


def test_every_pixel_has_its_nearest_colour():
    image = np.zeros((6, 9, 3), np.uint8)
    image[:, 3:6], image[:, 6:] = (200, 30, 30), (30, 30, 200)
    found = colour_clusters(image, count=3)
    assert [len(set(found[:, i : i + 3].ravel().tolist())) for i in (0, 3, 6)] == [1, 1, 1]
    assert len(set(found.ravel().tolist())) == 3


def test_guided_filter_keeps_constants():
    guide = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    maps = np.full((20, 30, 2), 0.3, np.float32)
    np.testing.assert_allclose(guided_filter(guide, maps), maps, atol=1e-4)


def test_guided_filter_of_one_map_equals_a_stack():
    rng = np.random.default_rng(0)
    guide, maps = rng.random((20, 30)).astype(np.float32), rng.random((20, 30, 3)).astype(np.float32)
    whole = guided_filter(guide, maps)
    for k in range(3):
        np.testing.assert_allclose(
            guided_filter(guide, maps[..., k : k + 1])[..., 0], whole[..., k], atol=1e-5
        )


def test_refinement_follows_the_image_and_keeps_the_geometry():
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:, 10:] = 255  # the true edge, in the middle of a cell
    maps = np.full((3, 4, 6), 0.01, np.float32)
    maps[1, :, :3], maps[2, :, 3:] = 0.98, 0.98
    found = refined(PartMaps(maps, (32, 46), (4.0, 5.75), "a"), picture)
    assert (found.size, found.content, found.image_id) == ((32, 46), (16.0, 23.0), "a")
    labels = found.to_labels()
    assert (labels[:, :19] == 1).all()
    assert (labels[:, 21:] == 2).all()


IMAGE, MAPS, _ = picture()


@pytest.mark.parametrize(
    "image", [None, "abc", IMAGE[..., 0], IMAGE.astype(float), IMAGE[:9], np.zeros((48, 64, 4))]
)
def test_images_of_another_kind_or_size_than_the_maps_are_refused(image):
    with pytest.raises(DataError, match=r"Expected an image .*but got"):
        refine_by_colour(image, MAPS)
    with pytest.raises(DataError, match=r"Expected (a picture|an image) .*but got"):
        refined(PartMaps(MAPS, (48, 64)), image)


@pytest.mark.parametrize("maps", [None, "abc", MAPS[0], MAPS[:, :9]])
def test_what_is_no_maps_of_the_image_is_refused(maps):
    with pytest.raises(DataError, match=r"Expected .*maps .*but got"):
        refine_by_colour(IMAGE, maps)
    with pytest.raises(DataError, match="Expected PartMaps, but got"):
        refined(maps, IMAGE)
    with pytest.raises(DataError, match=r"Expected maps .*\(H, W, K\).*but got"):
        guided_filter(IMAGE[..., 0].astype(np.float32), maps)


@pytest.mark.parametrize("setting", [{"strength": "1"}, {"iterations": -1}, {"radius": 2.5}])
def test_settings_of_the_wrong_kind_are_refused(setting):
    with pytest.raises(ConfigError, match=f"Expected {next(iter(setting))} to be"):
        refine_by_colour(IMAGE, MAPS, **setting)
