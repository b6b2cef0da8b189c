"""Sailing boats on the water: yawls, schooners, trimarans and pirate ships."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import box, spline, tube
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.materials import jitter, scaled
from partdisc.data.synthetic.objects import paints

CANVASES: tuple[Color, ...] = (
    (0.95, 0.94, 0.90),
    (0.90, 0.84, 0.70),
    (0.72, 0.30, 0.20),
    (0.94, 0.94, 0.97),
    (0.30, 0.38, 0.55),
)

# Where each mast stands and how high it is
MASTS = {
    "yawl": [(-0.62, 0.7), (0.12, 1.35)],
    "schooner": [(-0.38, 0.95), (0.25, 1.15)],
    "trimaran": [(0.05, 1.5)],
}


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A boat of the class, sailing to the right."""
    style = look["style"]
    wooden = style == "ship" or class_rng.random() < 0.4
    paint = paints.lacquer(paints.LACQUERS[rng.integers(len(paints.LACQUERS))], rng)
    if wooden:
        paint = Material(
            (0.42, 0.27, 0.15),
            (0.2, 0.12, 0.07),
            pattern="planks",
            pattern_size=0.07,
            coverage=0.5,
            grain_strength=0.2,
        )
    color = CANVASES[0 if style == "trimaran" else class_rng.integers(len(CANVASES))]
    sail = Material(
        jitter(color, rng, 0.03),
        scaled(color, 0.8),
        pattern="bands",
        pattern_size=0.22,
        coverage=0.07,
        grain_strength=0.1,
        gloss=0.05,
    )
    figure = Figure(scenes=("sea",))
    belly = rng.uniform(0.04, 0.12)  # how far the wind fills the sails
    if style == "ship":
        _ship(figure, paint, sail, belly)
    else:
        _sloop(figure, paint, sail, MASTS[style], belly, outriggers=style == "trimaran")
    heel = rng.uniform(-0.1, 0.1)
    figure.deform(np.array([[1.0, -heel], [0.0, 1.0]]))
    return figure


def _hull(figure: Figure, paint: Material, length: float, height: float) -> None:
    n, h = length, height
    outline = [
        (-n, -0.95 * h),
        (-0.5 * n, -0.78 * h),
        (0.4 * n, -0.85 * h),
        (1.12 * n, -1.25 * h),
        (0.85 * n, -0.1 * h),
        (0.6 * n, 0.0),
        (-0.8 * n, 0.0),
        (-0.97 * n, -0.4 * h),
    ]
    figure.add("Body", spline(outline, 5, closed=True), paint, roundness=0.9 * h, shadow=0.4)
    rail = [(-n, -0.97 * h), (-0.5 * n, -0.8 * h), (0.4 * n, -0.87 * h), (1.12 * n, -1.27 * h)]
    figure.add(
        "Body", tube(rail, np.full(4, 0.018)), Material((0.85, 0.82, 0.75)), roundness=0.015, shadow=0.3
    )


def _triangle(figure: Figure, sail: Material, corners: list[tuple[float, float]], belly: float) -> None:
    """A sail between three corners; its long free edge bulges."""
    top, tack, clew = (np.array(corner) for corner in corners)
    leech = 0.5 * (top + clew) + belly * np.array([np.sign(clew[0] - tack[0]), 0.2])
    foot = 0.5 * (tack + clew) + (0, 0.5 * belly)
    outline = np.concatenate(
        [
            spline([top, 0.5 * (top + tack), tack], 4),
            spline([tack, foot, clew], 4),
            spline([clew, leech, top], 6),
        ]
    )
    angle = float(np.arctan2(*(top - tack)[::-1]))
    figure.add("Sail", outline, sail, roundness=0.3, angle=angle, shadow=0.3)


def _mast(figure: Figure, x: float, height: float, base: float) -> None:
    wood = Material((0.55, 0.4, 0.25), grain_strength=0.15, gloss=0.1)
    figure.add("Body", tube([(x, base), (x, -height)], [0.022, 0.014]), wood, roundness=0.02, shadow=0.3)


def _sloop(
    figure: Figure,
    paint: Material,
    sail: Material,
    masts: list[tuple[float, float]],
    belly: float,
    outriggers: bool,
) -> None:
    height = 0.16 if outriggers else 0.24
    if outriggers:
        _hull(figure, paint.but(color=scaled(paint.color, 0.7)), 0.75, 0.1)
    _hull(figure, paint, 0.95, height)
    figure.add(
        "Body",
        spline(
            [(-0.45, -height), (-0.4, -height - 0.09), (0.05, -height - 0.09), (0.2, -height)], 4, closed=True
        ),
        Material((0.9, 0.89, 0.85), gloss=0.2),
        roundness=0.05,
    )
    for x in (-0.3, -0.15, 0.0):
        figure.add(
            "Body", box(x, -height - 0.06, x + 0.08, -height - 0.02), paints.GLASS, roundness=0, shadow=0
        )
    for x, top in masts:
        _mast(figure, x, top + 0.1, -0.7 * height)
        boom = -height - 0.13
        reach = 0.42 * top + 0.1
        _triangle(figure, sail, [(x - 0.02, -top), (x - 0.03, boom), (x - reach, boom + 0.02)], belly)
        figure.add(
            "Body",
            tube([(x, boom + 0.02), (x - reach - 0.03, boom + 0.035)], [0.016, 0.012]),
            Material((0.55, 0.4, 0.25)),
            roundness=0.012,
        )
    x, top = masts[-1]
    _triangle(
        figure,
        sail.but(color=scaled(sail.color, 0.95)),
        [(x + 0.03, -0.92 * top), (1.0, -1.3 * height), (x + 0.12, -height - 0.1)],
        belly,
    )
    if outriggers:
        figure.add("Body", tube([(-0.3, -0.1), (-0.35, 0.02)], [0.03, 0.03]), paint, roundness=0.02)
        figure.add(
            "Body", tube([(-0.85, 0.0), (0.1, 0.05), (0.8, -0.04)], [0.03, 0.06, 0.01]), paint, roundness=0.05
        )


def _ship(figure: Figure, paint: Material, sail: Material, belly: float) -> None:
    hull = [
        (-1.05, -0.62),
        (-0.7, -0.58),
        (-0.68, -0.4),
        (0.45, -0.36),
        (0.5, -0.46),
        (1.0, -0.5),
        (0.85, -0.15),
        (0.65, 0.0),
        (-0.75, 0.0),
        (-0.98, -0.3),
    ]
    figure.add(
        "Body", tube([(0.8, -0.4), (1.35, -0.72)], [0.03, 0.012]), Material((0.4, 0.28, 0.16)), roundness=0.02
    )
    for x, top in ((-0.6, 1.15), (0.0, 1.5), (0.55, 1.2)):
        _mast(figure, x, top, -0.2)
    figure.add("Body", spline(hull, 4, closed=True), paint, roundness=0.25)
    figure.add(
        "Body",
        tube([(-1.04, -0.6), (-0.7, -0.38), (0.5, -0.33), (1.0, -0.48)], np.full(4, 0.02)),
        Material((0.75, 0.58, 0.25), gloss=0.3),
        roundness=0.02,
    )
    for x in np.arange(-0.6, 0.6, 0.2):
        figure.add("Body", box(x, -0.24, x + 0.08, -0.16), paints.SEAM, roundness=0, shadow=0)
    for x, top in ((-0.6, 1.15), (0.55, 1.2), (0.0, 1.5)):
        for low, high, half in ((0.5, 0.62 * top, 0.34), (0.66 * top, 0.92 * top, 0.24)):
            outline = spline(
                [(x - half, -low), (x - 0.9 * half, -0.5 * (low + high)), (x - 0.8 * half, -high)], 4
            )
            right = spline(
                [(x + 0.8 * half, -high), (x + 0.95 * half + belly, -0.5 * (low + high)), (x + half, -low)], 4
            )
            foot = spline([(x + half, -low), (x + 0.2 * half, -low - 0.5 * belly), (x - half, -low)], 4)
            figure.add(
                "Sail",
                np.concatenate([outline, right, foot]),
                sail,
                roundness=0.14,
                angle=np.pi / 2,
                shadow=0.4,
            )
            figure.add(
                "Body",
                tube([(x - 0.85 * half, -high - 0.01), (x + 0.85 * half, -high - 0.01)], [0.014, 0.014]),
                Material((0.4, 0.28, 0.16)),
                roundness=0.012,
            )
    _triangle(figure, sail, [(0.6, -0.95), (1.3, -0.7), (0.72, -0.5)], belly)
