from __future__ import annotations

import itertools

import numpy as np
import torch

from partdisc.discovery.within import colour_distances, merge_clusters, smooth_within


def test_smoothing_draws_rims_to_their_like_inside():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(3, 16, generator=generator)
    label = torch.zeros(10, 12, dtype=torch.long)
    label[2:8, 2:6], label[2:8, 6:10] = 1, 2
    features = codes[label] + 0.5 * torch.randn(10, 12, 16, generator=generator)
    smooth = smooth_within(features, (label > 0).float())
    inside = label > 0
    error = [(f - codes[label])[inside].square().mean() for f in (features, smooth)]
    assert error[1] < 0.3 * error[0]


def test_too_little_foreground_leaves_features_alone():
    features = torch.randn(4, 4, 3)
    assert smooth_within(features, torch.zeros(4, 4)) is features


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
