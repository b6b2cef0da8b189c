"""Light on a flat drawing: every piece is inflated to a height map whose slopes catch the light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Light:
    """One distant lamp and an ambient sky.

    Attributes:
        direction: (3,) unit vector towards the lamp; x right, y down, z to the viewer.
        sun: (3,) colour and strength of the lamp.
        ambient: (3,) colour and strength of the light from everywhere.
    """

    direction: np.ndarray
    sun: np.ndarray
    ambient: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Light:
        """Daylight from above, left or right, warm to cool, hard to overcast."""
        direction = np.array([rng.uniform(-0.8, 0.8), -rng.uniform(0.4, 0.9), rng.uniform(0.5, 0.9)])
        warmth, hardness = rng.uniform(-1, 1), rng.uniform(0.45, 0.8)
        tint = np.array([0.06, 0.0, -0.09]) * warmth
        return cls(
            direction / np.linalg.norm(direction),
            (hardness * (1 + tint)).astype(np.float32),
            ((1.02 - 0.75 * hardness) * (1 - 0.6 * tint)).astype(np.float32),
        )


def height_map(mask: np.ndarray, radius: float) -> np.ndarray:
    """Height in pixels of a piece inflated to a quarter circle of `radius` pixels along its edge.

    A piece nowhere as wide as that is inflated over the half width it has.
    """
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    radius = max(1.0, min(radius, float(distance.max())))
    t = np.minimum(distance / radius, 1)
    height = radius * np.sqrt(t * (2 - t))
    # the ridge of the distance transform would show as a crease
    return cv2.GaussianBlur(height, (0, 0), 0.22 * radius + 0.6)


def shade(color: np.ndarray, height: np.ndarray | None, light: Light, gloss: float) -> np.ndarray:
    """Light a surface: Lambert's law, a hemisphere of ambient light, and a Blinn-Phong highlight.

    Args:
        color: float32 (h, w, 3).
        height: float32 (h, w) in pixels, or None for a flat piece.
        light: what falls on it.
        gloss: strength of the highlight.
    """
    if height is None:
        return color * (light.ambient + light.sun * np.float32(0.25 + 0.75 * light.direction[2]))
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    inverse = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    lx, ly, lz = (float(value) for value in light.direction)
    lambert = np.maximum((lz - lx * slope_x - ly * slope_y) * inverse, 0)
    sky = 0.8 + 0.2 * slope_y * inverse  # slopes that face up see more sky
    lit = color * (sky[..., None] * light.ambient + (0.1 + lambert)[..., None] * light.sun)
    if gloss:
        length = math.hypot(lx, ly, lz + 1)  # of the sum of the directions to the lamp and to the viewer
        facing = np.maximum(((lz + 1) - lx * slope_x - ly * slope_y) * (inverse / length), 0)
        facing *= facing * facing  # to the 24th power, several times faster than np.power
        facing *= facing
        facing *= facing
        facing *= facing
        lit += (gloss * facing)[..., None] * light.sun
    return lit
