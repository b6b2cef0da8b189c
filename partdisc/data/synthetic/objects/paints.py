"""Lacquer, metal, glass, rubber and wheels that several families of things share."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import ellipse, tube
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.materials import jitter

LACQUERS: tuple[Color, ...] = (
    (0.72, 0.08, 0.08),
    (0.12, 0.25, 0.58),
    (0.90, 0.90, 0.90),
    (0.62, 0.64, 0.66),
    (0.10, 0.11, 0.12),
    (0.95, 0.72, 0.08),
    (0.10, 0.42, 0.25),
    (0.92, 0.45, 0.10),
    (0.55, 0.75, 0.82),
)
RUBBER = Material((0.09, 0.09, 0.10), grain="rough", grain_strength=0.2, gloss=0.04)
CHROME = Material((0.72, 0.74, 0.77), grain_strength=0.12, gloss=0.7)
STEEL = Material((0.42, 0.43, 0.46), grain_strength=0.15, gloss=0.4)
GLASS = Material(
    (0.20, 0.28, 0.34),
    (0.62, 0.74, 0.82),
    pattern="mottled",
    pattern_size=0.7,
    coverage=0.45,
    grain_strength=0.05,
    gloss=0.5,
)
SEAM = Material((0.05, 0.05, 0.06), grain_strength=0.0, gloss=0.0)


def lacquer(color: Color, rng: np.random.Generator) -> Material:
    """Car paint."""
    return Material(jitter(color, rng), grain_strength=0.05, gloss=0.55)


def wheel(
    figure: Figure,
    center: tuple[float, float],
    radius: float,
    turn: float,
    *,
    width: float = 0.32,
    spokes: int = 6,
    narrow: float = 1.0,
    dim: float = 1.0,
) -> None:
    """A car's wheel, all of it the part "Tier": tyre, rim and spokes.

    Args:
        figure: where it is added.
        center: its hub.
        radius: of the tyre.
        turn: how far it has rolled, in radians.
        width: of the tyre, as a share of the radius.
        spokes: number of spokes.
        narrow: how much it is foreshortened along x.
        dim: factor on its light.
    """

    def disc(r: float) -> np.ndarray:
        return ellipse(center, narrow * r * radius, r * radius)

    figure.add("Tier", disc(1.0), RUBBER, roundness=0.5 * width * radius, dim=dim, shadow=0.6)
    figure.add("Tier", disc(1 - width), CHROME, roundness=0.1 * radius, dim=dim, shadow=0.5)
    figure.add("Tier", disc(0.86 - width), SEAM.but(color=(0.16, 0.16, 0.17)), roundness=0, dim=dim, shadow=0)
    for spoke in range(spokes):
        angle = turn + 2 * np.pi * spoke / spokes
        tip = np.array(center) + (0.9 - width) * radius * np.array([narrow * np.cos(angle), np.sin(angle)])
        figure.add(
            "Tier",
            tube([center, tip], [0.09 * radius, 0.07 * radius]),
            CHROME,
            roundness=0.06 * radius,
            dim=dim,
            shadow=0,
        )
    figure.add("Tier", disc(0.14), STEEL, roundness=0.1 * radius, dim=dim, shadow=0.3)


def spoked_wheel(
    figure: Figure, center: tuple[float, float], radius: float, turn: float, tyre: float
) -> None:
    """A bicycle's wheel, all of it the part "Tier"; one sees through between its spokes."""
    haze = Material((0.5, 0.5, 0.5), grain_strength=0.0)
    figure.add(
        "Tier", ellipse(center, 0.95 * radius, 0.95 * radius), haze, roundness=0, opacity=0.12, shadow=0
    )
    for spoke in range(14):
        angle = turn + np.pi * spoke / 7
        tip = np.array(center) + 0.94 * radius * np.array([np.cos(angle), np.sin(angle)])
        figure.add("Tier", tube([center, tip], [0.004, 0.004]), CHROME, roundness=0, opacity=0.8, shadow=0)
    t = np.linspace(0, 2 * np.pi, 41)
    for material, r, width in ((RUBBER, 1.0, tyre), (CHROME, 1.0 - 1.5 * tyre / radius, 0.35 * tyre)):
        ring = np.array(center) + r * radius * np.stack([np.cos(t), np.sin(t)], 1)
        strips = [tube(ring[i : i + 6], np.full(len(ring[i : i + 6]), width), 2)[0] for i in range(0, 40, 5)]
        figure.add("Tier", strips, material, roundness=width, shadow=0)
    figure.add("Tier", ellipse(center, 0.06 * radius, 0.06 * radius), STEEL, roundness=0.03, shadow=0)
