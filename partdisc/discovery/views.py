"""Ways of looking at an image again, under which a part should stay what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """One way of looking at an image.

    Attributes:
        name: for reports.
        mirrored: left and right are exchanged.
        scale: how large objects become, relative to what the method works at.
        window: share of each side that is seen, at a place drawn for each image.
    """

    name: str
    mirrored: bool = False
    scale: float = 1.0
    window: float = 1.0

    def __call__(self, pixels: np.ndarray, place: tuple[float, float]) -> np.ndarray:
        """The view of an image or labels (H, W, ...); `place` of its window: (0, 0) top left, (1, 1) bottom right."""
        H, W = pixels.shape[:2]
        h, w = max(1, round(H * self.window)), max(1, round(W * self.window))
        top, left = round(place[0] * (H - h)), round(place[1] * (W - w))
        seen = pixels[top : top + h, left : left + w]
        return np.ascontiguousarray(seen[:, ::-1] if self.mirrored else seen)


VIEWS = (
    View("flip", mirrored=True),
    View("smaller", scale=0.75),
    View("larger", scale=1.25),
    View("crop", window=0.75),
)
