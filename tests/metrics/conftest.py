from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("partdisc", deadline=None)  # a busy machine is no failure
settings.load_profile("partdisc")


def draw_labels(rng: np.random.Generator, shape: tuple[int, ...], highest: int, block: int = 3) -> np.ndarray:
    """Blocky random labels 0..highest, so that regions overlap more than by chance."""
    coarse = rng.integers(0, highest + 1, [-(-side // block) for side in shape])
    for axis in range(len(shape)):
        coarse = coarse.repeat(block, axis)
    return coarse[tuple(slice(side) for side in shape)].astype(np.uint8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def image_pairs(rng):
    """Ten images of different sizes with K = 5 discovered and P = 4 annotated parts, agreeing on two thirds."""
    pairs = []
    for _ in range(10):
        shape = tuple(rng.integers(9, 24, 2))
        target = draw_labels(rng, shape, 4)
        noise = draw_labels(rng, shape, 5)
        predicted = np.where(rng.random(shape) < 0.66, (target + 1) % 5, noise).astype(np.uint8)
        target[rng.random(shape) < 0.05] = 255
        pairs.append((predicted, target))
    return pairs
