"""Bottles of glass and plastic, standing indoors."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import box, ellipse, spline, tube
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.looks import Look, color
from partdisc.data.synthetic.materials import jitter, scaled
from partdisc.data.synthetic.objects import paints

# Half widths (height above the ground, half width), height of the body's end, cap colours, label
BEER = ([(0.0, 0.24), (0.05, 0.26), (0.95, 0.26), (1.15, 0.2), (1.35, 0.1), (1.5, 0.085)], 1.48, 0.1)
PILL = ([(0.0, 0.33), (0.03, 0.35), (0.75, 0.35), (0.85, 0.3), (0.92, 0.24)], 0.9, 0.3)
POP = (
    [(0.0, 0.24), (0.08, 0.27), (0.4, 0.23), (0.6, 0.27), (1.0, 0.28), (1.3, 0.14), (1.45, 0.1)],
    1.44,
    0.13,
)
WATER = ([(0.0, 0.27), (0.04, 0.29), (0.5, 0.27), (1.05, 0.29), (1.25, 0.2), (1.35, 0.14)], 1.34, 0.18)
WINE = (
    [(0.0, 0.23), (0.04, 0.25), (0.95, 0.25), (1.1, 0.22), (1.25, 0.11), (1.45, 0.085), (1.7, 0.085)],
    1.52,
    0.095,
)
STYLES = {"beer": BEER, "pill": PILL, "pop": POP, "water": WATER, "wine": WINE}
LABELS: tuple[Color, ...] = (
    (0.92, 0.90, 0.82),
    (0.80, 0.12, 0.10),
    (0.12, 0.25, 0.55),
    (0.95, 0.78, 0.15),
    (0.10, 0.35, 0.20),
)


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A bottle of the class."""
    profile, shoulder, mouth = STYLES[look["style"]]
    tints = look["tints"]
    tint = jitter(color(tints[rng.integers(len(tints))]), rng)
    glass = Material(
        tint,
        scaled(tint, 0.5),
        pattern="mottled",
        pattern_size=0.8,
        coverage=0.35,
        grain_strength=0.05,
        gloss=0.5,
    )
    figure = Figure(scenes=("table", "table", "shelf"))
    heights, halves = np.array(profile).T
    squash = rng.uniform(0.9, 1.1)
    heights, halves = heights / squash, halves * squash
    side = spline(np.stack([halves, -heights], 1), 8)
    tilt = 0.12 * halves[0]  # the ground circle seen from a little above
    ground = ellipse((0, 0), halves[0], tilt)
    figure.add(
        "Body",
        [np.concatenate([side, side[::-1] * (-1, 1)]), ground],
        glass,
        roundness=0.24,
        angle=np.pi / 2,
        shadow=0.2,
    )
    _liquid(figure, tint, side, heights[-1], rng)
    _label(figure, side, heights[-1], rng)
    _highlights(figure, side, rng)
    _mouth(figure, shoulder / squash, mouth * squash, heights[-1], rng)
    return figure


def _band(side: np.ndarray, low: float, high: float, inset: float) -> np.ndarray:
    """The strip of the bottle between two heights; its edges bow like circles seen from above."""
    y = np.linspace(-low, -high, 12)
    half = np.interp(-y, -side[:, 1], side[:, 0]) * inset
    t = np.linspace(0, np.pi, 9)[1:-1]
    below = np.stack([-half[0] * np.cos(t), -low + 0.1 * half[0] * np.sin(t)], 1)
    above = np.stack([half[-1] * np.cos(t), -high + 0.1 * half[-1] * np.sin(t)], 1)
    return np.concatenate([np.stack([half, y], 1), above, np.stack([-half, y], 1)[::-1], below])


def _liquid(figure: Figure, tint: Color, side: np.ndarray, height: float, rng: np.random.Generator) -> None:
    filled = height * rng.uniform(0.5, 0.78)
    figure.add(
        "Body",
        _band(side, 0.02, filled, 0.93),
        Material(scaled(tint, 0.62), grain_strength=0.05, gloss=0.2),
        roundness=0.22,
        opacity=0.75,
        shadow=0,
    )


def _label(figure: Figure, side: np.ndarray, height: float, rng: np.random.Generator) -> None:
    color = LABELS[rng.integers(len(LABELS))]
    ink = LABELS[rng.integers(len(LABELS))]
    low, high = height * rng.uniform(0.12, 0.2), height * rng.uniform(0.42, 0.55)
    paper = Material(color, grain="rough", grain_strength=0.06)
    figure.add("Body", _band(side, low, high, 1.0), paper, roundness=0.22, shadow=0.1)
    for y in np.linspace(low + 0.05, high - 0.06, int(rng.integers(2, 5))):
        half = rng.uniform(0.05, 0.16)
        figure.add(
            "Body", box(-half, -y - 0.03, half, -y), paper.plain(scaled(ink, 0.6)), roundness=0, shadow=0
        )
    emblem = (0.0, -0.5 * (low + high))
    figure.add("Body", ellipse(emblem, 0.07, 0.08), paper.plain(ink), roundness=0.05, shadow=0)


def _highlights(figure: Figure, side: np.ndarray, rng: np.random.Generator) -> None:
    """The window's reflection down one side and a faint one down the other."""
    inner = side[len(side) // 8 : -len(side) // 6 : 3]
    sign = rng.choice([-1, 1])
    for where, width, strength in ((0.66, 0.022, 0.4), (-0.8, 0.012, 0.22)):
        path = inner * (sign * where, 1) + (0, -0.03)
        figure.add(
            "Body",
            tube(path, width * np.sin(np.linspace(0.3, np.pi - 0.3, len(path))), 3),
            Material((1, 1, 1), grain_strength=0),
            roundness=0,
            opacity=strength,
            shadow=0,
        )


def _mouth(figure: Figure, base: float, half: float, top: float, rng: np.random.Generator) -> None:
    color = (paints.LACQUERS + ((0.95, 0.95, 0.95), (0.75, 0.6, 0.25)))[
        rng.integers(len(paints.LACQUERS) + 2)
    ]
    cap = Material(
        jitter(color, rng), scaled(color, 0.6), pattern="rays", pattern_size=0.035, coverage=0.5, gloss=0.4
    )
    high = max(top, base + 0.08) + 0.06
    outline = np.concatenate(
        [
            box(-half, -high, half, -base)[:2] + (0, 0.0),
            [[half, -base]],
            ellipse((0, -base), half, 0.1 * half)[1:18],
            [[-half, -base]],
        ]
    )
    figure.add("Mouth", outline, cap, roundness=half, angle=0.0, shadow=0.4)
    figure.add(
        "Mouth", ellipse((0, -high), half, 0.13 * half), cap.plain(scaled(color, 1.15)), roundness=0, shadow=0
    )
