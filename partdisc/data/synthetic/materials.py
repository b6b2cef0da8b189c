"""The colour of a surface before light falls on it: pattern, underside and grain of a `Material`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic import noise
from partdisc.data.synthetic.layers import Color, Material


@dataclass
class Surface:
    """The pixels of one piece in its own frame.

    Attributes:
        u, v: (h, w) float32 coordinates along and across the grain, in pattern periods.
        to_frame: (2, 3) map from pixels (x, y, 1) to (u, v).
        offset: (2,) where in the noise tiles this object reads.
    """

    u: np.ndarray
    v: np.ndarray
    to_frame: np.ndarray
    offset: np.ndarray

    def noise(self, kind: str, scale: float, scale_v: float | None = None) -> np.ndarray:
        """Noise read at `scale` tile pixels a period along u, `scale_v` along v."""
        scales = np.array([[scale], [scale if scale_v is None else scale_v]])
        to_tile = self.to_frame * scales
        to_tile[:, 2] += self.offset
        return noise.sample(kind, to_tile, self.u.shape)


def _step(values: np.ndarray, edge: float, width: float) -> np.ndarray:
    return np.clip((values - edge) / width + 0.5, 0, 1)


def _plain(surface: Surface, coverage: float) -> np.ndarray:
    return np.zeros_like(surface.u)


def _stripes(surface: Surface, coverage: float) -> np.ndarray:
    wobble = surface.noise("clouds", 24, 10)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (surface.u + 1.3 * wobble))
    return _step(wave, 1 - coverage, 0.25)


def _bands(surface: Surface, coverage: float) -> np.ndarray:
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (surface.u + 0.25 * surface.noise("clouds", 16)))
    return _step(wave, 1 - coverage, 0.15)


def _spots(surface: Surface, coverage: float) -> np.ndarray:
    return 1 - _step(surface.noise("cells", noise.TILE / noise.CELLS), coverage, 0.2)


def _net(surface: Surface, coverage: float) -> np.ndarray:
    return 1 - _step(surface.noise("cracks", noise.TILE / noise.CELLS), 0.6 * coverage, 0.2)


def _patches(surface: Surface, coverage: float) -> np.ndarray:
    return _step(surface.noise("clouds", 14), 1 - coverage, 0.06)


def _mottled(surface: Surface, coverage: float) -> np.ndarray:
    return _step(surface.noise("clouds", 30), 1 - coverage, 0.5)


def _scales(surface: Surface, coverage: float) -> np.ndarray:
    """Overlapping rounded scales: dark in the gap before each row, rows shifted by half a scale."""
    row = np.floor(surface.u)
    across = np.abs((surface.v + 0.5 * (row % 2)) % 1 - 0.5)
    along = surface.u - row
    return coverage * np.clip(1.6 * (along - 0.35) + 3.0 * across * across, 0, 1)


def _feathers(surface: Surface, coverage: float) -> np.ndarray:
    """Scales drawn out along u, each with a shaft."""
    row = np.floor(0.4 * surface.u)
    along = 0.4 * surface.u - row
    across = np.abs((surface.v + 0.5 * (row % 2)) % 1 - 0.5)
    shaft = np.maximum(0, 0.12 - across) * 4 * (1 - along)
    return np.clip(coverage * (1.4 * (along - 0.45) + 4.5 * across * across) + coverage * shaft, 0, coverage)


def _rays(surface: Surface, coverage: float) -> np.ndarray:
    return coverage * (0.5 + 0.5 * np.sin(2 * np.pi * surface.v))


def _planks(surface: Surface, coverage: float) -> np.ndarray:
    gap = np.abs(surface.v % 1 - 0.5)
    return np.clip(_step(gap, 0.44, 0.06) + coverage * (surface.noise("clouds", 4, 60) - 0.5), 0, 1)


PATTERNS: dict[str, Callable[[Surface, float], np.ndarray]] = {
    "plain": _plain,
    "stripes": _stripes,
    "bands": _bands,
    "spots": _spots,
    "net": _net,
    "patches": _patches,
    "mottled": _mottled,
    "scales": _scales,
    "feathers": _feathers,
    "rays": _rays,
    "planks": _planks,
}
GRAIN = {"fur": ("grain", 2.2, 11.0), "rough": ("grain", 7.0, 7.0), "smooth": ("clouds", 1.5, 1.5)}


def albedo(material: Material, surface: Surface, underside: np.ndarray, unit: float) -> np.ndarray:
    """Colour of every pixel of a surface.

    Args:
        material: what it is made of.
        surface: the pixels, in pattern periods.
        underside: (h, w) 0..1, how much a pixel belongs to the underside.
        unit: pattern periods to one object unit.

    Returns:
        float32 (h, w, 3).
    """
    color = np.empty((*surface.u.shape, 3), np.float32)
    color[:] = material.color
    if material.pattern != "plain":
        weight = PATTERNS[material.pattern](surface, material.coverage)[..., None]
        color += weight * (np.array(material.accent, np.float32) - color)
    if material.belly is not None:
        color += underside[..., None] * (np.array(material.belly, np.float32) - color)
    if material.grain_strength:
        kind, along, across = GRAIN[material.grain]
        per_period = 40 / unit
        grain = surface.noise(kind, along * per_period, across * per_period)
        color *= 1 + material.grain_strength * 2 * (grain[..., None] - 0.5)
    return color


def jitter(color: Color, rng: np.random.Generator, amount: float = 0.05) -> Color:
    """A colour somewhat lighter, darker and off its hue."""
    factor = rng.uniform(1 - 2 * amount, 1 + 2 * amount) * (1 + rng.normal(0, 0.4 * amount, 3))
    r, g, b = np.clip(np.array(color) * factor, 0, 1)
    return float(r), float(g), float(b)


def scaled(color: Color, factor: float) -> Color:
    """A colour made darker or lighter."""
    r, g, b = (min(1.0, channel * factor) for channel in color)
    return r, g, b


def mixed(first: Color, second: Color, weight: float) -> Color:
    """The colour `weight` of the way from one to another."""
    r, g, b = (a + weight * (b - a) for a, b in zip(first, second, strict=True))
    return r, g, b
