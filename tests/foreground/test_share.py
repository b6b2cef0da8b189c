from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from partdisc.foreground import LinearForeground
from partdisc.foreground.share import mixture_posterior, object_share, support


def evidence(share: float, apart: float, count: int = 3000, columns: int = 4, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    inside = rng.random(count) < share
    rows = rng.normal(size=(count, columns)) + apart * inside[:, None]
    return torch.from_numpy((rows - rows.mean(0)) / rows.std(0)).float()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35])
def test_share_is_read_off_evidence_that_is_weak_by_itself(share):
    assert abs(object_share(evidence(share, apart=2.0)) - share) < 0.04


def test_a_long_tail_of_the_sum_is_not_taken_for_the_objects():
    rows = evidence(0.25, apart=2.5)
    rows[:60] += 6
    assert 0.15 < object_share(rows) < 0.35


def test_posterior_does_not_depend_on_the_order_of_cells():
    rows = evidence(0.3, apart=2.0, count=400)
    turned = mixture_posterior(rows.flip(0)).flip(0)
    torch.testing.assert_close(mixture_posterior(rows), turned)


def test_evidence_of_one_value_has_a_share():
    assert 0 <= object_share(torch.zeros(20, 3)) <= 1


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
