"""Snakes: winding on the ground or coiled."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import ellipse, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.materials import mixed
from partdisc.data.synthetic.objects import coats


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A snake of the class, its head to the right."""
    skin = coats.coat(look, rng, grain="rough", grain_strength=0.2, gloss=0.25)
    thickness = 1.35 * look["thickness"] * rng.uniform(0.95, 1.05)
    head = float(class_rng.uniform(1.25, 1.7))
    figure = Figure(scenes=("sand", "forest", "meadow", "rocks"))
    pieces = _coil(rng) if rng.random() < 0.4 else [_wave(rng)]
    done, total = 0, sum(map(len, pieces))
    for path in pieces:
        s = (done + np.arange(len(path))) / total
        radius = thickness * np.minimum(3 * s + 0.12, 1) * (1 - 1.5 * np.clip(s - 0.8, 0, 1))
        figure.add("Body", tube(path, radius, 2), skin, roundness=thickness, shadow=0.6)
        done += len(path)
    _head(figure, skin, path[-1], path[-1] - path[-3], thickness * head, rng)
    return figure


def _wave(rng: np.random.Generator) -> np.ndarray:
    """Bends across the ground, seen at a slant; (N, 2) from tail to head."""
    x = np.linspace(-0.9, 0.75, 60)
    bends, phase = rng.uniform(1.2, 2.2), rng.uniform(0, 2 * np.pi)
    swell = rng.uniform(0.26, 0.42) * np.sin(np.clip((x + 1) * 1.8, 0.15, np.pi / 2))
    y = swell * np.sin(bends * np.pi * x + phase)
    return np.stack([x + 0.04 * np.sin(2 * bends * np.pi * x + phase), y], 1)


def _coil(rng: np.random.Generator) -> list[np.ndarray]:
    """A flat spiral, and the neck that rises out of it over the outer turns; from tail to head."""
    t = np.linspace(0, 1, 60)
    angle = 2 * np.pi * rng.uniform(1.3, 1.8) * t + rng.uniform(0, 2 * np.pi)
    radius = 0.66 - 0.44 * t
    coil = np.stack([radius * np.cos(angle), 0.68 * radius * np.sin(angle)], 1)
    end = coil[-1]
    neck = spline([coil[-3], end, end + (0.06, -0.2), end + (0.25, -0.36), end + (0.5, -0.38)], 5)
    return [coil, neck]


def _head(
    figure: Figure,
    skin: Material,
    neck: np.ndarray,
    heading: np.ndarray,
    size: float,
    rng: np.random.Generator,
) -> None:
    angle = float(np.arctan2(heading[1], heading[0])) + rng.uniform(-0.3, 0.3)
    forward = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-forward[1], forward[0]])
    snout = neck + 2.1 * size * forward
    tongue = [snout, snout + 0.5 * size * forward, snout + 1.1 * size * forward + 0.2 * size * across]
    figure.add(
        "Head",
        tube(tongue, [0.09 * size, 0.07 * size, 0.04 * size]),
        Material((0.75, 0.15, 0.2), gloss=0.3),
        roundness=0.02,
    )
    skull = tube(
        [neck - 0.3 * size * forward, neck + 0.7 * size * forward, neck + 1.5 * size * forward, snout],
        [0.6 * size, size, 0.8 * size, 0.4 * size],
    )
    figure.add(
        "Head",
        skull,
        skin.but(pattern="scales", pattern_size=0.03, color=mixed(skin.color, skin.accent, 0.2)),
        roundness=0.8 * size,
        angle=angle,
        shadow=0.5,
    )
    figure.add(
        "Head",
        ellipse(neck + 1.9 * size * forward + 0.2 * size * across, 0.07 * size, 0.05 * size, angle),
        coats.line(skin.color),
        roundness=0,
        shadow=0,
    )
    for side in (-0.42, 0.5):
        coats.eye(figure, neck + 1.25 * size * forward + side * size * across, 0.17 * size, (0.8, 0.6, 0.1))
