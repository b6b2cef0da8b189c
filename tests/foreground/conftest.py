from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from partdisc.store.features import FeatureSet

CELL = 4


class Scenes:
    """Images with one object each: features, pixels, and the cells the object covers."""

    def __init__(self, count: int = 12, seed: int = 0, channels: int = 24, grounds: int = 2) -> None:
        rng = np.random.default_rng(seed)
        code = torch.Generator().manual_seed(seed)
        kinds = torch.randn(
            4, channels, generator=code
        )  # object, sky, ground, and a second part of the object
        self.images: list[np.ndarray] = []
        self.truth: list[Tensor] = []
        self.labels: list[Tensor] = []
        maps = []
        for _ in range(count):
            h, w = (int(v) for v in rng.integers(10, 16, 2))
            kind = np.ones((h, w), int)
            kind[h // 2 :] = grounds
            top, left = int(rng.integers(2, 4)), int(rng.integers(2, 4))
            kind[top : top + 5, left : left + 6] = 0
            kind[top : top + 5, left + 3 : left + 6] = 3
            colours = rng.integers(0, 256, (4, 3))
            label = torch.from_numpy(kind)
            maps.append(kinds[label] + 0.8 * torch.randn(h, w, channels, generator=code))
            pixels = colours[kind].repeat(CELL, 0).repeat(CELL, 1) + rng.normal(0, 4, (h * CELL, w * CELL, 3))
            self.images.append(pixels.clip(0, 255).astype(np.uint8))
            self.labels.append(label)
            self.truth.append((label == 0) | (label == 3))
        self.maps = maps
        self.features = FeatureSet.from_maps(maps)

    def iou(self, masks: list[Tensor]) -> float:
        pairs = list(zip(masks, self.truth, strict=True))
        return sum(int((a & b).sum()) for a, b in pairs) / sum(int((a | b).sum()) for a, b in pairs)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes()


@pytest.fixture(scope="module")
def plain_scenes() -> Scenes:
    """One kind of background: where there are two, the first joint factor tells these apart."""
    return Scenes(grounds=1)
