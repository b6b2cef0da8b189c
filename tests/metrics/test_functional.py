from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from partdisc.errors import DataError
from partdisc.metrics import functional as F
from partdisc.metrics import match_parts
from partdisc.metrics.functional import contingency
from partdisc.metrics.matching import fold

tables = hnp.arrays(
    np.int64, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=st.integers(0, 60)
).filter(lambda t: (t.sum(0) > 0).sum() > 1 and (t.sum(1) > 0).sum() > 1)


def as_labels(table):
    """The two label vectors a table was counted from."""
    rows, columns = np.indices(table.shape)
    return rows.ravel().repeat(table.ravel()), columns.ravel().repeat(table.ravel())


@given(tables)
def test_agreement_equals_scikit_learn(table):
    predicted, target = as_labels(table)
    assert F.nmi(table) == pytest.approx(sk.normalized_mutual_info_score(target, predicted), abs=1e-9)
    assert F.ari(table) == pytest.approx(sk.adjusted_rand_score(target, predicted), abs=1e-9)
    assert F.completeness(table) == pytest.approx(sk.completeness_score(target, predicted), abs=1e-9)
    majority = sum(np.bincount(target[predicted == k]).max() for k in np.unique(predicted))
    assert F.purity(table) == pytest.approx(majority / len(target), abs=1e-12)


@given(tables)
def test_foreground_variants_are_those_of_the_annotated_parts(table):
    predicted, target = as_labels(table)
    keep = target > 0
    if len(np.unique(target[keep])) > 1 and len(np.unique(predicted[keep])) > 1:
        expected = sk.normalized_mutual_info_score(target[keep], predicted[keep])
        assert F.fg_nmi(table) == pytest.approx(expected, abs=1e-9)
        assert F.fg_ari(table) == pytest.approx(
            sk.adjusted_rand_score(target[keep], predicted[keep]), abs=1e-9
        )
    else:
        assert np.isnan(F.fg_nmi(table))
        assert np.isnan(F.fg_ari(table))


@given(tables)
def test_overlap_equals_scikit_learn_after_matching(table):
    confusion = fold(table, match_parts(table).targets)
    predicted, target = as_labels(confusion)
    annotated = [p for p in range(1, table.shape[1]) if (target == p).any()]
    iou = sk.jaccard_score(target, predicted, labels=range(table.shape[1]), average=None, zero_division=0)
    np.testing.assert_allclose(F.class_iou(confusion)[annotated], iou[annotated], atol=1e-12)
    if annotated:
        assert F.part_miou(confusion) == pytest.approx(iou[annotated].mean())
        recall = sk.recall_score(target, predicted, labels=annotated, average="macro", zero_division=0)
        assert F.mean_accuracy(confusion) == pytest.approx(recall)
    assert F.pixel_accuracy(confusion) == pytest.approx(sk.accuracy_score(target, predicted))
    if annotated:
        assert F.foreground_iou(confusion) == pytest.approx(sk.jaccard_score(target > 0, predicted > 0))
    for p in annotated:
        assert F.class_accuracy(confusion)[p] == pytest.approx(((target == p) == (predicted == p)).mean())


def test_part_iou_counts_leaks_into_the_background():
    table = np.array([[50, 10], [30, 10]])
    assert F.part_iou(table) == pytest.approx(np.array([[10 / (40 + 20 - 10)]]))


def test_ari_survives_products_beyond_int64():
    table = np.array([[4 * 10**9, 10**9], [10**9, 5 * 10**9]])
    n = [[int(v) for v in row] for row in table]

    def pairs(values):
        return sum(v * (v - 1) // 2 for v in values)

    both = pairs(v for row in n for v in row)
    rows, columns = pairs(map(sum, n)), pairs(map(sum, zip(*n, strict=True)))
    everything = pairs([sum(map(sum, n))])
    exact = (both * everything - rows * columns) / ((rows + columns) * everything // 2 - rows * columns)
    assert F.ari(table) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("score", [F.nmi, F.ari, F.completeness])
@pytest.mark.parametrize("table", [[[3, 4], [0, 0]], [[3, 0], [4, 0]], [[5, 0], [0, 0]], [[0, 0], [0, 0]]])
def test_one_cluster_or_one_class_is_undefined(score, table):
    assert np.isnan(score(np.array(table)))


def test_stacks_of_tables_score_like_single_ones(rng):
    stack = rng.integers(0, 50, (4, 3, 6, 5))
    stack[0, 0, :, 2] = 0
    for score in (F.nmi, F.ari, F.fg_nmi, F.fg_ari, F.purity, F.completeness, F.label_iou):
        singly = np.array([[score(table) for table in row] for row in stack])
        np.testing.assert_array_equal(score(stack), singly)
    for score in (F.part_miou, F.foreground_iou, F.background_iou, F.pixel_accuracy, F.mean_accuracy):
        singly = np.array([[score(table) for table in row] for row in stack])
        np.testing.assert_array_equal(score(stack), singly)


def test_absent_part_is_nan_and_left_out_of_the_mean():
    confusion = np.array([[5, 0, 0], [0, 5, 0], [0, 2, 0], [0, 0, 0]])
    np.testing.assert_array_equal(F.class_iou(confusion), [1, 5 / 7, np.nan])
    assert F.part_miou(confusion) == 5 / 7
    assert np.isnan(F.part_miou(np.array([[5, 0], [1, 0], [0, 0]])))


@given(
    hnp.arrays(np.uint8, (7, 9), elements=st.integers(0, 4)),
    hnp.arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 1, 2, 3, 255])),
)
def test_contingency_table_equals_scikit_learn(predicted, target):
    table = F.contingency_table(predicted, target, 4, 3)
    keep = target != 255
    expected = (
        sk.confusion_matrix(predicted[keep], target[keep], labels=range(5))
        if keep.any()
        else np.zeros((5, 5))
    )
    np.testing.assert_array_equal(table, expected[:, :4])


def test_contingency_table_of_many_pixels_is_the_sum_of_its_chunks(rng):
    predicted, target = rng.integers(0, 6, (2, 700, 900)).astype(np.uint8)
    whole = F.contingency_table(predicted, target, 5, 5)
    halves = sum(
        F.contingency_table(p, t, 5, 5)
        for p, t in zip(np.split(predicted, 2), np.split(target, 2), strict=True)
    )
    np.testing.assert_array_equal(whole, halves)
    assert whole.sum() == predicted.size


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_torch_counts_like_numpy(rng, dtype):
    predicted, target = rng.integers(0, 4, (2, 20, 30))
    table = F.contingency_table(torch.tensor(predicted, dtype=dtype), torch.tensor(target, dtype=dtype), 3, 3)
    np.testing.assert_array_equal(table, F.contingency_table(predicted, target, 3, 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_counts_like_cpu(rng):
    predicted, target = torch.tensor(rng.integers(0, 4, (2, 200, 300)))
    on_gpu = F.contingency_table(predicted.cuda(), target, 3, 3)
    np.testing.assert_array_equal(on_gpu, F.contingency_table(predicted, target, 3, 3))


def test_the_path_for_devices_counts_like_the_one_for_arrays(rng):
    predicted, target = rng.integers(0, 256, (2, 40, 30)).astype(np.uint8)
    on_device = contingency._count_on_device(torch.tensor(predicted), torch.tensor(target))
    np.testing.assert_array_equal(on_device, contingency._count(predicted.ravel(), target.ravel()))


def test_predicted_255_counts_as_background():
    table = F.contingency_table(np.array([255, 1]), np.array([1, 1]), 1, 1)
    np.testing.assert_array_equal(table, [[0, 1], [0, 1]])


def test_unlabelled_pixels_can_be_left_out():
    table = F.contingency_table(np.array([0, 1, 1]), np.array([0, 0, 1]), 1, 1, ignore_unlabelled=True)
    np.testing.assert_array_equal(table, [[0, 0], [0, 1]])


@pytest.mark.parametrize(
    ("predicted", "target", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), "same shape"),
        (np.array([3]), np.array([0]), "predicted labels within 0..2 or 255, but found 3"),
        (np.array([0]), np.array([7]), "annotated labels within 0..2 or 255, but found 7"),
        (np.array([-1]), np.array([0]), "predicted labels within 0..255, but got -1"),
        (np.array([300]), np.array([0]), "predicted labels within 0..255"),
        (np.array([0.0]), np.array([0]), "whole numbers, but got float64"),
    ],
)
def test_unusable_labels_are_named(predicted, target, words):
    with pytest.raises(DataError, match=words):
        F.contingency_table(predicted, target, 2, 2)


TABLE_SCORES = [F.ari, F.fg_nmi, F.label_iou, F.part_iou, F.purity]
CONFUSION_SCORES = [F.part_miou, F.class_precision, F.foreground_iou]


@pytest.mark.parametrize("score", TABLE_SCORES + CONFUSION_SCORES, ids=lambda score: score.__name__)
@pytest.mark.parametrize("table", [None, 3, "abc", np.ones(3), [[1, 2], [3]], [["1", "2"]]])
def test_scores_want_a_table_of_counts(score, table):
    with pytest.raises(DataError, match=r"Expected a table of counts as numbers of shape .* Make it with"):
        score(table)


@pytest.mark.parametrize("score", CONFUSION_SCORES, ids=lambda score: score.__name__)
def test_a_contingency_table_is_no_confusion_where_it_has_fewer_rows_than_columns(score):
    with pytest.raises(DataError, match=r"Expected a confusion of shape .* but got \(2, 4\)"):
        score(np.ones((2, 4)))
