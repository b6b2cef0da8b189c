from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial.distance import cdist

from partdisc.errors import ConfigError, DataError
from partdisc.metrics.functional import boundary_counts, boundary_f_score


def blob(seed, size=(31, 44)):
    rng = np.random.default_rng(seed)
    y, x = np.indices(size)
    return sum(np.hypot(y - rng.uniform(0, size[0]), x - rng.uniform(0, size[1])) < r for r in (4, 6, 9)) > 0


def reference(predicted, target, tolerance):
    cross = generate_binary_structure(2, 1)
    first, second = (np.argwhere(m & ~binary_erosion(m, cross, border_value=1)) for m in (predicted, target))
    near = cdist(first, second) <= tolerance * np.hypot(*predicted.shape)
    return [len(first), near.any(1).sum(), len(second), near.any(0).sum()]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tolerance", [0, 0.02, 0.1])
def test_counts_equal_all_distances(seed, tolerance):
    predicted, target = blob(seed), blob(seed + 100)
    assert boundary_counts(predicted, target, tolerance).tolist() == reference(predicted, target, tolerance)


def test_a_mask_agrees_with_itself_and_not_with_nothing():
    mask, nothing = blob(1), np.zeros((31, 44), bool)
    assert boundary_f_score(boundary_counts(mask, mask, 0)) == 1
    assert boundary_f_score(boundary_counts(mask, nothing)) == 0
    assert boundary_f_score(boundary_counts(nothing, mask)) == 0
    assert np.isnan(boundary_f_score(boundary_counts(nothing, nothing)))


def test_the_image_border_is_no_boundary():
    assert boundary_counts(np.ones((9, 7), bool), np.ones((9, 7), bool)).tolist() == [0, 0, 0, 0]


def test_score_is_that_of_added_counts_and_of_stacks():
    counts = np.stack([boundary_counts(blob(s), blob(s + 50), 0.02) for s in range(4)])
    total = counts.sum(0)
    precision, recall = total[1] / total[0], total[3] / total[2]
    assert boundary_f_score(total) == pytest.approx(2 * precision * recall / (precision + recall))
    assert boundary_f_score(counts).shape == (4,)


def test_masks_are_not_changed():
    predicted, target = blob(3), blob(4)
    copies = predicted.copy(), target.copy()
    boundary_counts(predicted, target)
    assert np.array_equal(predicted, copies[0])
    assert np.array_equal(target, copies[1])


@pytest.mark.parametrize("mask", [None, "abc", np.ones(3), [[1, 2], [3]]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(DataError, match="annotated mask as numbers"):
        boundary_counts(np.ones((4, 4), bool), mask)


def test_masks_of_two_shapes_and_counts_of_another_kind_are_refused():
    with pytest.raises(DataError, match="masks of the same shape"):
        boundary_counts(np.ones((4, 4), bool), np.ones((4, 5), bool))
    with pytest.raises(DataError, match=r"shape \(\.\.\., 4\)"):
        boundary_f_score(np.ones(3))
    with pytest.raises(ConfigError, match="tolerance to be a finite number"):
        boundary_counts(np.ones((4, 4), bool), np.ones((4, 4), bool), tolerance=float("nan"))
