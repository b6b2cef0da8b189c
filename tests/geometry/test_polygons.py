from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco
from scipy import ndimage

from partdisc.errors import DataError
from partdisc.geometry.polygons import mask_to_polygons


def rasterised(polygons: list[list[float]], height: int, width: int) -> np.ndarray:
    return coco.decode(coco.merge(coco.frPyObjects(polygons, height, width))).astype(bool)


def blobs(seed: int, shape: tuple[int, int], sigma: float, share: float) -> np.ndarray:
    noise = np.random.default_rng(seed).random(shape)
    smooth = ndimage.gaussian_filter(noise, sigma) if sigma else noise
    return smooth > np.quantile(smooth, 1 - share)


@pytest.mark.parametrize("sigma", [0, 0.6, 1.5, 4])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.8, 0.99])
def test_polygons_rasterise_to_the_very_mask(sigma, share):
    for seed, shape in enumerate([(1, 1), (1, 9), (7, 1), (33, 20), (64, 97), (130, 70)]):
        mask = blobs(seed, shape, sigma, share)
        if mask.any():
            np.testing.assert_array_equal(rasterised(mask_to_polygons(mask), *shape), mask)


def test_every_mask_of_four_by_three_pixels_is_exact():
    for code in range(1, 2**12):
        mask = np.array([code >> bit & 1 for bit in range(12)], bool).reshape(4, 3)
        np.testing.assert_array_equal(rasterised(mask_to_polygons(mask), 4, 3), mask)


def test_one_polygon_for_each_component():
    for seed in range(5):
        mask = blobs(seed, (60, 80), 1.0, 0.55)
        assert len(mask_to_polygons(mask)) == ndimage.label(mask)[1]


def test_each_polygon_is_one_component():
    mask = blobs(3, (50, 60), 1.2, 0.6)
    labels, _ = ndimage.label(mask)
    seen = []
    for polygon in mask_to_polygons(mask):
        inside = rasterised([polygon], *mask.shape)
        (component,) = np.unique(labels[inside])
        np.testing.assert_array_equal(inside, labels == component)
        seen.append(component)
    assert sorted(seen) == list(range(1, labels.max() + 1))


def test_nested_rings_and_holes_beside_each_other():
    y, x = np.mgrid[-40:41, -40:41]
    rings = (np.hypot(x, y) // 3 % 2).astype(bool)
    comb = np.zeros((12, 60), bool)
    comb[1:-1, 1:-1] = True
    comb[3:6, 3::4] = False
    comb[8:9, 4::2] = False
    for mask in (rings, comb):
        np.testing.assert_array_equal(rasterised(mask_to_polygons(mask), *mask.shape), mask)


def test_hole_makes_one_polygon_with_a_slit():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    (polygon,) = mask_to_polygons(mask)
    assert len(polygon) == 2 * (4 + 1 + 4 + 1 + 1)  # the square, down the slit, the hole and back
    assert set(map(float, range(6))) >= set(polygon)


def test_area_by_the_shoelace_formula_counts_the_pixels():
    mask = blobs(1, (40, 50), 1.0, 0.7)
    area = 0.0
    for polygon in mask_to_polygons(mask):
        x, y = polygon[::2], polygon[1::2]
        area += abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == mask.sum()


def test_no_vertex_repeats_at_once():
    for seed in range(20):
        for polygon in mask_to_polygons(blobs(seed, (30, 30), 0.7, 0.6)):
            points = np.reshape(polygon, (-1, 2))
            assert (points != np.roll(points, 1, axis=0)).any(axis=1).all()


def test_numbers_count_as_set_and_the_mask_is_untouched():
    mask = np.array([[0, 7, 255], [0, 0, 1]], np.uint8)
    before = mask.copy()
    np.testing.assert_array_equal(rasterised(mask_to_polygons(mask), 2, 3), mask != 0)
    np.testing.assert_array_equal(mask, before)


def test_empty_mask_has_no_polygons():
    assert mask_to_polygons(np.zeros((4, 5), bool)) == []


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"shape \(H, W\), but got shape \(1, 4, 5\)"):
        mask_to_polygons(np.zeros((1, 4, 5)))
