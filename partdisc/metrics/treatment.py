"""What a protocol does to the image before it compares: its size and crop, applied to predictions and annotations.

A protocol's authors ran their network on the treated image. Here the maps of a finished run are resampled to the
treated size instead, which is close but not the same, and every result under such a protocol says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.parts import PartMaps


@dataclass(frozen=True)
class Treatment:
    """How an image is resized and cropped.

    Attributes:
        resize: "none", "short" (the short side becomes `size`, the aspect stays), or "squash" (both do).
        size: in pixels.
        crop: cut the central `size` x `size` square out afterwards.
        multiple: cut both sides to a multiple of this, from the top left corner.
    """

    resize: str = "none"
    size: int = 0
    crop: bool = False
    multiple: int = 1

    def resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size (H, W) before the crop of an image of `size`.

        >>> Treatment("short", 224).resized((375, 500))
        (224, 298)
        """
        height, width = size
        if self.resize == "none":
            return size
        if self.resize == "squash":
            return self.size, self.size
        short = min(height, width)
        return height * self.size // short, width * self.size // short  # rounded down, as torchvision does

    def window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Which rows and columns of the resized image remain after the crop."""
        height, width = self.resized(size)
        if self.crop:
            top, left = round((height - self.size) / 2), round((width - self.size) / 2)
            return slice(top, top + self.size), slice(left, left + self.size)
        return slice(0, height // self.multiple * self.multiple), slice(
            0, width // self.multiple * self.multiple
        )

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Hard labels (H, W) of the treated image, by nearest neighbour."""
        if self.resize == "none":
            return labels
        return nearest(labels, self.resized(labels.shape))[self.window(labels.shape)]

    def maps(self, maps: PartMaps) -> np.ndarray:
        """Soft maps (K + 1, H, W) of the treated image, bilinear."""
        return maps.resized(self.resized(maps.size))[(slice(None), *self.window(maps.size))]

    def points(self, xy: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 2) of an image of `size` in the treated image, and which of them are still inside it."""
        height, width = self.resized(size)
        rows, columns = self.window(size)
        moved = (xy + 0.5) * (width / size[1], height / size[0]) - 0.5 - (columns.start, rows.start)
        limits = np.array([columns.stop - columns.start, rows.stop - rows.start]) - 0.5
        return moved, ((moved >= -0.5) & (moved < limits)).all(-1)


NATIVE = Treatment()  # the image as it is


def nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) at the pixels nearest to those of an image of another size."""
    rows = ((np.arange(size[0]) + 0.5) * labels.shape[0] / size[0]).astype(np.intp)
    columns = ((np.arange(size[1]) + 0.5) * labels.shape[1] / size[1]).astype(np.intp)
    return labels[rows[:, None], columns]
