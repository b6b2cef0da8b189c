from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import DataError
from partdisc.render.marking import boundaries, hatch_lines, inner_points, paint_masks


def brute_force_depth(mask):
    """Distance of every pixel to the nearest pixel outside, the outside of the image included."""
    padded = np.pad(mask, 1)
    outside = np.argwhere(~padded)
    depth = np.zeros(mask.shape)
    for y, x in np.argwhere(mask):
        depth[y, x] = np.sqrt(((outside - (y + 1, x + 1)) ** 2).sum(1)).min()
    return depth


@pytest.mark.parametrize("seed", range(4))
def test_inner_point_is_the_deepest_pixel_of_its_part(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (3, 4), dtype=np.uint8).repeat(5, 0).repeat(6, 1)
    for point in inner_points(labels):
        depth = brute_force_depth(labels == point.label)
        assert labels[point.y, point.x] == point.label
        assert depth[point.y, point.x] == pytest.approx(depth.max(), abs=1e-3)
        assert point.distance == pytest.approx(depth.max(), abs=1e-3)
        assert point.area == (labels == point.label).sum()


def test_inner_point_of_a_ring_lies_on_the_ring():
    labels = np.ones((21, 21), np.uint8)
    labels[4:17, 4:17] = 0
    (point,) = inner_points(labels)
    assert labels[point.y, point.x] == 1


def test_large_parts_come_first_and_ignored_pixels_not_at_all():
    labels = np.array([[1, 2, 2, 255], [0, 2, 2, 255]], np.uint8)
    assert [point.label for point in inner_points(labels)] == [2, 1]


def test_boundary_is_one_pixel_of_each_neighbour():
    labels = np.array([[1, 1, 1, 2, 2, 2]], np.uint8)
    assert boundaries(labels).tolist() == [[False, False, True, True, False, False]]
    assert boundaries(labels, 2).tolist() == [[False, True, True, True, True, False]]


def test_hatching_of_a_part_does_not_depend_on_its_neighbours():
    labels = np.ones((50, 70), np.uint8)
    mixed = labels.copy()
    mixed[:, 30:] = 2
    assert np.array_equal(hatch_lines(mixed)[:, :30], hatch_lines(labels)[:, :30])
    assert not hatch_lines(labels * 0).any()


def test_masks_must_be_bool():
    with pytest.raises(DataError, match=r"bool masks \(K, H, W\)"):
        paint_masks(np.zeros((2, 3, 3)))
