"""Polygons and run lengths against pycocotools' own `annToMask`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from partdisc.data.annotations.segmentation import BrokenEntry, decode_counts, parse_segmentation
from tests.data.annotations.makers import SIZE, box

H, W = SIZE
coordinates = st.floats(-20, 60, allow_nan=False, width=32)
polygons = st.lists(
    st.lists(coordinates, min_size=6, max_size=16).filter(lambda p: len(p) % 2 == 0), min_size=1, max_size=3
)
bitmaps = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random(SIZE) < (seed % 7) / 6
)


def reference_mask(segmentation):
    """What pycocotools makes of one annotation."""
    coco = COCO()
    coco.imgs = {1: {"id": 1, "height": H, "width": W}}
    return coco.annToMask({"image_id": 1, "segmentation": segmentation}).astype(bool)


def run_lengths(mask):
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


@settings(max_examples=80, deadline=None)
@given(polygons)
def test_polygons_equal_pycocotools(polygons):
    parsed = parse_segmentation({"segmentation": polygons}, SIZE)
    assert np.array_equal(parsed.mask(), reference_mask(polygons))


@settings(max_examples=60, deadline=None)
@given(bitmaps)
def test_run_lengths_in_every_form_equal_the_mask(mask):
    compressed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert decode_counts(compressed) == run_lengths(mask)
    for counts in (run_lengths(mask), compressed, compressed.decode()):
        value = {"size": [H, W], "counts": counts}
        parsed = parse_segmentation({"segmentation": value}, SIZE).mask()
        assert np.array_equal(parsed, mask)
        assert np.array_equal(parsed, reference_mask(value))


digits = st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.one_of(digits, st.binary(max_size=12), st.lists(st.integers(-5, 999), max_size=6)), st.booleans())
def test_damaged_counts_never_reach_pycocotools(counts, mend):
    """Whatever the counts, the outcome is a mask that holds as many pixels as its runs say, or a BrokenEntry."""
    runs = decode_counts(counts) if isinstance(counts, (str, bytes)) else counts
    if mend and isinstance(counts, list):
        counts = runs = [*counts, H * W - sum(counts)]
    good = runs is not None and sum(runs) == H * W and min(runs) >= 0
    if not good:
        with pytest.raises(BrokenEntry, match=r"bad RLE"):
            parse_segmentation({"segmentation": {"size": [H, W], "counts": counts}}, SIZE)
    else:
        mask = parse_segmentation({"segmentation": {"size": [H, W], "counts": counts}}, SIZE).mask()
        assert mask.sum() == sum(runs[1::2])


def test_two_points_mean_the_box():
    entry = {"segmentation": [[2, 3, 8, 8]], "bbox": [2, 3, 6, 5]}
    parsed = parse_segmentation(entry, SIZE)
    assert parsed.quirks == (("two-point polygon", ""),)
    assert np.array_equal(parsed.mask(), box(2, 3, 6, 5))
    # without a usable box the points are its corners
    for bbox in (None, [1, 2], [0, 0, 0, 0], ["a", 1, 2, 3]):
        entry = {"segmentation": [[8, 8, 2, 3]], "bbox": bbox}
        assert np.array_equal(parse_segmentation(entry, SIZE).mask(), box(2, 3, 6, 5))


def test_two_points_beside_a_polygon_do_not_turn_it_into_a_box():
    """pycocotools takes a whole list for boxes if its first polygon has four numbers."""
    polygon = [10.0, 2.0, 20.0, 2.0, 20.0, 12.0]
    parsed = parse_segmentation({"segmentation": [[2, 3, 8, 8], polygon], "bbox": [2, 3, 6, 5]}, SIZE)
    assert np.array_equal(parsed.mask(), box(2, 3, 6, 5) | reference_mask([polygon]))


def test_pieces_are_one_region_and_are_counted():
    parsed = parse_segmentation(
        {"segmentation": [[0, 0, 0, 2, 2, 2, 2, 0], [9, 0, 9, 2, 11, 2, 11, 0]]}, SIZE
    )
    assert np.array_equal(parsed.mask(), box(0, 0, 2, 2) | box(9, 0, 2, 2))
    assert parsed.quirks == (("several polygons", "2"),)


def test_what_lies_outside_is_clipped_and_counted():
    parsed = parse_segmentation({"segmentation": [[-5, -5, -5, 4, 3, 4, 3, -5]]}, SIZE)
    assert np.array_equal(parsed.mask(), box(0, 0, 3, 4))
    assert parsed.quirks == (("outside the image", "by 5.0 pixels"),)
    beyond = parse_segmentation({"segmentation": [[40, 30, 40, 34, 43, 34]]}, SIZE)
    assert not beyond.mask().any()


@pytest.mark.parametrize(
    ("segmentation", "kind"),
    [
        (None, "no segmentation"),
        ([], "no segmentation"),
        ({}, "no segmentation"),
        ("polygon", "bad entry"),
        ([1, 2, 3, 4, 5, 6], "bad polygon"),  # flat, not a list of polygons
        ([[]], "bad polygon"),
        ([[1, 2]], "bad polygon"),
        ([[1, 2, 3, 4, 5]], "bad polygon"),
        ([[1, 2, 3, 4, 5, 6, 7]], "bad polygon"),
        ([[1, 2, float("nan"), 4, 5, 6]], "bad coordinates"),
        ([[1, 2, float("inf"), 4, 5, 6]], "bad coordinates"),
        ([[1, 2, "3", 4, 5, 6]], "bad coordinates"),
        ([[1, 2, None, 4, 5, 6]], "bad coordinates"),
        ([[1, 2, 10**400, 4, 5, 6]], "bad coordinates"),
        ([[1, 2, 1e7, 4, 5, 6]], "far outside the image"),
        ({"size": [W, H], "counts": [H * W]}, "bad RLE"),  # width and height exchanged
        ({"counts": [H * W]}, "bad RLE"),
        ({"size": [H, W]}, "bad RLE"),
        ({"size": [H, W], "counts": [1, 2]}, "bad RLE"),
        ({"size": [H, W], "counts": [-1, H * W + 1]}, "bad RLE"),
        ({"size": [H, W], "counts": [H * W * 1.0]}, "bad RLE"),
        ({"size": [H, W], "counts": "é"}, "bad RLE"),
        ({"size": [H, W], "counts": "oooooooooooooooooooooo"}, "bad RLE"),
    ],
)
def test_unusable_segmentations_say_why(segmentation, kind):
    with pytest.raises(BrokenEntry) as error:
        parse_segmentation({"segmentation": segmentation}, SIZE)
    assert error.value.kind == kind
