"""Smoothing that stops at the edges of an image."""

from __future__ import annotations

import cv2
import numpy as np


def guided_filter(guide: np.ndarray, maps: np.ndarray, radius: int = 3, flatness: float = 1e-3) -> np.ndarray:
    """Guided filter (He, Sun and Tang, PAMI 2013, equations 5 to 8) of several maps with one grey guide.

    Args:
        guide: (H, W) float32 in [0, 1].
        maps: (H, W, K) float32.
        radius: half side of the window in pixels.
        flatness: variance of the guide below which a window counts as flat and is averaged.

    Returns:
        (H, W, K) float32, of the maps' range but for a little overshoot.

    >>> guide = np.zeros((8, 8), np.float32); guide[:, 4:] = 1
    >>> smooth = guided_filter(guide, guide[..., None])
    >>> bool(smooth[4, 1, 0] < 0.01 and smooth[4, 6, 0] > 0.99)
    True
    """
    count = maps.shape[2]
    mean_guide, mean_maps = _mean(guide[..., None], radius), _mean(maps, radius)
    covariance = _mean(maps * guide[..., None], radius) - mean_guide * mean_maps
    variance = _mean(np.square(guide)[..., None], radius) - mean_guide**2
    slope = covariance / (variance + flatness)
    offset = mean_maps - slope * mean_guide
    both = _mean(np.concatenate([slope, offset], axis=2), radius)
    return both[..., :count] * guide[..., None] + both[..., count:]


def _mean(maps: np.ndarray, radius: int) -> np.ndarray:
    side = 2 * radius + 1
    return cv2.blur(maps, (side, side)).reshape(maps.shape)
