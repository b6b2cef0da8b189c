from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from partdisc.foreground import LinearForeground
from partdisc.foreground.logistic import fit_logistic
from partdisc.foreground.share import object_share, separation, support


def heaps(share: float, apart: float, count: int = 3000, channels: int = 12) -> Callable[[float], Tensor]:
    """Learns cells in two heaps, of which `share` lies `apart` deviations off, from evidence that is weak."""
    rng = np.random.default_rng(0)
    inside = rng.random(count) < share
    rows = torch.from_numpy(rng.normal(size=(count, channels)) + apart * inside[:, None]).float()
    rows = (rows - rows.mean(0)) / rows.std(0)
    evidence = torch.from_numpy(inside + rng.normal(size=count)).float()

    def answers(asked: float) -> Tensor:
        weight, bias = fit_logistic(rows, (evidence > torch.quantile(evidence, 1 - asked)).float())
        return rows @ weight + bias

    return answers


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_share_is_read_off_two_heaps_though_the_evidence_is_weak(share):
    assert share <= object_share(heaps(share, apart=2.0)) <= 1.6 * share


def test_a_larger_share_of_objects_is_found_to_be_larger():
    found = [object_share(heaps(share, apart=1.0)) for share in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert found == sorted(found)


def test_without_two_heaps_the_share_is_neither_nothing_nor_everything():
    assert 0.1 < object_share(heaps(0.0, apart=0.0)) < 0.5


def test_answers_of_one_value_have_a_share():
    assert 0 < object_share(lambda share: torch.zeros(20)) < 1


def test_heaps_are_apart_whatever_the_scale_of_the_answers():
    odds = torch.cat([torch.randn(300, generator=torch.Generator().manual_seed(0)), torch.full((60,), 6.0)])
    assert separation(5 * odds + 3, 1 / 6) == pytest.approx(separation(odds, 1 / 6), rel=1e-4)
    assert separation(odds, 1 / 6) > separation(odds, 0.1), "cut through the smaller heap"
    assert separation(odds, 1 / 6) > separation(odds, 0.3), "cut through the larger heap"


def test_support_is_what_place_and_class_share():
    generator = torch.Generator().manual_seed(0)
    place, noise = torch.randn(2, 5000, generator=generator)
    agreeing = {"border": place, "class": 0.6 * place + 0.8 * noise}
    assert support(agreeing) == pytest.approx(0.6, abs=0.03)
    assert support({"border": place, "class": noise}) == pytest.approx(0.0, abs=0.03)


def test_support_is_unknown_without_a_classifier():
    assert support({"border": torch.randn(9), "centre": torch.randn(9)}) is None


@pytest.mark.parametrize(
    ("agreement", "supported"), [(-0.2, False), (0.05, False), (0.5, True), (None, True)]
)
def test_low_support_means_no_object(agreement, supported):
    zero = torch.zeros(1)
    found = LinearForeground(zero, zero + 1, zero, zero[0], agreement)
    assert found.is_supported is supported
    assert set(found.state()) == {"mean", "scale", "weight", "bias"}
