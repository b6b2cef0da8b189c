"""Soft maps as pictures: all parts mixed in their colours, or one map through a colour scale."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np

from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from partdisc.store.masks import Color


def shares(maps: PartMaps, size: tuple[int, int]) -> np.ndarray:
    """Each part's share of each pixel, within 0..1.

    With a background channel the shares and the background's add up to 1; without one (channel 0 is zero
    everywhere) the largest sum in the image counts as 1, so that weak activations stay weak.

    Returns:
        float32 (K, H, W).
    """
    resized = np.clip(maps.resized(size), 0, None)
    total = resized.sum(0)
    whole = total if maps.maps[0].any() else np.full_like(total, total.max())
    return resized[1:] / np.maximum(whole, np.finfo(np.float32).tiny)


def mix_maps(pixels: np.ndarray, maps: PartMaps, palette: Sequence[Color], opacity: float) -> np.ndarray:
    """The image with every part's colour mixed in by its share.

    Args:
        pixels: uint8 (H, W, 3).
        maps: soft maps of the image.
        palette: colours of labels 0..K.
        opacity: of a part with share 1.

    Returns:
        uint8 (H, W, 3).
    """
    weights = shares(maps, (pixels.shape[0], pixels.shape[1])) * np.float32(opacity)
    colors = np.asarray(palette[1 : len(weights) + 1], np.float32)
    mixed = pixels * (1 - weights.sum(0))[..., None] + np.einsum("khw,kc->hwc", weights, colors)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def heat_map(
    pixels: np.ndarray,
    activation: np.ndarray,
    *,
    opacity: float = 0.6,
    highest: float | None = None,
    scale: str = "inferno",
) -> np.ndarray:
    """One activation map over an image through a matplotlib colour scale.

    Args:
        pixels: uint8 (H, W, 3).
        activation: (h, w), values >= 0, stretched over the image.
        opacity: of the colours.
        highest: the value at the end of the scale; None takes the map's own maximum.
        scale: name of the colour scale.

    Returns:
        uint8 (H, W, 3).

    Raises:
        DataError: if `activation` is not two-dimensional.
        ConfigError: if there is no such colour scale.
    """
    if scale not in matplotlib.colormaps:
        raise ConfigError(
            f"Expected one of matplotlib's colour scales (inferno, viridis, ...), but got {scale!r}."
        )
    activation = np.asarray(activation, np.float32)
    if activation.ndim != 2 or 0 in activation.shape:
        raise DataError(f"Expected an activation map of shape (h, w), but got {activation.shape}.")
    top = float(activation.max()) if highest is None else highest
    levels = np.clip(activation * (255 / top if top > 0 else 0), 0, 255)
    levels = cv2.resize(levels, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    colors = cv2.LUT(cv2.merge([levels, levels, levels]), _scale_table(scale))
    return cv2.addWeighted(pixels, 1 - opacity, colors, opacity, 0)


@functools.lru_cache(maxsize=8)
def _scale_table(name: str) -> np.ndarray:
    table = matplotlib.colormaps[name](np.arange(256))[:, :3]
    return np.rint(table * 255).astype(np.uint8)[None]
