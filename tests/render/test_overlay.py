from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import part_palette
from partdisc.render.text import free_box, text_box

PLAIN = PartOverlay(contours=0)


def test_opacity_mixes_image_and_part_color(scene):
    image, labels = scene
    drawn = PartOverlay(opacity=0.3, contours=0).annotate(image, labels)
    expected = image.astype(float)
    for part in (1, 2, 3):
        color = np.array(part_palette(3)[part], float)
        expected[labels == part] = 0.7 * expected[labels == part] + 0.3 * color
    assert np.abs(drawn - expected).max() <= 0.51
    assert np.array_equal(drawn[labels == 0], image[labels == 0])


def test_opacity_zero_leaves_the_image(scene):
    image, labels = scene
    assert np.array_equal(PartOverlay(opacity=0, contours=0).annotate(image, labels), image)


def test_nothing_passed_in_is_changed(scene):
    image, labels = scene
    before = image.copy(), labels.copy()
    PartOverlay(contours=2, hatching=True, labels=True, legend=True).annotate(image, labels)
    assert np.array_equal(image, before[0])
    assert np.array_equal(labels, before[1])


def test_every_kind_of_picture_gives_the_same_pixels(scene):
    image, labels = scene
    overlay = PartOverlay(hatching=True, labels=True, legend=True)
    pixels = overlay.annotate(image, labels)
    pillow = overlay.annotate(Image.fromarray(image), labels)
    tensor = overlay.annotate(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels).long())
    assert isinstance(pillow, Image.Image)
    assert np.array_equal(np.asarray(pillow), pixels)
    assert tensor.dtype == torch.uint8
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), pixels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pictures_stay_floats_within_0_and_1(scene, dtype):
    image, labels = scene
    drawn = PLAIN.annotate((image / 255).astype(dtype), labels)
    assert drawn.dtype == dtype
    assert np.array_equal(np.rint(drawn * 255), PLAIN.annotate(image, labels))
    tensor = PLAIN.annotate(torch.from_numpy(image / 255).permute(2, 0, 1).half(), labels)
    assert tensor.dtype == torch.float16
    assert tensor.shape == (3, 60, 80)


def test_grey_pictures_become_colored(scene):
    image, labels = scene
    grey = image[..., 0]
    assert np.array_equal(
        PLAIN.annotate(grey, labels), PLAIN.annotate(np.repeat(grey[..., None], 3, 2), labels)
    )


def test_overlays_compose(scene):
    image, labels = scene
    first = PLAIN.annotate(image, np.where(labels == 1, 1, 0))
    both = PLAIN.annotate(first, np.where(labels == 3, 3, 0))
    assert np.array_equal(both[labels != 2], PLAIN.annotate(image, labels)[labels != 2])


def test_small_masks_are_drawn_over_large_ones(scene):
    image, labels = scene
    masks = np.stack(
        [labels == 2, (labels == 1) | (labels == 2), labels == 3]
    )  # the first lies inside the second
    drawn = PLAIN.annotate(image, masks)
    assert np.array_equal(drawn, PLAIN.annotate(image, np.array([0, 2, 1, 3], np.uint8)[labels]))


def test_contours_run_inside_each_part_and_not_along_the_border(scene):
    image, labels = scene
    drawn = PartOverlay(opacity=0, contours=1).annotate(image, labels)
    changed = (drawn != image).any(2)
    assert not changed[labels == 0].any()
    assert changed[10, 10:50].all()
    assert changed[25, 25:33].all()  # the small part's own edge
    assert not changed[0, 70]  # part 3 ends with the image here
    assert np.array_equal(drawn[10, 10], part_palette(1)[1])


def test_masks_only_shows_no_image(scene):
    image, labels = scene
    overlay = PartOverlay(masks_only=True, contours=0)
    drawn = overlay.annotate(image, labels)
    assert np.array_equal(drawn, overlay.annotate(255 - image, labels))
    assert np.array_equal(drawn, np.array(part_palette(3), np.uint8)[labels])


def test_ignored_pixels_are_no_part(scene):
    image, labels = scene
    labels = labels.copy()
    labels[40:, :] = 255
    drawn = PLAIN.annotate(image, labels)
    assert np.array_equal(drawn[40:], image[40:])


def test_hatching_differs_from_part_to_part(scene):
    image, _ = scene
    overlay = PartOverlay(opacity=0, contours=0, hatching=True)
    lines = [
        (overlay.annotate(image, np.full(image.shape[:2], k, np.uint8)) != image).any(2) for k in range(1, 9)
    ]
    for i, one in enumerate(lines):
        assert 0.05 < one.mean() < 0.5
        assert all((one != other).any() for other in lines[i + 1 :])


def test_legend_adds_a_strip_and_keeps_the_picture(scene):
    image, labels = scene
    overlay = PartOverlay(legend=True, part_names=["head", "leg", "tail"], scores=[0.5, None, 0.25])
    drawn = overlay.annotate(image, labels)
    assert drawn.shape[0] > 60
    assert drawn.shape[1:] == (80, 3)
    assert np.array_equal(drawn[:60], dataclasses.replace(overlay, legend=False).annotate(image, labels))
    assert np.array_equal(PartOverlay(legend=True).annotate(image, labels * 0), image)


def test_names_are_written_on_their_part():
    image = np.full((200, 300, 3), 128, np.uint8)
    labels = np.zeros((200, 300), np.uint8)
    labels[50:150, 100:280] = 1
    overlay = PartOverlay(opacity=0, contours=0, labels=True, part_names=["wheel"])
    rows, columns = np.nonzero((overlay.annotate(image, labels) != image).any(2))
    assert rows.size
    assert (labels[rows, columns] == 1).all()


def test_names_step_aside_for_each_other():
    size, bounds = 10, (100, 200)
    first = free_box((100, 50), "wheel", size, bounds, [])
    second = free_box((104, 51), "mirror", size, bounds, [first])
    assert second[1] >= first[3] or second[3] <= first[1]
    assert free_box((20, 50), "door", size, bounds, [first]) == text_box((20, 50), "door", size, bounds)
    for box in (text_box((0, 0), "door", size, bounds), text_box((200, 100), "door", size, bounds)):
        assert box[0] >= 0
        assert box[1] >= 0
        assert box[2] <= 200
        assert box[3] <= 100


def test_soft_maps_mix_colors_by_share():
    maps = np.zeros((3, 1, 2), np.float32)
    maps[:, 0, 0] = 0.5, 0.25, 0.25
    maps[:, 0, 1] = 1, 0, 0
    image = np.full((1, 2, 3), 100, np.uint8)
    drawn = PartOverlay(opacity=1).annotate(image, PartMaps(maps, size=(1, 2)))
    palette = np.array(part_palette(2), float)
    assert np.array_equal(drawn[0, 1], [100, 100, 100])
    assert np.abs(drawn[0, 0] - (50 + 0.25 * palette[1] + 0.25 * palette[2])).max() <= 0.51


def test_maps_without_background_leave_weak_places_clear():
    maps = np.zeros((2, 1, 3), np.float32)
    maps[1, 0] = 4, 2, 0
    image = np.full((1, 3, 3), 100, np.uint8)
    drawn = PartOverlay(opacity=1).annotate(image, PartMaps(maps, size=(1, 3))).astype(int)
    color = np.array(part_palette(1)[1])
    assert np.array_equal(drawn[0, 0], color)
    assert np.abs(drawn[0, 1] - (100 + color) / 2).max() <= 0.51
    assert np.array_equal(drawn[0, 2], [100, 100, 100])


def test_bad_input_is_told_in_one_line(scene):
    image, labels = scene
    with pytest.raises(DataError, match="image's size 80 x 60, but they are 79 x 60"):
        PLAIN.annotate(image, labels[:, 1:])
    with pytest.raises(DataError, match=r"Part 3 is unknown: the palette has the parts 1\.\.2"):
        PartOverlay(palette=part_palette(2)).annotate(image, labels)
    with pytest.raises(DataError, match=r"within 0\.\.1; divide"):
        PLAIN.annotate(image.astype(float), labels)
    with pytest.raises(DataError, match="Expected a picture of shape"):
        PLAIN.annotate(np.zeros((4, 4, 7), np.uint8), np.zeros((4, 4), np.uint8))
    for wrong in (None, "cat.jpg", [[1, 2], [3]]):
        with pytest.raises(DataError, match="Expected a picture as numbers"):
            PLAIN.annotate(wrong, labels)
        with pytest.raises(DataError, match="Expected labels as numbers"):
            PLAIN.annotate(image, wrong)
    with pytest.raises(ConfigError, match=r"opacity within 0\.\.1"):
        PartOverlay(opacity=1.5)
    with pytest.raises(ConfigError, match="opacity to be a finite number of at least 0.0, but got 'x'"):
        PartOverlay(opacity="x")
    with pytest.raises(ConfigError, match="contours to be a whole number of at least 0, but got -1"):
        PartOverlay(contours=-1)
