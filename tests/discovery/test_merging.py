from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from partdisc.discovery.merging import colour_distances, merge_clusters
from partdisc.discovery.parts_within import PartsWithin, fit_parts_within
from partdisc.errors import DataError


def test_colours_tell_clusters_apart():
    image = np.zeros((4, 9, 3), np.uint8)
    image[:, 3:] = (250, 20, 20)
    label = torch.arange(9).div(3, rounding_mode="floor").repeat(4, 1)
    found = colour_distances([image] * 5, [label] * 5, [torch.ones(4, 9)] * 5, 3)
    assert found[0, 1] > 4 * found[1, 2]
    np.testing.assert_allclose(found, found.T)


def test_merging_with_evenness_one_is_the_cheapest_sequence_by_brute_force():
    rng = np.random.default_rng(0)
    centers, masses = rng.normal(size=(8, 3)), rng.integers(5, 50, 8)
    squared = ((centers[:, None] - centers) ** 2).sum(2)
    squared = squared / np.sqrt(squared)[np.triu_indices(8, 1)].mean() ** 2
    parts, size = [[i] for i in range(8)], masses + 1.0

    def cost(a, b):
        ma, mb = size[a].sum(), size[b].sum()
        return (
            (squared[np.ix_(a, b)] * np.outer(size[a], size[b])).sum()
            / (ma * mb)
            * (ma * mb / (ma + mb)) ** 0.3
        )

    while len(parts) > 3:
        a, b = min(itertools.combinations(parts, 2), key=lambda pair: cost(*pair))
        parts = [p for p in parts if p not in (a, b)] + [a + b]
    found = merge_clusters(torch.from_numpy(centers), masses, 3)
    assert {frozenset(np.flatnonzero(found == k)) for k in range(3)} == {frozenset(p) for p in parts}


def test_every_part_is_used():
    centers = torch.randn(12, 4, generator=torch.Generator().manual_seed(1))
    for k in (1, 5, 12):
        assert len(np.unique(merge_clusters(centers, np.ones(12), k))) == k


def scenes_of_two_parts(count=8):
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(3, 16, generator=generator)
    label = torch.zeros(10, 12, dtype=torch.long)
    label[2:8, 2:5], label[2:8, 5:10] = 1, 2
    maps = [codes[label] + 0.5 * torch.randn(10, 12, 16, generator=generator) for _ in range(count)]
    image = np.array([[0, 0, 0], [200, 30, 30], [30, 30, 200]], np.uint8)[label.numpy()]
    return maps, label, image


def test_parts_are_found_within_the_foreground():
    maps, label, image = scenes_of_two_parts()
    inside = (label > 0).float()
    parts = fit_parts_within(maps, [inside] * len(maps), 2, images=lambda i: image)
    found = parts(maps[0])
    assert found.shape == (10, 12, 2)
    torch.testing.assert_close(found.sum(2), torch.ones(10, 12))
    hard = found.argmax(2)
    assert hard[label == 1].unique().numel() == hard[label == 2].unique().numel() == 1
    assert hard[3, 3] != hard[3, 7]


def test_same_seed_same_bytes_and_state_is_all():
    maps, label, _ = scenes_of_two_parts()
    inside = [(label > 0).float()] * len(maps)
    first, second = (fit_parts_within(maps, inside, 2, seed=1) for _ in range(2))
    again = PartsWithin(**first.state())
    assert torch.equal(first(maps[0]), second(maps[0]))
    assert torch.equal(first(maps[0]), again(maps[0]))


def test_too_little_foreground_for_the_parts():
    maps, label, _ = scenes_of_two_parts(1)
    with pytest.raises(DataError, match="at least 4 foreground cells for 4 parts, but got 0"):
        fit_parts_within(maps, [torch.zeros(label.shape)], 4)
