from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps, PartNames, check_labels

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(64, 80), (7, 5), (1, 1), (33, 200), (3, 900)])
def test_resizing_equals_torch(size):
    maps = RNG.random((4, 9, 6), dtype=np.float32)
    expected = F.interpolate(torch.from_numpy(maps)[None], size, mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(PartMaps(maps, size).resized(), expected.numpy(), atol=2e-6)


def test_resizing_with_content_equals_resizing_the_padded_image_and_cutting():
    maps = RNG.random((3, 4, 5), dtype=np.float32)
    # 4 x 5 cells of 8 pixels, of which the image covers 26 x 36 pixels
    padded = PartMaps(maps, (32, 40)).resized()
    np.testing.assert_allclose(
        PartMaps(maps, (26, 36), (26 / 8, 36 / 8)).resized(), padded[:, :26, :36], atol=2e-6
    )


@pytest.mark.parametrize("shape", [(2, 3, 4), (9, 28, 21), (41, 7, 7)])
def test_labels_are_the_argmax_of_the_resized_maps(shape):
    maps = PartMaps(RNG.random(shape, dtype=np.float32), (150, 90), (shape[1] - 0.3, shape[2] - 0.7))
    np.testing.assert_array_equal(maps.to_labels(), maps.resized().argmax(0))


def test_a_notebook_shows_a_line_and_no_numbers():
    maps = PartMaps(np.ones((3, 4, 5), np.float32), size=(64, 80), image_id="a.jpg")
    assert repr(maps) == "PartMaps('a.jpg', num_parts=2, grid=(4, 5), size=(64, 80))"


def test_ties_go_to_the_lower_label():
    maps = np.ones((4, 3, 3), np.float32)
    assert (PartMaps(maps, (6, 6)).to_labels() == 0).all()
    maps[0] = 0  # no background stage: label 0 is not used
    assert (PartMaps(maps, (6, 6)).to_labels() == 1).all()


def test_a_channel_that_is_not_a_number_wins_nowhere():
    maps = RNG.random((5, 4, 6), dtype=np.float32)
    maps[4] = np.nan
    others = np.delete(maps, 4, axis=0)
    np.testing.assert_array_equal(
        PartMaps(maps, (32, 48)).to_labels(), PartMaps(others, (32, 48)).to_labels()
    )
    maps[:] = np.nan
    assert PartMaps(maps, (32, 48)).to_labels().max() <= 4


def test_maps_do_not_change_the_caller():
    maps = RNG.random((3, 4, 4), dtype=np.float32)
    before = maps.copy()
    PartMaps(maps, (9, 9)).to_labels()
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize(
    ("maps", "size", "content", "words"),
    [
        (np.ones((4, 4)), (4, 4), None, "shape"),
        (np.ones((1, 4, 4)), (4, 4), None, "K >= 1"),
        (np.ones((2, 0, 4)), (4, 4), None, "shape"),
        (np.ones((2, 4, 4)), (0, 4), None, "at least 1 x 1"),
        (np.ones((2, 4, 4)), (4, 4), (5.0, 4.0), "within the grid"),
        ([[[1.0]]], (4, 4), None, "shape .* but got list"),
        (np.ones((2, 4, 4)), 4, None, "a size .* but got 4"),
        (np.ones((2, 4, 4)), ("4", "4"), None, "a size"),
        (np.ones((2, 4, 4)), (4, 4), 4.0, "within the grid .* but got 4.0"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, size, content, words):
    with pytest.raises(DataError, match=words):
        PartMaps(maps, size, content)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((2, 2, 2), int), "shape"),
        (np.zeros((2, 2), float), "whole numbers"),
        (np.full((2, 2), 300), "0..255"),
        (np.full((2, 2), -1), "0..255"),
        (np.full((2, 2), 5), "0..4 or 255"),
    ],
)
def test_labels_that_are_none_are_refused(labels, words):
    with pytest.raises(DataError, match=words):
        check_labels(labels, 4)


def test_ignored_pixels_are_labels():
    assert check_labels(np.array([[255, 4]]), 4).dtype == np.uint8


def test_names_number_what_nobody_named():
    names = PartNames(["wheel", ""])
    assert list(names) == ["wheel", "part 2"]
    assert names.of(0) == "background"
    assert list(PartNames.numbered(2)) == ["part 1", "part 2"]


@pytest.mark.parametrize("names", [3, None, "head", ["head", 2]])
def test_what_is_no_sequence_of_names_is_refused(names):
    with pytest.raises(DataError, match="Expected a sequence of part names, but got"):
        PartNames(names)


def test_only_labels_that_are_there_have_a_name():
    names = PartNames(["wheel"])
    with pytest.raises(DataError, match=r"a label within 0\.\.1, but got 2"):
        names.of(2)
    for label in (-1, "1", 1.0):
        with pytest.raises(ConfigError, match="label to be a whole number of at least 0"):
            names.of(label)


@pytest.mark.parametrize("size", [4, (4,), (0, 4), (2.5, 4), "ab"])
def test_maps_are_resized_to_whole_pixels_only(size):
    with pytest.raises(ConfigError, match="at least 1 x 1 pixels, but got"):
        PartMaps(np.ones((2, 4, 4)), (4, 4)).to_labels(size)
