from __future__ import annotations

import numpy as np
import pytest

from partdisc.metrics import PartEvaluator
from partdisc.metrics.controls import (
    ceiling_labels,
    color_labels,
    foreground_grid_labels,
    grid_labels,
    image_seed,
    patch_labels,
)


@pytest.mark.parametrize("num_parts", [1, 2, 3, 5, 7, 8, 16, 23, 50])
def test_grid_has_exactly_k_cells_of_about_equal_area(num_parts):
    labels = grid_labels((210, 320), num_parts)
    areas = np.bincount(labels.ravel(), minlength=num_parts + 1)
    assert areas[0] == 0
    assert len(areas) == num_parts + 1
    assert areas[1:].max() / areas[1:].min() < 1.25


def test_grid_cells_lie_at_the_same_place_in_every_image():
    small, large = grid_labels((20, 30), 6), grid_labels((60, 90), 6)
    np.testing.assert_array_equal(small.repeat(3, 0).repeat(3, 1), large)


def test_patches_are_the_voronoi_cells_of_k_points():
    labels = patch_labels((40, 50), 9, seed=3)
    rng = np.random.default_rng(3)
    points = np.column_stack([rng.uniform(0, 40, 9), rng.uniform(0, 50, 9)])
    pixels = np.stack(np.mgrid[:40, :50], -1) + 0.5
    distance = np.linalg.norm(pixels[:, :, None] - points, axis=-1)
    np.testing.assert_array_equal(labels, distance.argmin(-1) + 1)


def test_patches_depend_on_the_image_and_the_seed_alone():
    assert image_seed(0, "a") == image_seed(0, "a")
    assert len({image_seed(0, "a"), image_seed(0, "b"), image_seed(1, "a")}) == 3


def test_color_kmeans_finds_flat_colors_from_dark_to_bright():
    image = np.zeros((30, 30, 3), np.uint8)
    image[:10], image[10:20], image[20:] = (250, 250, 240), (10, 20, 10), (200, 20, 20)
    labels = color_labels(image, 3, seed=0)
    assert [np.unique(labels[rows]).tolist() for rows in (slice(10), slice(10, 20), slice(20, 30))] == [
        [3],
        [1],
        [2],
    ]
    np.testing.assert_array_equal(labels, color_labels(image, 3, seed=0))


def test_color_kmeans_of_an_image_with_fewer_colors():
    assert np.unique(color_labels(np.zeros((4, 4, 3), np.uint8), 5, seed=0)).tolist() == [1]


def test_foreground_grid_stays_within_the_predicted_foreground():
    predicted = np.zeros((12, 12), np.uint8)
    predicted[2:8, 3:9] = 2
    predicted[4, 4] = 0
    predicted[0, 0] = 255
    labels = foreground_grid_labels(predicted, 4)
    np.testing.assert_array_equal(labels > 0, (predicted > 0) & (predicted < 255))
    np.testing.assert_array_equal(labels[2:8, 6:9], grid_labels((6, 6), 4)[:, 3:])
    assert not foreground_grid_labels(predicted * 0, 4).any()


def test_ceiling_of_a_grid_as_fine_as_the_image_is_perfect(rng):
    target = rng.integers(0, 4, (9, 13)).astype(np.uint8)
    np.testing.assert_array_equal(ceiling_labels(target, (9, 13)), target)


def test_ceiling_falls_with_the_grid():
    target = np.zeros((96, 96), np.uint8)
    target[20:60, 30:80] = 1
    target[35:47, 41:53] = 2
    scores = []
    for side in (96, 24, 8, 4):
        evaluator = PartEvaluator(2)
        evaluator.update(ceiling_labels(target, (side, side)), target)
        scores.append(evaluator.compute().part_miou)
    assert scores[0] == 1
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.6


def test_ceiling_ignores_what_the_annotation_ignores():
    target = np.full((8, 8), 255, np.uint8)
    target[:, 0] = 1
    assert np.unique(ceiling_labels(target, (2, 2))).tolist() == [1]
    assert not ceiling_labels(np.full((4, 4), 255, np.uint8), (2, 2)).any()


def test_ceiling_uses_only_the_cells_that_cover_the_image():
    target = np.zeros((16, 16), np.uint8)
    target[:, 8:] = 1
    np.testing.assert_array_equal(ceiling_labels(target, (4, 6), (4, 4)), ceiling_labels(target, (4, 4)))
