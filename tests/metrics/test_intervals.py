from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import ConfigError, DataError
from partdisc.metrics import PartEvaluator
from partdisc.metrics.intervals import bootstrap, paired_bootstrap

NAMES = ("a", "b", "c", "d")


def evaluate(pairs, units=None, flip=0.0, **options):
    rng = np.random.default_rng(1)
    evaluator = PartEvaluator(5, NAMES, **options)
    for n, (predicted, target) in enumerate(pairs):
        spoiled = np.where(rng.random(predicted.shape) < flip, rng.integers(0, 6, predicted.shape), predicted)
        evaluator.update(
            spoiled.astype(np.uint8),
            target,
            image_id=str(n),
            category="xy"[n % 2],
            unit=units[n] if units else None,
        )
    return evaluator


@pytest.mark.parametrize("scope", ["dataset", "category", "image"])
def test_each_draw_equals_an_evaluation_of_the_drawn_images(image_pairs, scope):
    evaluator = evaluate(image_pairs, scope=scope)
    draws = bootstrap(evaluator, 3, seed=4)
    weights = np.random.default_rng(4).multinomial(10, np.full(10, 0.1), size=3)
    for draw in range(3):
        drawn = PartEvaluator(5, NAMES, scope=scope)
        for n, (predicted, target) in enumerate(image_pairs):
            for copy in range(weights[draw, n]):
                drawn.update(predicted, target, image_id=f"{n}-{copy}", category="xy"[n % 2])
        expected = drawn.compute().scores
        for name, values in draws.scores.items():
            assert values[draw] == pytest.approx(expected[name], abs=1e-12, nan_ok=True)


def test_drawing_by_unit_draws_whole_sequences(image_pairs):
    units = [str(n // 5) for n in range(10)]
    draws = bootstrap(evaluate(image_pairs, units), 50, seed=0)
    assert (draws.num_units, draws.by) == (2, "unit")
    whole, first, second = (
        evaluate(p).compute().nmi for p in (image_pairs, image_pairs[:5], image_pairs[5:])
    )
    possible = np.array([whole, first, second])
    assert all(np.isclose(value, possible, atol=1e-12).any() for value in draws.scores["nmi"])
    assert bootstrap(evaluate(image_pairs, units), 5, by_unit=False).num_units == 10


def test_same_seed_same_draws_and_order_of_images_does_not_matter(image_pairs):
    first, again = (bootstrap(evaluate(image_pairs), 20, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.scores["part_miou"], again.scores["part_miou"])
    backwards = PartEvaluator(5, NAMES)
    for n in reversed(range(10)):
        backwards.update(*image_pairs[n], image_id=str(n))
    turned = bootstrap(backwards, 20, seed=3)
    np.testing.assert_allclose(first.scores["ari"], turned.scores["ari"], atol=1e-12)
    assert not np.array_equal(first.scores["ari"], bootstrap(evaluate(image_pairs), 20, seed=5).scores["ari"])


def test_interval_holds_the_score(image_pairs):
    evaluator = evaluate(image_pairs)
    found = bootstrap(evaluator, 300).intervals()
    for name, value in evaluator.compute().scores.items():
        low, high = found[name]
        assert low <= high
        assert low - 0.05 < value < high + 0.05


def test_a_given_matching_is_not_refitted(image_pairs):
    fitted = evaluate(image_pairs[:1]).compute().matchings
    evaluator = evaluate(image_pairs)
    fixed = bootstrap(evaluator, 40, matchings=fitted).scores["part_miou"]
    assert (fixed <= bootstrap(evaluator, 40).scores["part_miou"] + 1e-12).all()


def test_paired_bootstrap_sees_which_run_is_better(image_pairs):
    better, worse = evaluate(image_pairs), evaluate(image_pairs, flip=0.4)
    found = paired_bootstrap(better, worse, 200)
    assert found["nmi"].clear
    assert found["nmi"].share_better == 1
    assert found["nmi"].difference == pytest.approx(better.compute().nmi - worse.compute().nmi)
    turned = paired_bootstrap(worse, better, 200)["nmi"]
    assert (turned.low, turned.high) == pytest.approx((-found["nmi"].high, -found["nmi"].low))


def test_a_run_is_not_better_than_itself(image_pairs):
    found = paired_bootstrap(evaluate(image_pairs), evaluate(image_pairs), 50)
    assert all(
        not item.clear and item.share_better == 0.5 and item.difference == 0 for item in found.values()
    )


def test_unusable_requests_are_refused(image_pairs):
    with pytest.raises(ConfigError, match="bootstrap draws to be a whole number of at least 1, but got 0"):
        bootstrap(evaluate(image_pairs), 0)
    with pytest.raises(DataError, match="at least two units to draw from, but got 1"):
        bootstrap(evaluate(image_pairs[:1]), 10)
    with pytest.raises(DataError, match="they share 9 of 10 and 9 images"):
        paired_bootstrap(evaluate(image_pairs), evaluate(image_pairs[:9]))
