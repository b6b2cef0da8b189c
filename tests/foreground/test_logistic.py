from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from partdisc.foreground.logistic import fit_logistic, minimise


def test_fit_equals_scikit_learn():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 5)).astype(np.float32)
    targets = (rows[:, 0] + 0.5 * rows[:, 1] + rng.normal(size=300) > 0.3).astype(np.float32)
    penalty = 0.05
    weight, bias = fit_logistic(torch.from_numpy(rows), torch.from_numpy(targets), penalty=penalty, steps=100)
    reference = LogisticRegression(C=1 / (2 * penalty * len(rows)), tol=1e-8).fit(rows, targets)
    np.testing.assert_allclose(weight.numpy(), reference.coef_[0], atol=1e-3)
    np.testing.assert_allclose(float(bias), reference.intercept_[0], atol=1e-3)


def test_a_weight_of_two_counts_like_the_row_twice():
    rows = torch.tensor([[-1.0], [0.2], [0.4], [1.0]])
    targets = torch.tensor([0.0, 1.0, 0.0, 1.0])
    weighted = fit_logistic(rows, targets, torch.tensor([1.0, 1, 1, 2]), steps=100)
    repeated = fit_logistic(torch.cat([rows, rows[3:]]), torch.cat([targets, targets[3:]]), steps=100)
    torch.testing.assert_close(weighted, repeated, atol=1e-3, rtol=0)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_threads_find_in_pieces_is_what_automatic_differentiation_finds_at_once(threads):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2001, 35, generator=generator)
    targets, weights = torch.rand(2, len(rows), generator=generator)

    def slope(p):
        variable = p.clone().requires_grad_(True)
        logits = rows @ variable[:-1] + variable[-1]
        misfit = F.binary_cross_entropy_with_logits(logits, targets, weights, reduction="sum") / weights.sum()
        value = misfit + 0.01 * variable[:-1].square().sum()
        value.backward()
        return value.detach(), variable.grad

    expected = minimise(slope, torch.zeros(rows.shape[1] + 1), 20)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    weight, bias = fit_logistic(rows, targets, weights, penalty=0.01, steps=20)
    torch.set_num_threads(before)
    torch.testing.assert_close(torch.cat([weight, bias[None]]), expected, atol=1e-3, rtol=0)
