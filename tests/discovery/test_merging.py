from __future__ import annotations

import itertools

import numpy as np
import torch

from partdisc.discovery.merging import (
    ColourDistances,
    colour_distances,
    lab_colours,
    meetings,
    merge_clusters,
)


def test_colours_tell_clusters_apart():
    image = np.zeros((4, 9, 3), np.uint8)
    image[:, 3:] = (250, 20, 20)
    lab = lab_colours(image, (4, 9)).reshape(-1, 3)
    label = np.tile(np.arange(9) // 3, 4)
    found = colour_distances(np.tile(lab, (5, 1)), np.ones(180), np.tile(label, 5), [36] * 5, 3).apart
    assert found[0, 1] > 4 * found[1, 2]
    np.testing.assert_allclose(found, found.T)


def test_clusters_that_never_meet_count_as_neither_like_nor_unlike():
    lab = np.repeat([[10.0, 0, 0], [90.0, 0, 0]], 8, axis=0)
    apart = np.repeat([0, 1, 2, 3], 8)
    found = colour_distances(np.tile(lab, (2, 1)), np.ones(32), apart, [16, 16], 4)
    assert found.apart[0, 0] < found.apart[0, 2] < found.apart[0, 1]
    assert found.certainty[0, 2] == 0 < found.certainty[0, 1]
    nothing = colour_distances(lab[:0], np.ones(0), np.zeros(0, int), [0], 2)
    assert not nothing.apart.any()
    assert not nothing.certainty.any()
    specks = colour_distances(lab[:2], np.ones(2), np.array([0, 1]), [2], 2)  # too small to tell a colour
    assert not specks.certainty.any()


def test_colours_are_surer_the_more_images_show_two_clusters_together():
    lab, labels = np.repeat([[10.0, 0, 0], [90.0, 0, 0]], 8, axis=0), np.repeat([0, 1], 8)

    def certainty(images):
        tiled = np.tile(lab, (images, 1)), np.ones(16 * images), np.tile(labels, images)
        return colour_distances(*tiled, [16] * images, 2).certainty[0, 1]

    np.testing.assert_allclose([certainty(n) for n in (1, 5, 95)], [1 / 6, 1 / 2, 0.95])


def test_colours_that_are_not_certain_do_not_decide():
    centers = torch.tensor([[0.0], [1.0], [3.0]])
    alike = np.array([[0, 9, 9], [9, 0, 0.1], [9, 0.1, 0]])

    def merged(certainty):
        colours = ColourDistances(alike, np.full((3, 3), certainty))
        return merge_clusters(centers, np.ones(3), 2, colours, colour_share=0.8).tolist()

    assert merged(1.0) == [0, 1, 1]
    assert merged(0.0) == merge_clusters(centers, np.ones(3), 2).tolist() == [0, 0, 1]


def test_colour_distances_are_those_found_pair_by_pair():
    rng, cells = np.random.default_rng(0), [40, 0, 25]
    lab, weights, labels = rng.uniform(0, 255, (65, 3)), rng.uniform(0.5, 1, 65), rng.integers(0, 4, 65)
    distance, mass = np.zeros((4, 4)), np.zeros((4, 4))
    for part in (slice(0, 40), slice(40, 65)):
        w, x, ids = weights[part], lab[part], labels[part]
        deviation = np.sqrt(w @ ((x - w @ x / w.sum()) ** 2).sum(1) / w.sum()) + 3
        for a, b in itertools.product(range(4), repeat=2):
            means = [w[ids == k] @ x[ids == k] / w[ids == k].sum() for k in (a, b)]
            shared = min(w[ids == a].sum(), w[ids == b].sum())
            distance[a, b] += shared * np.linalg.norm(means[0] - means[1]) / deviation
            mass[a, b] += shared
    expected = (distance + 2 * distance.sum() / mass.sum()) / (mass + 2)
    found = colour_distances(lab, weights, labels, cells, 4)
    np.testing.assert_allclose(found.apart, expected, atol=1e-6)


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


def test_meetings_are_those_found_pair_by_pair():
    rng, cells = np.random.default_rng(0), [30, 0, 20, 25]
    weights, labels = rng.uniform(0.5, 1, 75), rng.integers(0, 4, 75)
    labels[:30] = labels[:30] % 2  # two clusters are missing in the first image
    held = np.array(
        [
            [weights[part][labels[part] == k].sum() for k in range(4)]
            for part in (slice(0, 30), slice(30, 50), slice(50, 75))
        ]
    )
    wanted = np.ones((4, 4))
    for a, b in itertools.product(range(4), repeat=2):
        wanted[a, b] = np.sqrt(held[:, a] * held[:, b]).sum() / np.sqrt(held[:, a].sum() * held[:, b].sum())
    typical = np.mean([wanted[a, b] for a, b in itertools.combinations(range(4), 2)])
    np.testing.assert_allclose(meetings(weights, labels, cells, 4), np.minimum(wanted / typical, 1))


def test_nothing_meets_where_there_are_no_cells():
    assert not meetings(np.ones(0), np.zeros(0, int), [0], 3).any()
    assert meetings(np.ones(2), np.zeros(2, int), [2], 1).tolist() == [[1.0]]


def test_clusters_that_never_meet_merge_before_those_that_do():
    centers = torch.tensor([[0.0], [1.0], [3.0]])
    met = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])

    def merged(exclusion):
        return merge_clusters(centers, np.ones(3), 2, met=met, exclusion=exclusion).tolist()

    assert merged(0.0) == [0, 0, 1]
    assert merged(0.9) == [0, 1, 0]  # 9 x (1 - .9) against 1
    assert merged(0.8) == [0, 0, 1]
