from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.features import Backbone


class TinyNet(torch.nn.Module):
    """Two strided convolutions, fixed weights: colours and edges at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.layer = torch.nn.Conv2d(8, 12, 3, stride=2, padding=1)
        with torch.no_grad():
            for conv in (self.stem, self.layer):
                conv.weight.copy_(torch.randn(conv.weight.shape, generator=generator) * 0.3)
                conv.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.relu(self.stem(x)))


def paint_images(count: int = 6, seed: int = 0) -> list[np.ndarray]:
    """Pictures of three flat colours with noise: red left, green right, blue below."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        h, w = rng.integers(40, 64, 2)
        image = np.zeros((h, w, 3), np.float32)
        split, floor = int(w * rng.uniform(0.3, 0.7)), int(h * rng.uniform(0.5, 0.8))
        image[:floor, :split] = (220, 30, 30)
        image[:floor, split:] = (30, 220, 30)
        image[floor:] = (30, 30, 220)
        images.append((image + rng.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8))
    return images


@pytest.fixture
def tiny_backbone() -> Backbone:
    return Backbone(TinyNet(), "tiny", layers=["layer"], weights="test")


@pytest.fixture
def painted(tmp_path):
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for i, image in enumerate(paint_images()):
        Image.fromarray(image).save(folder / ("sub" if i % 2 else "") / f"{i}.png")
    return folder
