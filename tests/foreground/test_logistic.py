from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from partdisc.foreground.logistic import fit_logistic


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
