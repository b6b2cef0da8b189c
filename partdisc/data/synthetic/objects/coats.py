"""Skin, fur, feathers and faces that several families of animals share."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import Points, ellipse
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.looks import Look, color
from partdisc.data.synthetic.materials import jitter, mixed, scaled

BLACK: Color = (0.07, 0.06, 0.06)

PERIODS = {
    "spots": 0.085,
    "stripes": 0.13,
    "patches": 0.19,
    "mottled": 0.12,
    "net": 0.1,
    "scales": 0.03,
    "bands": 0.2,
}
COVERAGE = {"spots": 0.36, "stripes": 0.42, "patches": 0.45, "mottled": 0.45}


def coat(look: Look, rng: np.random.Generator, **how: float | str) -> Material:
    """Skin or fur with the class's colours and pattern, in the animal's own tones."""
    base, accent, belly = look["colors"]
    pattern = look["pattern"]
    return Material(
        jitter(color(base), rng),
        accent=jitter(color(accent), rng),
        belly=None if belly is None else jitter(color(belly), rng),
        pattern=pattern,
        pattern_size=look.get("pattern_size", PERIODS.get(pattern, 0.1)),
        coverage=COVERAGE.get(pattern, 0.4),
    ).but(**how)


def fur(look: Look, rng: np.random.Generator) -> Material:
    """A coat of hair."""
    return coat(look, rng, grain="fur", grain_strength=0.24, gloss=0.03)


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


def _wet(tone: Color) -> Material:
    return Material(tone, grain_strength=0.0, gloss=0.5)


def nose(figure: Figure, center: Points, radius: float, tone: Color = BLACK) -> None:
    """A wet nose; part of the head."""
    figure.add("Head", ellipse(center, radius, 0.8 * radius), _wet(tone), roundness=radius, shadow=0.2)


def line(tone: Color) -> Material:
    """Material of a mouth, a crease or a seam."""
    return Material(mixed(tone, BLACK, 0.75), grain_strength=0.0, gloss=0.0)
