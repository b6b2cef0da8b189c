from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import DataError
from partdisc.render.palette import part_palette
from partdisc.render.patches import cut_patch, patch_figure
from partdisc.render.survey import part_frequencies, part_regions, survey_parts, typical_regions


@pytest.mark.parametrize("seed", range(3))
def test_regions_agree_with_plain_counting(seed):
    labels = np.random.default_rng(seed).integers(0, 5, (13, 17), dtype=np.uint8)
    labels[3, 4] = 255
    for region in part_regions(labels):
        rows, columns = np.nonzero(labels == region["label"])
        assert region["area"] == rows.size
        assert (region["x"], region["y"]) == (columns.min(), rows.min())
        assert (region["width"], region["height"]) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert region["center_x"] == pytest.approx((columns.mean() + 0.5) / 17, rel=1e-5)
        assert region["center_y"] == pytest.approx((rows.mean() + 0.5) / 13, rel=1e-5)
        assert region["share"] == pytest.approx(rows.size / (13 * 17))
    assert 255 not in part_regions(labels)["label"]


def test_frequencies_are_shares_of_images():
    survey = survey_parts([np.full((2, 2), k, np.uint8) for k in (0, 1, 1, 3)])
    assert part_frequencies(survey, 3, 4) == [0.5, 0.0, 0.25]
    assert part_frequencies(survey_parts([]), 2, 0) == [0.0, 0.0]


def test_outliers_are_the_least_typical():
    squares = []
    for shift in range(7):
        labels = np.zeros((40, 40), np.uint8)
        labels[10 + shift : 20 + shift, 12:22] = 1
        squares.append(labels)
    odd = np.zeros((40, 40), np.uint8)
    odd[:2, :] = 1
    order = typical_regions(survey_parts([odd, *squares]), 1, 8)["image"].tolist()
    assert order[-1] == 0
    assert order[0] in (3, 4)  # those in the middle
    assert len(typical_regions(survey_parts([odd]), 2, 3)) == 0


@pytest.mark.parametrize("corner", [(0, 0), (30, 50), (12, 20)])
def test_patch_holds_the_whole_region_and_only_its_label(corner):
    labels = np.full((40, 60), 2, np.uint8)
    y, x = corner
    labels[y : y + 10, x : x + 10] = 1
    pixels = np.dstack([labels * 10] * 3)
    region = next(r for r in part_regions(labels) if r["label"] == 1)
    patch, part = cut_patch(pixels, labels, region)
    assert patch.shape[:2] == part.shape == (16, 16)
    assert (part == 1).sum() == 100
    assert set(np.unique(part)) == {0, 1}
    assert np.array_equal(patch[part == 1], np.full((100, 3), 10))


def test_figure_shows_only_parts_that_occur(scene):
    image, labels = scene
    options = {"num_images": 2, "count": 3, "width_mm": 60, "dpi": 60}
    figure = patch_figure(
        survey_parts([labels, labels]),
        ["a", "b", "c", "d"],
        part_palette(4),
        lambda i: (image, labels),
        **options,
    )
    texts = [text.get_text() for text in figure.texts]
    assert texts == ["a\nin 100% of images", "b\nin 100% of images", "c\nin 100% of images"]
    with pytest.raises(DataError, match="nothing to show"):
        patch_figure(survey_parts([labels * 0]), ["a"], part_palette(1), lambda i: (image, labels), **options)
