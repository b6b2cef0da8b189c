"""Smoothing that stops at the edges of an image."""

from __future__ import annotations

import cv2
import numpy as np

from partdisc.checks import check_array, check_count, check_number
from partdisc.errors import DataError


class GuidedFilter:
    """Guided filter (He, Sun and Tang, PAMI 2013, equations 5 to 8) with a grey guide that many maps share.

    Args:
        guide: (H, W) float32 in [0, 1].
        radius: half side of the window in pixels.
        flatness: variance of the guide below which a window counts as flat and is averaged.

    >>> guide = np.zeros((8, 8), np.float32); guide[:, 4:] = 1
    >>> smooth = GuidedFilter(guide)(guide)
    >>> bool(smooth[4, 1] < 0.01 and smooth[4, 6] > 0.99)
    True
    """

    def __init__(self, guide: np.ndarray, radius: int = 3, flatness: float = 1e-3) -> None:
        self.guide = check_array("a guide", guide, "(H, W)")
        check_number("flatness", flatness)
        self._window = (2 * check_count("radius", radius, 0) + 1,) * 2
        self._guide_mean = self._mean(guide)
        self._spread = self._mean(np.square(guide)) - np.square(self._guide_mean) + flatness

    def __call__(self, channel: np.ndarray) -> np.ndarray:
        """Smooth one map (H, W) float32; float32 of its range but for a little overshoot."""
        mean = self._mean(channel)
        slope = (self._mean(channel * self.guide) - mean * self._guide_mean) / self._spread
        offset = mean - slope * self._guide_mean
        return self._mean(slope) * self.guide + self._mean(offset)

    def _mean(self, values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, self._window)


def guided_filter(guide: np.ndarray, maps: np.ndarray, radius: int = 3, flatness: float = 1e-3) -> np.ndarray:
    """`GuidedFilter` for maps (H, W, K) float32 at once; shape (H, W, K).

    Raises:
        DataError: if guide and maps are none, or of two sizes.
        ConfigError: if a setting is out of its range.
    """
    maps = check_array("maps", maps, "(H, W, K)")
    if maps.shape[:2] != np.shape(guide):
        raise DataError(
            f"Expected maps (H, W, K) of the guide's size {np.shape(guide)}, but got {maps.shape}."
        )
    smooth = GuidedFilter(guide, radius, flatness)
    return np.stack([smooth(np.ascontiguousarray(maps[..., k])) for k in range(maps.shape[2])], axis=2)
