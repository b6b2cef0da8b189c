"""Parts numbered like those of another run."""

from __future__ import annotations

import numpy as np

from partdisc.discovery.base import PartDiscoverer
from partdisc.errors import ConfigError
from partdisc.metrics import contingency_table, match_parts
from partdisc.store.features import FeatureSet
from partdisc.store.masks import MaskSet

MAX_COMPARED = 200  # images; more do not change which part is which


def number_like(discoverer: PartDiscoverer, features: FeatureSet, other: MaskSet) -> None:
    """Give each part the number of the part of `other` that it overlaps most, one to one, by IoU.

    Parts without a counterpart, or whose counterpart's number is above K, take the numbers left over, in their order.

    Raises:
        ConfigError: if the two have no image in common.
    """
    known = other.by_id
    common = [i for i, entry in enumerate(features.entries) if entry.id in known]
    if not common:
        raise ConfigError(f"Cannot number like {other.folder}: it has no image in common with these images.")
    table = np.zeros((discoverer.num_parts_ + 1, other.num_parts + 1), dtype=np.int64)
    step = -(-len(common) // MAX_COMPARED)
    for maps in discoverer.iter_maps(features, common[::step]):
        target = other.labels(known[maps.image_id])
        table += contingency_table(
            maps.to_labels(target.shape), target, discoverer.num_parts_, other.num_parts
        )
    targets = match_parts(table).targets
    discoverer.reorder(numbers_like({k: t for k, t in enumerate(targets) if k and t}, discoverer.num_parts_))


def numbers_like(pairs: dict[int, int], num_parts: int) -> list[int]:
    """The order of parts (old part - 1 for each new one) in which part k becomes `pairs[k]` wherever it can.

    >>> numbers_like({1: 3, 2: 1}, 3)
    [1, 2, 0]
    """
    taken = {target: part for part, target in pairs.items() if 1 <= target <= num_parts}
    rest = [part for part in range(1, num_parts + 1) if part not in taken.values()]
    return [(taken[new] if new in taken else rest.pop(0)) - 1 for new in range(1, num_parts + 1)]
