from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import DataError
from partdisc.metrics.consistency import LabelChanges, label_changes


def test_counts_agree_with_a_loop_over_pixels():
    rng = np.random.default_rng(0)
    first, second = (rng.choice([0, 1, 2, 3, 255], (30, 40)).astype(np.uint8) for _ in range(2))
    counts = [0, 0, 0, 0]
    for a, b in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True):
        if 255 in (a, b) or a == b == 0:
            continue
        counts[0] += 1
        counts[1] += a != b
        counts[2] += a > 0 and b > 0
        counts[3] += a > 0 and b > 0 and a != b
    found = label_changes(first, second)
    assert found.counts == tuple(counts)
    assert found.error == counts[1] / counts[0]
    assert found.part_error == counts[3] / counts[2]


def test_order_does_not_matter_and_images_add_up():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 4, (2, 8, 9))
    assert label_changes(a, b) == label_changes(b, a)
    rows = [label_changes(x[None], y[None]) for x, y in zip(a, b, strict=True)]
    assert sum(rows, LabelChanges()) == label_changes(a, b)


def test_without_an_object_there_is_no_error():
    assert label_changes(np.zeros((2, 2)), np.zeros((2, 2))).error is None
    assert label_changes(np.zeros((2, 2)), np.ones((2, 2))).part_error is None


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"one shape, but got \(2, 2\) and \(2, 3\)"):
        label_changes(np.zeros((2, 2)), np.zeros((2, 3)))
