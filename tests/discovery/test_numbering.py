from __future__ import annotations

import itertools

import pytest

from partdisc.discovery.numbering import numbers_like


@pytest.mark.parametrize("num_parts", [1, 2, 3, 4])
def test_every_pairing_gives_a_permutation_that_keeps_it(num_parts):
    parts = range(1, num_parts + 1)
    for size in range(num_parts + 1):
        for sources in itertools.combinations(parts, size):
            for targets in itertools.permutations(range(1, num_parts + 3), size):
                pairs = dict(zip(sources, targets, strict=True))
                order = numbers_like(pairs, num_parts)
                assert sorted(order) == list(range(num_parts))
                for part, target in pairs.items():
                    if target <= num_parts:
                        assert order[target - 1] == part - 1
