from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partdisc.data.annotations.painting import OVERLAP_RULES, PartInstance, paint
from partdisc.errors import ConfigError
from partdisc.parts import IGNORE

SIZE = (5, 6)


@st.composite
def instance_lists(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = draw(st.lists(st.sampled_from([1, 2, 3, IGNORE]), max_size=6))
    return [PartInstance(part, rng.random(SIZE) < rng.random()) for part in parts]


def reference(instances, rule):
    """Every pixel by itself."""
    labels = np.zeros(SIZE, np.uint8)
    for y, x in np.ndindex(*SIZE):
        here = [(i.part, int(i.mask.sum()), order) for order, i in enumerate(instances) if i.mask[y, x]]
        if not here:
            continue
        if rule == "largest-first":
            labels[y, x] = min(here, key=lambda t: (t[1], -t[2]))[0]
        elif rule == "smallest-id":
            labels[y, x] = min(part for part, _, _ in here)
        elif rule == "file-order":
            labels[y, x] = here[-1][0]
        else:
            parts = [part for part, _, _ in here if part != IGNORE]
            labels[y, x] = min(set(parts), key=lambda p: (-parts.count(p), p)) if parts else IGNORE
    return labels


@pytest.mark.parametrize("rule", OVERLAP_RULES)
@settings(max_examples=40, deadline=None)
@given(instance_lists())
def test_every_rule_equals_deciding_pixel_by_pixel(rule, instances):
    before = [i.mask.copy() for i in instances]
    assert np.array_equal(paint(instances, SIZE, rule), reference(instances, rule))
    assert all(np.array_equal(i.mask, mask) for i, mask in zip(instances, before, strict=True))


def test_small_parts_survive_by_default():
    door, mirror = np.ones(SIZE, bool), np.zeros(SIZE, bool)
    mirror[1:3, 1:3] = True
    for instances in (
        [PartInstance(1, mirror), PartInstance(2, door)],
        [PartInstance(2, door), PartInstance(1, mirror)],
    ):
        assert (paint(instances, SIZE)[mirror] == 1).all()


def test_an_unknown_rule_lists_the_rules():
    with pytest.raises(ConfigError, match=r"largest-first, smallest-id, file-order, most, but got 'newest'"):
        paint([], SIZE, "newest")
