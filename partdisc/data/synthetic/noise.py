"""Noise as small tiles that repeat without a seam, and their sampling through an affine map.

The tiles are fixed; what differs between surfaces is where and at what scale they are read.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from scipy.spatial import cKDTree

TILE = 256
CELLS = 16  # cells along a tile's side


@cache
def tile(kind: str) -> np.ndarray:
    """A (TILE, TILE) float32 tile with values spread evenly over 0..1.

    Args:
        kind: "clouds" (fractal), "blobs" (one scale, TILE / CELLS), "grain" (fine), "cells" (distance to the
            nearest of scattered points), "cracks" (0 where two of them are equally near).
    """
    if kind in ("cells", "cracks"):
        return _even(_cells(kind == "cracks"))
    rng = np.random.default_rng({"clouds": 1, "blobs": 2, "grain": 3}[kind])
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE) * TILE, np.fft.fftfreq(TILE) * TILE))
    band = {
        "clouds": 1 / np.maximum(frequency, 1.5) ** 1.7,
        "blobs": np.exp(-(((frequency - CELLS) / (CELLS / 3)) ** 2)),
        "grain": np.exp(-((frequency / (TILE / 4)) ** 2)),
    }[kind]
    band[0, 0] = 0
    return _even(np.fft.ifft2(np.fft.fft2(rng.standard_normal((TILE, TILE))) * band).real)


def _cells(cracks: bool) -> np.ndarray:
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), -1).reshape(-1, 2)
    points = (grid + rng.uniform(0.15, 0.85, grid.shape)) * (TILE / CELLS)
    tree = cKDTree(points, boxsize=TILE)
    pixels = np.stack(np.meshgrid(np.arange(TILE), np.arange(TILE)), -1)
    near, next_near = np.moveaxis(tree.query(pixels, k=2)[0], -1, 0)
    return next_near - near if cracks else near


def _even(values: np.ndarray) -> np.ndarray:
    ranks = np.empty(values.size, np.float32)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.linspace(0, 1, values.size, dtype=np.float32)
    return ranks.reshape(values.shape)


def sample(kind: str, to_tile: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Read a tile at `to_tile` (2, 3) @ (x, y, 1) for every pixel of an array of `shape`; float32."""
    return cv2.warpAffine(
        tile(kind),
        to_tile,
        shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_WRAP,
    )


def fractal(
    shape: tuple[int, int], zoom: float, rng: np.random.Generator, stretch: float = 1.0
) -> np.ndarray:
    """A "clouds" picture in 0..1; `zoom` tile pixels a pixel, `stretch` > 1 draws it out along x."""
    to_tile = np.array([[zoom / stretch, 0, rng.uniform(0, TILE)], [0, zoom, rng.uniform(0, TILE)]])
    return sample("clouds", to_tile, shape)
