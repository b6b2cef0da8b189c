from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from partdisc.discovery.recurrence import measure_support


def scores_of(labels, num_parts):
    return torch.eye(num_parts)[torch.as_tensor(labels)]


def test_seen_is_counted_image_by_image():
    rng = np.random.default_rng(0)
    labels, owners = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05]), rng.integers(0, 20, 500)
    expected = []
    for part in range(4):
        shares = [np.mean(labels[owners == image] == part) for image in range(20)]
        expected.append(np.mean([share >= 0.5 / 4 for share in shares]))
    found = measure_support(scores_of(labels, 4), torch.as_tensor(owners))
    np.testing.assert_allclose(found.seen, expected)


def test_images_without_an_object_do_not_count():
    labels, owners = [0, 1, 0, 1], [3, 3, 7, 7]
    assert measure_support(scores_of(labels, 2), torch.tensor(owners)).seen == (1.0, 1.0)


def support(rare_parts, images=20):
    """Parts 1 and 2 in every image; each further part in one image alone."""
    labels = [part for image in range(images) for part in (0, 0, 1, 1)] + [2 + k for k in range(rare_parts)]
    owners = [image for image in range(images) for _ in range(4)] + list(range(rare_parts))
    return measure_support(scores_of(labels, 2 + rare_parts), torch.tensor(owners))


def test_an_object_shows_all_parts_or_one():
    every, one = [0, 1, 2, 3] * 5, [0] * 10 + [1] * 10
    owners = torch.arange(20) // 4
    assert measure_support(scores_of(every, 4), owners).effective == pytest.approx(4)
    assert measure_support(scores_of(one, 4), torch.arange(20) // 10).effective == pytest.approx(1)


def test_what_an_object_shows_is_the_perplexity_of_its_parts():
    rng = np.random.default_rng(0)
    labels, owners = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05]), rng.integers(0, 20, 500)
    entropies = [entropy(np.bincount(labels[owners == image])) for image in range(20)]
    found = measure_support(scores_of(labels, 4), torch.as_tensor(owners))
    assert found.effective == pytest.approx(np.exp(np.mean(entropies)))


def test_parts_that_tell_images_apart_add_nothing_to_what_an_object_shows():
    whole, owners = np.tile([0, 0, 1, 1], 12), torch.arange(48) // 4
    split = whole + 2 * (np.arange(48) // 4 % 3)  # of every third image parts of their own
    before, after = (measure_support(scores_of(x, 6), owners) for x in (whole, split))
    assert before.effective == pytest.approx(after.effective)
    assert before.recurring > after.recurring == 0


def test_a_complaint_needs_many_images_and_most_parts_rare():
    some = torch.ones(9)
    assert support(2).complaints(some[:4]) == []
    assert support(7, images=19).complaints(some) == []
    alone = measure_support(scores_of(range(20), 20), torch.arange(20))
    assert alone.complaints(torch.ones(20))[-1].startswith("None of 20 parts recur from image to image; rare")
    assert support(7).complaints(some) == [
        "Only 2 of 9 parts recur from image to image; rare are parts 3, 4, 5, 6, 7, 8, 9. "
        "Ask for fewer, or for one model a folder if folders hold different kinds of objects."
    ]


def test_empty_parts_and_twins_are_named_in_a_line_each():
    scores = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    scores = torch.cat([scores, scores[:, :1] * 0.99, scores[:, 1:2] * 0.99], dim=1)
    found = measure_support(scores, torch.arange(50) // 10)
    assert found.alike == ((1, 4), (2, 5))
    assert found.complaints(torch.tensor([0.5, 0.3, 0.2, 0, 0])) == [
        "Parts 4, 5 win no cell of any image.",
        "Parts nearly the same: 1 and 4, 2 and 5.",
    ]


def test_parts_can_be_renumbered():
    scores = torch.rand(60, 4, generator=torch.Generator().manual_seed(0))
    scores[:, 3] = scores[:, 1] * 0.9
    owners, order = torch.arange(60) // 6, [3, 0, 2, 1]
    found = measure_support(scores, owners).renumbered(order)
    assert found == measure_support(scores[:, order], owners)
    assert found.alike == ((1, 4),)


def test_an_empty_part_is_not_called_rare_as_well():
    labels, owners = [0, 1] * 12, torch.arange(24) // 2
    areas = torch.tensor([0.5, 0.5] + [0.0] * 28)
    (complaint,) = measure_support(scores_of(labels, 30), owners).complaints(areas)
    assert complaint == "Parts 3, 4, 5, 6, 7, 8, 9, 10 and 20 more win no cell of any image."
