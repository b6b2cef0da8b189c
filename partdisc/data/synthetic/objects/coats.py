"""Skin, fur, feathers and faces that several families of animals share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partdisc.data.synthetic.curves import Points, ellipse
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.materials import jitter, mixed, scaled

BLACK: Color = (0.07, 0.06, 0.06)
WHITE: Color = (0.93, 0.91, 0.87)

FURS: tuple[tuple[Color, Color, Color | None], ...] = (
    ((0.62, 0.42, 0.22), (0.25, 0.15, 0.08), (0.88, 0.80, 0.66)),
    ((0.80, 0.50, 0.20), (0.10, 0.08, 0.07), (0.95, 0.90, 0.82)),
    ((0.48, 0.46, 0.44), (0.20, 0.19, 0.19), (0.80, 0.78, 0.75)),
    ((0.90, 0.87, 0.81), (0.12, 0.11, 0.11), None),
    ((0.20, 0.17, 0.15), (0.55, 0.36, 0.20), None),
    ((0.36, 0.22, 0.13), (0.16, 0.10, 0.07), (0.55, 0.40, 0.28)),
    ((0.82, 0.70, 0.48), (0.40, 0.26, 0.12), (0.95, 0.91, 0.80)),
    ((0.60, 0.28, 0.14), (0.92, 0.88, 0.82), (0.93, 0.88, 0.80)),
    ((0.12, 0.12, 0.13), (0.88, 0.86, 0.82), None),
)


def fur(plan: np.random.Generator, pose: np.random.Generator, patterns: Sequence[str]) -> Material:
    """A coat: its palette and pattern are the class's, its exact tones the animal's."""
    color, accent, belly = FURS[plan.integers(len(FURS))]
    belly = belly if plan.random() < 0.7 else None
    return Material(
        jitter(jitter(color, plan), pose),
        accent=accent,
        belly=belly,
        pattern=str(plan.choice(patterns)),
        pattern_size=float(plan.uniform(0.10, 0.2)),
        coverage=float(plan.uniform(0.3, 0.5)),
        grain="fur",
        grain_strength=float(plan.uniform(0.12, 0.26)),
        gloss=0.03,
    )


def eye(figure: Figure, center: Points, radius: float, iris: Color = (0.25, 0.14, 0.05)) -> None:
    """An eye with a lid, an iris, a pupil and a glint; part of the head."""
    x, y = center
    figure.add(
        "Head",
        ellipse((x, y), 1.25 * radius, 1.1 * radius),
        _wet(scaled(iris, 0.35)),
        shadow=0.5,
        roundness=0,
    )
    figure.add("Head", ellipse((x, y), radius, radius), _wet(iris), roundness=radius, shadow=0)
    figure.add("Head", ellipse((x, y), 0.58 * radius, 0.62 * radius), _wet(BLACK), roundness=0, shadow=0)
    glint = ellipse((x - 0.3 * radius, y - 0.35 * radius), 0.24 * radius, 0.24 * radius)
    figure.add("Head", glint, _wet((1.0, 1.0, 1.0)), roundness=0, shadow=0)


def _wet(color: Color) -> Material:
    return Material(color, grain_strength=0.0, gloss=0.5)


def nose(figure: Figure, center: Points, radius: float, color: Color = BLACK) -> None:
    """A wet nose; part of the head."""
    figure.add("Head", ellipse(center, radius, 0.8 * radius), _wet(color), roundness=radius, shadow=0.2)


def line(color: Color) -> Material:
    """Material of a mouth, a crease or a seam."""
    return Material(mixed(color, BLACK, 0.75), grain_strength=0.0, gloss=0.0)
