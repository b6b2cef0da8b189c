from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from partdisc.errors import ConfigError, DataError
from partdisc.metrics import functional as F
from partdisc.metrics import match_parts
from partdisc.metrics.matching import MatchRule, fold

tables = hnp.arrays(np.int64, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=st.integers(0, 50))


def best_sum_of_all_permutations(score):
    """Brute force over every injective assignment."""
    if score.shape[0] > score.shape[1]:
        score = score.T
    rows = range(score.shape[0])
    return max(
        sum(score[r, c] for r, c in zip(rows, columns, strict=True))
        for columns in permutations(range(score.shape[1]), score.shape[0])
    )


def matched_sum(score, targets):
    return sum(score[k, p - 1] for k, p in enumerate(targets[1:]) if p > 0)


@given(tables)
def test_one_to_one_equals_brute_force(table):
    iou = np.nan_to_num(F.part_iou(table))
    targets = match_parts(table).targets
    assert matched_sum(iou, targets) == pytest.approx(best_sum_of_all_permutations(iou), abs=1e-12)
    used = [p for p in targets[1:] if p != -1]
    assert len(used) == len(set(used))
    assert 0 not in used


@given(tables)
def test_by_pixels_equals_brute_force(table):
    targets = match_parts(table, by="pixels").targets
    assert matched_sum(table[1:, 1:], targets) == best_sum_of_all_permutations(table[1:, 1:])


@given(tables)
def test_background_class_is_matched_like_any_part(table):
    targets = match_parts(table, rule=MatchRule(by="pixels", background_class=True)).targets
    matched = sum(table[k, p] for k, p in enumerate(targets) if p >= 0)
    assert matched == best_sum_of_all_permutations(table)


@given(tables, st.randoms(use_true_random=False))
def test_matching_ignores_part_order(table, random):
    rows, columns = list(range(1, table.shape[0])), list(range(1, table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = table[np.ix_([0, *rows], [0, *columns])]
    for by in ("iou", "pixels"):
        before = fold(table, match_parts(table, by=by).targets)
        after = fold(shuffled, match_parts(shuffled, by=by).targets)
        if by == "iou":  # ties by pixels may differ in IoU
            np.testing.assert_allclose(F.part_miou(before), F.part_miou(after), atol=1e-12)


@given(tables)
def test_parts_without_a_common_pixel_stay_unmatched(table):
    for rule in (
        MatchRule(),
        MatchRule(by="pixels"),
        MatchRule("many-to-one"),
        MatchRule("many-to-one", "iou"),
    ):
        for label, target in enumerate(match_parts(table, rule=rule).targets):
            assert label == 0 or target == -1 or table[label, target] > 0


def test_many_to_one_goes_where_most_pixels_are():
    table = np.array([[9, 1, 1], [8, 7, 0], [1, 5, 2], [0, 2, 3]])
    assert match_parts(table, assignment="many-to-one").targets == (0, 0, 1, 2)


def test_many_to_one_by_iou_prefers_the_tighter_part():
    table = np.array([[90, 0, 0], [6, 5, 0]])
    assert match_parts(table, assignment="many-to-one").targets == (0, 0)
    assert match_parts(table, assignment="many-to-one", by="iou").targets == (0, 1)


def test_largest_factor_in_the_background_becomes_it():
    table = np.array([[0, 0, 0], [9, 4, 0], [60, 5, 5], [1, 0, 8]])
    matching = match_parts(table, rule=MatchRule(background="largest"))
    assert matching.targets == (0, 1, 0, 2)
    assert matching.background == 2
    assert match_parts(table).background is None


def test_background_can_be_given():
    table = np.array([[0, 0], [9, 4], [60, 5]])
    assert match_parts(table, rule=MatchRule(background=1)).targets == (0, 0, 1)
    with pytest.raises(ConfigError, match=r"a part 1\.\.2, but got 3"):
        match_parts(table, rule=MatchRule(background=3))


def test_fold_keeps_every_pixel():
    table = np.arange(12).reshape(4, 3)
    confusion = fold(table, (0, 2, -1, 2))
    np.testing.assert_array_equal(confusion, [table[0], [0, 0, 0], table[1] + table[3], table[2]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"assignment": "best"}, "one-to-one or many-to-one, but got 'best'"),
        ({"by": "area"}, "by iou or pixels, but got 'area'"),
        ({"background": "most"}, "none, largest or a part, but got 'most'"),
    ],
)
def test_unknown_rules_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        MatchRule(**options)


@pytest.mark.parametrize(
    "table", [None, 3, "abc", [[1, 2], [3]], np.ones(3), np.ones((3, 3, 3)), np.ones((0, 2))]
)
def test_what_is_no_table_is_refused(table):
    with pytest.raises(DataError, match=r"Expected a table .*of shape \(K \+ 1, P \+ 1\), but got"):
        match_parts(table)


def test_what_is_no_rule_is_refused():
    with pytest.raises(ConfigError, match="Expected a MatchRule, but got 'iou'"):
        match_parts(np.ones((2, 2)), rule="iou")
