from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from partdisc.errors import ConfigError, DataError
from partdisc.metrics import PartEvaluator, match_parts
from partdisc.metrics.scoring import SCORES

from .conftest import draw_labels


def evaluate(pairs, num_parts=5, names=("a", "b", "c", "d"), **options):
    evaluator = PartEvaluator(num_parts, names, **options)
    for n, (predicted, target) in enumerate(pairs):
        evaluator.update(predicted, target, image_id=str(n), category="xy"[n % 2])
    return evaluator


def test_a_result_shows_its_scores_in_one_line(image_pairs):
    result = evaluate(image_pairs).compute()
    assert repr(result).startswith(f"EvaluationResult(part_miou={result.part_miou:.3f}, ")
    assert repr(result).endswith(f"images={len(image_pairs)})")


def test_an_image_without_a_name_is_not_named():
    with pytest.raises(DataError, match="^Expected predicted labels"):
        PartEvaluator(2).update(np.full((2, 2), 9), np.zeros((2, 2), int))


def test_scores_equal_those_of_all_pixels_at_once(image_pairs):
    result = evaluate(image_pairs).compute()
    predicted = np.concatenate([p.ravel() for p, _ in image_pairs])
    target = np.concatenate([t.ravel() for _, t in image_pairs])
    predicted, target = predicted[target != 255], target[target != 255]
    assert result.nmi == pytest.approx(sk.normalized_mutual_info_score(target, predicted), abs=1e-9)
    assert result.ari == pytest.approx(sk.adjusted_rand_score(target, predicted), abs=1e-9)
    matched = np.array([5 if t == -1 else t for t in result.matchings["all"].targets])[predicted]
    iou = sk.jaccard_score(target, matched, labels=[1, 2, 3, 4], average=None)
    np.testing.assert_allclose([part.iou for part in result.per_part], iou)
    assert result.part_miou == pytest.approx(iou.mean())
    assert result.pixel_accuracy == pytest.approx((target == matched).mean())


@pytest.mark.parametrize("split", [0, 3, 10])
def test_merging_two_evaluators_equals_one(image_pairs, split):
    first = evaluate(image_pairs[:split])
    second = PartEvaluator(5, ("a", "b", "c", "d"))
    for n, pair in enumerate(image_pairs[split:], start=split):
        second.update(*pair, image_id=str(n), category="xy"[n % 2])
    first.merge(second)
    assert str(first.compute().to_dict()) == str(evaluate(image_pairs).compute().to_dict())


def test_batch_size_changes_nothing(rng):
    predicted, target = draw_labels(rng, (12, 10, 11), 3), draw_labels(rng, (12, 10, 11), 4)
    results = []
    for size in (1, 5, 12):
        evaluator = PartEvaluator(3, ("a", "b", "c", "d"))
        for start in range(0, 12, size):
            batch = slice(start, start + size)
            evaluator.update(predicted[batch], target[batch], image_id=[str(n) for n in range(12)[batch]])
        results.append(str(evaluator.compute().to_dict()))
    assert len(set(results)) == 1


def test_torch_tensors_score_like_arrays(rng):
    predicted, target = draw_labels(rng, (4, 10, 11), 3), draw_labels(rng, (4, 10, 11), 3)
    arrays, tensors = PartEvaluator(3), PartEvaluator(3)
    arrays.update(predicted, target)
    tensors.update(torch.from_numpy(predicted), torch.from_numpy(target).long())
    assert tensors.compute().scores == arrays.compute().scores


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40)
def test_scaling_images_by_two_keeps_iou_and_nmi(seed, num_parts, num_targets):
    rng = np.random.default_rng(seed)
    predicted, target = draw_labels(rng, (14, 9), num_parts), draw_labels(rng, (14, 9), num_targets)
    names = [""] * num_targets
    plain, doubled = PartEvaluator(num_parts, names), PartEvaluator(num_parts, names)
    plain.update(predicted, target)
    doubled.update(*(labels.repeat(2, 0).repeat(2, 1) for labels in (predicted, target)))
    plain, doubled = plain.compute(), doubled.compute()
    for name in set(SCORES) - {"ari", "fg_ari"}:
        assert doubled.scores[name] == pytest.approx(plain.scores[name], abs=1e-12, nan_ok=True)


@given(st.integers(0, 2**31), st.integers(1, 6))
@settings(max_examples=40)
def test_perfect_prediction_is_one_whatever_the_numbering(seed, num_parts):
    rng = np.random.default_rng(seed)
    target = draw_labels(rng, (30, 30), num_parts, block=4)
    numbering = np.concatenate([[0], 1 + rng.permutation(num_parts)]).astype(np.uint8)
    evaluator = PartEvaluator(num_parts)
    evaluator.update(numbering[target], target)
    scores = evaluator.compute().scores
    present = set(np.unique(target))
    if len(present) > 2 and 0 in present:
        assert all(value == pytest.approx(1) for value in scores.values()), scores
    assert scores["part_miou"] == pytest.approx(1, nan_ok=not present - {0})


@given(st.integers(0, 2**31))
@example(110632)  # two matchings have the same sum of IoU
@settings(max_examples=30)
def test_scores_ignore_the_order_of_discovered_parts(seed):
    rng = np.random.default_rng(seed)
    predicted, target = draw_labels(rng, (20, 20), 4), draw_labels(rng, (20, 20), 3)
    order = np.concatenate([[0], 1 + rng.permutation(4)]).astype(np.uint8)
    one, other = PartEvaluator(4, ["", "", ""]), PartEvaluator(4, ["", "", ""])
    one.update(predicted, target)
    other.update(order[predicted], target)
    assert other.compute().scores == pytest.approx(one.compute().scores, abs=1e-12, nan_ok=True)


def test_absent_parts_are_null_left_out_and_counted():
    target = np.array([[0, 1, 1, 0], [0, 1, 1, 0]])
    evaluator = PartEvaluator(2, ["head", "tail"])
    evaluator.update(target, target)
    result = evaluator.compute()
    assert result.absent == ["tail"]
    assert result.part_miou == 1
    tail = result.to_dict()["per_part"][1]
    assert all(np.isnan(tail[name]) for name in ("iou", "precision", "recall", "accuracy"))
    assert tail["matched"] == ()


def test_unmatched_part_counts_zero():
    target = np.array([[0, 1, 2, 2]])
    evaluator = PartEvaluator(1, ["a", "b"])
    evaluator.update(np.array([[0, 1, 0, 0]]), target)
    result = evaluator.compute()
    assert [part.iou for part in result.per_part] == [1, 0]
    assert result.part_miou == 0.5


def test_category_scope_is_the_mean_of_separate_evaluations(image_pairs):
    together = evaluate(image_pairs, scope="category").compute()
    separate = [evaluate(image_pairs[start::2]).compute() for start in (0, 1)]
    for name in SCORES:
        expected = np.mean([result.scores[name] for result in separate])
        assert together.scores[name] == pytest.approx(expected, abs=1e-12)
    assert together.groups["x"].scores == separate[0].scores
    assert together.groups["x"].num_images == 5
    assert together.pooled["nmi"] == evaluate(image_pairs).compute().nmi


def test_categories_with_their_own_number_of_parts():
    evaluator = PartEvaluator({"car": 1, "dog": 2}, ["wheel", "head", "body"], scope="category")
    evaluator.update(np.array([[0, 1]]), np.array([[0, 1]]), category="car")
    evaluator.update(np.array([[0, 1, 2]]), np.array([[0, 3, 2]]), category="dog")
    result = evaluator.compute()
    assert result.part_miou == 1
    assert result.table is None
    assert result.pooled == {}
    assert [part.matched for part in result.per_part] == [(1,), (2,), (1,)]
    with pytest.raises(DataError, match=r"within 0\.\.1 or 255, but found 2"):
        evaluator.update(np.array([[2]]), np.array([[1]]), category="car")
    with pytest.raises(DataError, match="a category of car, dog, but got 'cat'"):
        evaluator.update(np.array([[0]]), np.array([[1]]), category="cat")


def test_image_scope_is_an_upper_bound(image_pairs):
    per_image = evaluate(image_pairs, scope="image").compute()
    singly = [evaluate([pair]).compute().part_miou for pair in image_pairs]
    assert per_image.part_miou == pytest.approx(np.mean(singly))
    assert any("upper bound" in note for note in per_image.notes)


def test_matching_of_another_split_is_used_as_it_is(image_pairs):
    train, test = evaluate(image_pairs[:5]), evaluate(image_pairs[5:])
    fitted = train.compute().matchings
    result = test.compute(fitted, fitted_on="train")
    assert result.matchings == fitted
    assert result.to_dict()["matching_fitted_on"] == "train"
    assert result.part_miou <= test.compute().part_miou + 1e-12


def test_matching_that_does_not_fit_is_refused(image_pairs):
    evaluator = evaluate(image_pairs)
    with pytest.raises(DataError, match="Expected a matching for 'all', but the given one knows x"):
        evaluator.compute({"x": match_parts(np.eye(6))})
    with pytest.raises(
        DataError, match="5 discovered and 4 annotated parts, but the one given for 'all' has 2 and 2"
    ):
        evaluator.compute({"all": match_parts(np.eye(3))})


def test_auto_background_is_declared_only_where_label_0_is_unused():
    target = np.array([[0, 0, 0, 1, 2]])
    evaluator = PartEvaluator(3, ["a", "b"])
    evaluator.update(np.array([[3, 3, 3, 1, 2]]), target)
    result = evaluator.compute()
    assert result.background_iou == 1
    assert result.part_miou == 1
    assert any("part 3 was declared" in note for note in result.notes)
    assert result.to_dict()["background_declared"] == {"all": 3}
    plain = PartEvaluator(3, ["a", "b"], background="none")
    plain.update(np.array([[3, 3, 3, 1, 2]]), target)
    assert plain.compute().background_iou == 0
    evaluator.update(np.array([[0]]), np.array([[0]]))
    assert evaluator.compute().background_iou == 0.25


def test_partial_annotation_reports_no_foreground_iou(image_pairs):
    result = evaluate(image_pairs, partial_annotation=True).compute()
    assert "foreground_iou" not in result.scores


def test_class_miou_is_reported_where_background_is_a_class(image_pairs):
    result = evaluate(image_pairs, by="pixels", background_class=True).compute()
    ious = [result.background_iou, *(part.iou for part in result.per_part)]
    assert result.class_miou == pytest.approx(np.mean(ious))


def test_reset_forgets_everything(image_pairs):
    evaluator = evaluate(image_pairs)
    evaluator.reset()
    with pytest.raises(DataError, match="at least one image"):
        evaluator.compute()


def test_nothing_passed_in_is_changed(image_pairs):
    copies = [(p.copy(), t.copy()) for p, t in image_pairs]
    evaluate(image_pairs).compute()
    for before, after in zip(copies, image_pairs, strict=True):
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])


def test_an_image_counts_once(image_pairs):
    evaluator = evaluate(image_pairs)
    with pytest.raises(DataError, match="'3' was counted before"):
        evaluator.update(*image_pairs[3], image_id="3")
    with pytest.raises(DataError, match="counted by both"):
        evaluator.merge(evaluate(image_pairs[:1]))


def test_errors_name_the_image(image_pairs):
    with pytest.raises(DataError, match="Image 'bird': Expected prediction and annotation of the same shape"):
        PartEvaluator(2).update(np.zeros((2, 3), int), np.zeros((3, 2), int), image_id="bird")
    evaluator = PartEvaluator(2, scope="category")
    evaluator.update(np.zeros((2, 2), int), np.zeros((2, 2), int), image_id="bird")
    with pytest.raises(DataError, match="Image 'bird': expected a category"):
        evaluator.compute()


def test_merging_other_settings_is_refused(image_pairs):
    with pytest.raises(ConfigError, match="ignore_unlabelled differ"):
        evaluate(image_pairs).merge(evaluate(image_pairs, ignore_unlabelled=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_parts": 0}, r"1\.\.254 parts"),
        ({"num_parts": 255}, r"1\.\.254 parts"),
        ({"num_parts": 3, "scope": "class"}, "dataset, category, image, but got 'class'"),
        ({"num_parts": {"a": 2}}, "Expected scope 'category'"),
        ({"num_parts": 3, "background": 4}, r"a part 1\.\.3, but got 4"),
    ],
)
def test_unusable_settings_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        PartEvaluator(**options)


@pytest.mark.parametrize("num_parts", ["2", None, 2.5, [1], {"car": "2"}])
def test_numbers_of_parts_of_the_wrong_kind_are_refused(num_parts):
    with pytest.raises(ConfigError, match="num_parts.* to be a whole number, but got"):
        PartEvaluator(num_parts, ["a"])
    with pytest.raises(ConfigError, match="num_parts.* to be a whole number"):
        PartEvaluator(2).like("2" if num_parts is None else num_parts)


def test_lists_are_labels_too_and_what_is_no_labels_is_refused():
    evaluator = PartEvaluator(2)
    evaluator.update([[0, 1], [2, 2]], [[0, 1], [2, 2]])
    assert evaluator.compute().part_miou == 1
    for labels in (None, "abc", [[1, 2], [3]], {"a": 1}):
        with pytest.raises(DataError, match="predicted labels as numbers"):
            evaluator.update(labels, [[0]])
        with pytest.raises(DataError, match="annotated labels as numbers"):
            evaluator.update([[0]], labels)


@pytest.mark.parametrize("name", ["image_id", "category", "unit"])
def test_a_batch_has_one_of_each_for_every_image(name):
    labels = np.zeros((2, 3, 3), int)
    with pytest.raises(DataError, match=f"one {name} for each of 2 images, but got 1"):
        PartEvaluator(2).update(labels, labels, **{name: ["a"]})


@pytest.mark.parametrize("matchings", [3, {"all": 3}])
def test_what_is_no_matching_is_refused(matchings):
    evaluator = PartEvaluator(2)
    evaluator.update([[1]], [[1]])
    with pytest.raises(DataError, match="Expected a Matching for each group by its name"):
        evaluator.compute(matchings)
    with pytest.raises(ConfigError, match="Expected a PartEvaluator, but got int"):
        evaluator.merge(3)
