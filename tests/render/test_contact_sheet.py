from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import ConfigError, DataError
from partdisc.render.contact_sheet import contact_sheet
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import part_palette
from partdisc.render.pictures import resize_labels


def test_cells_show_their_image_in_order():
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    images = [(np.full((40, 40, 3), color, np.uint8), None) for color in colors]
    sheet = np.asarray(contact_sheet(images, columns=3, cell=20, gap=2))
    assert sheet.shape == (2 * 20 + 6, 3 * 20 + 8, 3)
    for index, color in enumerate(colors):
        y, x = 2 + index // 3 * 22 + 10, 2 + index % 3 * 22 + 10
        assert tuple(sheet[y, x]) == color
    assert tuple(sheet[-12, -12]) == (255, 255, 255)  # the empty cell is paper


def test_aspect_is_kept():
    sheet = np.asarray(contact_sheet([(np.zeros((10, 40, 3), np.uint8), None)], cell=40, gap=0))
    assert (sheet == 0).all(2).sum() == 400


def test_parts_are_drawn_and_captions_make_room(scene):
    image, labels = scene
    plain = contact_sheet([(image, labels)], cell=80, overlay=PartOverlay(opacity=1, contours=0))
    captioned = contact_sheet([(image, labels)], cell=80, captions=["a rather long name of an image.png"])
    assert captioned.height > plain.height
    assert (np.asarray(plain) == (168, 48, 252)).all(2).sum() == (labels == 1).sum()


def test_rows_are_as_high_as_their_highest_image():
    wide, high = np.zeros((20, 40, 3), np.uint8), np.zeros((40, 20, 3), np.uint8)
    sheet = contact_sheet([(wide, None)] * 3 + [(high, None)], columns=2, cell=40, gap=0)
    assert sheet.size == (80, 20 + 40)


def test_one_legend_stands_below_the_sheet(scene):
    image, labels = scene
    plain = contact_sheet([(image, labels)] * 2, columns=2, cell=80)
    overlay = PartOverlay(legend=True, part_names=["head", "leg"])
    sheet = np.asarray(contact_sheet([(image, labels)] * 2, columns=2, cell=80, overlay=overlay))
    assert np.array_equal(sheet[: plain.height], np.asarray(plain))
    strip = sheet[plain.height :]
    for color in part_palette(2)[1 : 1 + labels.max()]:
        assert (strip == color).all(2).any()
    wide = contact_sheet([(image, labels.astype(np.int64))] * 2, columns=2, cell=80, overlay=overlay)
    assert np.array_equal(np.asarray(wide), sheet)
    unlabelled = contact_sheet([(image, None)], cell=80, overlay=overlay)
    assert unlabelled.height == contact_sheet([(image, None)], cell=80).height


def test_a_caption_of_two_lines_becomes_one(scene):
    sheets = [contact_sheet([scene], cell=80, captions=[name]) for name in ("new\nline", "new line")]
    assert sheets[0].tobytes() == sheets[1].tobytes()


def test_labels_keep_to_their_pixels_when_resized():
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(resize_labels(labels, (4, 6)), labels.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(resize_labels(labels.repeat(3, 0).repeat(3, 1), (2, 3)), labels)


def test_bad_input_is_told_in_one_line(scene):
    image, labels = scene
    with pytest.raises(DataError, match="at least one image"):
        contact_sheet([])
    with pytest.raises(ConfigError, match="cell >= 8"):
        contact_sheet([(image, labels)], cell=2)
    with pytest.raises(DataError, match="1 captions, one for each image, but got 2"):
        contact_sheet([(image, labels)], captions=["a", "b"])
    with pytest.raises(DataError, match="image's size 80 x 60"):
        contact_sheet([(image, labels[1:])])
