"""Airliners and warplanes, in flight or on the ground, from the side."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import ellipse, rotate, spline, tube
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.materials import jitter, scaled
from partdisc.data.synthetic.objects import paints

CAMOUFLAGE: tuple[tuple[Color, Color], ...] = (
    ((0.45, 0.48, 0.40), (0.28, 0.32, 0.22)),
    ((0.52, 0.55, 0.58), (0.40, 0.43, 0.47)),
    ((0.62, 0.54, 0.40), (0.40, 0.32, 0.22)),
)


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """An aeroplane of the class, flying to the right."""
    flying = rng.random() < 0.7
    figure = Figure(scenes=("sky",) if flying else ("road", "shore"), grounded=not flying)
    if look["style"] == "warplane":
        _warplane(figure, rng)
    else:
        _airliner(figure, rng)
    if not flying:
        for x in (-0.1, 0.66):
            figure.add("Body", tube([(x, 0.1), (x, 0.24)], [0.015, 0.012]), paints.STEEL, roundness=0.01)
            figure.add("Body", ellipse((x, 0.25), 0.045, 0.045), paints.RUBBER, roundness=0.03)
    squeeze, pitch = rng.uniform(0.72, 1.0), rng.uniform(-0.35, 0.12) if flying else 0.0
    figure.deform(rotate(np.diag([squeeze, 1.0]), pitch).T)
    return figure


def _airliner(figure: Figure, rng: np.random.Generator) -> None:
    livery = Material(
        jitter((0.90, 0.91, 0.92), rng, 0.03), belly=(0.70, 0.72, 0.75), grain_strength=0.05, gloss=0.4
    )
    accent = paints.LACQUERS[rng.integers(len(paints.LACQUERS))]
    metal = Material(
        (0.74, 0.76, 0.79),
        (0.6, 0.62, 0.65),
        pattern="bands",
        pattern_size=0.12,
        coverage=0.1,
        grain_strength=0.06,
        gloss=0.35,
    )
    r = 0.125
    sweep, lift = rng.uniform(0.3, 0.6), rng.uniform(-0.05, 0.5)
    _wing(figure, metal, (0.16, -0.03), 0.42, (-sweep - 0.1, -0.3 - 0.4 * lift), 0.12, dim=0.75)
    _engine(figure, livery, accent, (0.14, -0.1 - 0.12 * lift), 0.8)
    _wing(figure, metal, (-0.72, -0.06), 0.2, (-0.24, -0.16), 0.06, part="Tail", dim=0.75)
    figure.add(
        "Tail",
        spline([(-0.62, -0.08), (-0.72, -0.16), (-0.94, -0.5), (-1.06, -0.5), (-0.98, -0.1)], 4, closed=True),
        livery.plain(accent),
        roundness=0.03,
    )
    body = tube(
        [(-1.05, -0.06), (-0.75, -0.03), (-0.4, 0.0), (0.7, 0.0), (0.76, 0.0)], [0.02, 0.08, r, r, 0.97 * r]
    )
    figure.add("Body", body, livery, roundness=r, shadow=0.3)
    figure.add(
        "Body",
        tube([(-0.9, -0.045), (-0.5, 0.0), (0.6, 0.015)], [0.012, 0.02, 0.014]),
        livery.plain(accent),
        roundness=0.0,
        shadow=0,
    )
    for x in np.arange(-0.5, 0.58, 0.055):
        figure.add(
            "Body",
            ellipse((x, -0.035), 0.013, 0.018),
            paints.SEAM.but(color=(0.15, 0.18, 0.22)),
            roundness=0,
            shadow=0,
        )
    _nose(figure, livery, r)
    figure.add(
        "Head",
        spline([(0.82, -0.06), (0.87, -0.075), (0.92, -0.045), (0.84, -0.035)], 4, closed=True),
        paints.GLASS.plain((0.1, 0.12, 0.15)),
        roundness=0,
        shadow=0,
    )
    _wing(figure, metal, (-0.74, -0.02), 0.22, (-0.28, 0.1), 0.07, part="Tail")
    _wing(figure, metal, (0.12, 0.05), 0.46, (-sweep, 0.34 - 0.3 * lift), 0.13)
    _engine(figure, livery, accent, (0.0, 0.17 - 0.1 * lift), 1.0)


def _nose(figure: Figure, skin: Material, r: float) -> None:
    """The cockpit's section, from where the trunk begins to narrow."""
    outline = [
        (0.7, -r),
        (0.8, -0.94 * r),
        (0.92, -0.62 * r),
        (1.02, 0.05 * r),
        (0.96, 0.6 * r),
        (0.82, 0.93 * r),
        (0.7, r),
    ]
    figure.add("Head", spline(outline, 5), skin, roundness=r, shadow=0.15)


def _wing(
    figure: Figure,
    material: Material,
    root: tuple[float, float],
    chord: float,
    span: tuple[float, float],
    tip: float,
    part: str = "Wing",
    dim: float = 1.0,
) -> None:
    """A swept wing: `chord` at the root (its leading edge there), `tip` wide at `root + span`."""
    (x, y), (dx, dy) = root, span
    outline = np.array(
        [
            (x, y),
            (x + dx + tip, y + dy),
            (x + dx, y + dy + 0.01),
            (x - chord, y + 0.03),
            (x - 0.5 * chord, y + 0.05),
        ]
    )
    figure.add(part, outline, material, roundness=0.03, angle=float(np.arctan2(dy, dx)), dim=dim, shadow=0.5)


def _engine(figure: Figure, skin: Material, accent: Color, at: tuple[float, float], size: float) -> None:
    x, y = at
    r = 0.07 * size
    figure.add(
        "Engine",
        tube([(x - 0.16 * size, y), (x, y), (x + 0.13 * size, y)], [0.6 * r, r, 0.95 * r]),
        skin.plain(scaled(accent, 0.9)),
        roundness=r,
        shadow=0.5,
    )
    figure.add(
        "Engine", ellipse((x + 0.14 * size, y), 0.35 * r, 0.95 * r), paints.CHROME, roundness=0.02, shadow=0.2
    )
    figure.add(
        "Engine", ellipse((x + 0.15 * size, y), 0.27 * r, 0.75 * r), paints.SEAM, roundness=0, shadow=0
    )


def _warplane(figure: Figure, rng: np.random.Generator) -> None:
    color, accent = CAMOUFLAGE[rng.integers(len(CAMOUFLAGE))]
    skin = Material(
        jitter(color, rng), accent, scaled(color, 1.3), "patches", 0.35, 0.45, "smooth", 0.1, 0.15
    )
    wing = skin.but(belly=None)
    reach = rng.uniform(0.25, 0.45)
    _wing(figure, wing, (0.2, -0.03), 0.6, (-0.5, -reach), 0.08, dim=0.72)
    _wing(figure, wing, (-0.65, -0.04), 0.25, (-0.3, -0.16), 0.08, part="Tail", dim=0.72)
    figure.add("Engine", tube([(-1.0, 0.0), (-0.8, 0.0)], [0.07, 0.085]), paints.STEEL, roundness=0.08)
    figure.add(
        "Body",
        tube([(-0.85, 0.0), (-0.4, 0.0), (0.3, 0.0), (0.62, 0.005)], [0.08, 0.115, 0.115, 0.085]),
        skin,
        roundness=0.11,
    )
    figure.add(
        "Tail",
        spline(
            [(-0.45, -0.09), (-0.62, -0.18), (-0.82, -0.46), (-0.98, -0.46), (-0.9, -0.06)], 4, closed=True
        ),
        wing,
        roundness=0.03,
    )
    figure.add(
        "Engine",
        spline([(-0.15, 0.02), (0.22, 0.0), (0.24, 0.11), (0.1, 0.12), (-0.2, 0.1)], 4, closed=True),
        skin.plain(scaled(color, 0.8)),
        roundness=0.05,
    )
    figure.add(
        "Head",
        tube([(0.56, 0.0), (0.75, 0.01), (1.0, 0.04), (1.1, 0.05)], [0.09, 0.07, 0.02, 0.008]),
        skin,
        roundness=0.08,
        shadow=0.2,
    )
    figure.add(
        "Head",
        spline([(0.32, -0.09), (0.42, -0.17), (0.58, -0.16), (0.76, -0.05), (0.5, -0.06)], 5, closed=True),
        paints.GLASS,
        roundness=0.06,
    )
    _wing(figure, wing, (-0.68, 0.02), 0.26, (-0.28, 0.14), 0.08, part="Tail")
    _wing(figure, wing, (0.18, 0.04), 0.62, (-0.52, reach), 0.1)
    figure.add(
        "Wing",
        ellipse((-0.28, 0.04 + 0.5 * reach), 0.06, 0.04),
        Material((0.8, 0.15, 0.12)),
        roundness=0,
        shadow=0,
    )
