from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from partdisc.discovery.voting import LinearParts, fit_softmax, mean_vote, scaled, sharpened
from partdisc.errors import DataError


def test_renumbered_copies_of_one_clustering_leave_it_as_it_is():
    generator = torch.Generator().manual_seed(0)
    first = torch.softmax(4 * torch.randn(50, 5, generator=generator), 1)
    copies = [first[:, torch.randperm(5, generator=generator)] for _ in range(6)]
    torch.testing.assert_close(mean_vote([first, *copies]), first)


def test_voting_outweighs_single_mistakes():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 4, (400,), generator=generator)

    def noisy():
        wrong = torch.rand(400, generator=generator) < 0.3
        labels = torch.where(wrong, torch.randint(0, 4, (400,), generator=generator), truth)
        return torch.eye(4)[torch.randperm(4, generator=generator)[labels]]

    votes = [noisy() for _ in range(9)]
    found = mean_vote(votes).argmax(1)
    agreement = torch.zeros(4, 4).index_put_((truth, found), torch.ones(400), accumulate=True)
    assert agreement.amax(1).sum() / 400 > 0.95


def test_no_votes_are_an_error():
    with pytest.raises(ValueError, match="at least one clustering"):
        mean_vote([])


def test_the_classifier_equals_scikit_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    rows = (rng.normal(size=(3, 6))[labels] + rng.normal(size=(300, 6))).astype(np.float32)
    weight, bias = fit_softmax(
        torch.from_numpy(rows), torch.eye(3)[torch.from_numpy(labels)], penalty=0.05, steps=200
    )
    reference = LogisticRegression(C=1 / (2 * 0.05 * 300), tol=1e-8, max_iter=2000).fit(rows, labels)
    expected = reference.predict_proba(rows)
    found = torch.softmax(torch.from_numpy(rows) @ weight + bias, 1)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_scaled_rows_have_one_length_whatever_the_image_contrast():
    rows = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))
    found = scaled(rows, torch.zeros(9), torch.ones(9))
    torch.testing.assert_close(found.norm(dim=1), torch.full((7,), 3.0))
    torch.testing.assert_close(found, scaled(5 * rows, torch.zeros(9), torch.ones(9)))


def test_renumbering_moves_columns():
    parts = LinearParts(torch.zeros(4), torch.ones(4), torch.randn(4, 3), torch.randn(3))
    rows, order = torch.randn(6, 4), torch.tensor([2, 0, 1])
    torch.testing.assert_close(parts.renumbered(order)(rows), parts(rows)[:, order])


def test_sharpened_votes_keep_their_winner_and_their_certainties():
    votes = torch.tensor([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    found = sharpened(votes)
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    torch.testing.assert_close(found[1:], votes[1:])
    assert found[0, 0] > votes[0, 0]
    assert found[0, 2] < votes[0, 2]


def test_no_votes_are_refused():
    with pytest.raises(DataError, match="Expected at least one clustering, but got none"):
        mean_vote([])
