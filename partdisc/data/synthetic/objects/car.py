"""Cars, vans, trucks and their kin, from the side with a glimpse of the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import box, ellipse, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.materials import scaled
from partdisc.data.synthetic.objects import paints

Corner = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """The side of a kind of car two units long; the front is to the right, y = 0 is the axle.

    Attributes:
        roof: outline from the rear bumper over the roof to the front bumper.
        windows: corners of each window, the front one last.
        wheels: x of each.
        radius: of the wheels.
        mirror: where it is.
    """

    roof: list[Corner]
    windows: list[list[Corner]]
    wheels: tuple[float, ...]
    radius: float
    mirror: Corner


SEDAN = Style(
    roof=[
        (-1.0, 0.02),
        (-0.99, -0.2),
        (-0.72, -0.26),
        (-0.42, -0.52),
        (0.05, -0.55),
        (0.4, -0.27),
        (0.85, -0.2),
        (0.99, -0.06),
        (1.0, 0.06),
    ],
    windows=[
        [(-0.58, -0.28), (-0.39, -0.47), (-0.14, -0.49), (-0.14, -0.27)],
        [(-0.09, -0.27), (-0.09, -0.49), (0.04, -0.49), (0.29, -0.27)],
    ],
    wheels=(-0.6, 0.62),
    radius=0.2,
    mirror=(0.24, -0.29),
)
VAN = Style(
    roof=[
        (-1.0, 0.05),
        (-1.0, -0.6),
        (-0.9, -0.68),
        (0.3, -0.68),
        (0.66, -0.36),
        (0.95, -0.26),
        (1.0, -0.02),
        (1.0, 0.06),
    ],
    windows=[
        [(-0.9, -0.36), (-0.88, -0.58), (-0.45, -0.6), (-0.45, -0.36)],
        [(-0.38, -0.36), (-0.38, -0.6), (0.0, -0.6), (0.0, -0.36)],
        [(0.06, -0.36), (0.06, -0.6), (0.28, -0.6), (0.53, -0.36)],
    ],
    wheels=(-0.6, 0.6),
    radius=0.19,
    mirror=(0.5, -0.4),
)
TRUCK = Style(
    roof=[
        (-1.0, 0.04),
        (-1.0, -0.75),
        (0.28, -0.75),
        (0.3, -0.5),
        (0.38, -0.6),
        (0.72, -0.6),
        (0.86, -0.3),
        (1.0, -0.24),
        (1.0, 0.08),
    ],
    windows=[[(0.45, -0.3), (0.45, -0.52), (0.68, -0.52), (0.8, -0.3)]],
    wheels=(-0.72, -0.3, 0.66),
    radius=0.18,
    mirror=(0.86, -0.36),
)
CONVERTIBLE = Style(
    roof=[
        (-1.0, 0.02),
        (-0.98, -0.17),
        (-0.6, -0.24),
        (-0.3, -0.22),
        (0.2, -0.22),
        (0.55, -0.22),
        (0.92, -0.14),
        (1.0, 0.0),
        (1.0, 0.06),
    ],
    windows=[[(0.12, -0.22), (-0.04, -0.44), (0.02, -0.44), (0.3, -0.22)]],
    wheels=(-0.6, 0.62),
    radius=0.2,
    mirror=(0.17, -0.26),
)
JEEP = Style(
    roof=[
        (-0.95, 0.02),
        (-0.96, -0.3),
        (-0.9, -0.66),
        (0.18, -0.66),
        (0.32, -0.34),
        (0.92, -0.32),
        (0.98, -0.05),
        (0.98, 0.04),
    ],
    windows=[
        [(-0.82, -0.34), (-0.78, -0.58), (-0.4, -0.58), (-0.4, -0.34)],
        [(-0.32, -0.34), (-0.32, -0.58), (0.12, -0.58), (0.22, -0.34)],
    ],
    wheels=(-0.58, 0.6),
    radius=0.25,
    mirror=(0.26, -0.38),
)
STYLES = (SEDAN, VAN, TRUCK, CONVERTIBLE, JEEP, SEDAN)


def draw(synset: str, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A car of the class, driving to the right."""
    style = STYLES[class_rng.integers(len(STYLES))]
    two_tone = class_rng.random() < 0.35
    spokes = int(class_rng.integers(5, 10))
    paint = paints.lacquer(class_rng, rng)
    narrow = rng.uniform(0.8, 1.0)
    depth = np.array([rng.uniform(0.1, 0.28), -rng.uniform(0.04, 0.1)])  # where the far side lies
    figure = Figure(scenes=("road", "road", "yard", "snow"))
    radius, turn = style.radius, rng.uniform(0, 1)
    for x in style.wheels:
        far = (x + 0.8 * depth[0], 0.02 + 0.4 * depth[1])
        paints.wheel(figure, far, 0.95 * radius, turn, spokes=spokes, dim=0.45)
    _body(figure, style, paint, depth, two_tone)
    for points in style.windows:
        figure.add(
            "Body",
            spline(_inset(points), 3, closed=True),
            paints.GLASS,
            roundness=0.03,
            angle=0.9,
            shadow=0.2,
        )
    _details(figure, style, paint, rng)
    for x in style.wheels:
        figure.add(
            "Body", ellipse((x, 0.0), 1.17 * radius, 1.17 * radius), paints.SEAM, roundness=0, shadow=0
        )
    for x in style.wheels:
        paints.wheel(figure, (x, 0.03), radius, turn, spokes=spokes)
    _mirror(figure, style, paint)
    for layer in figure.layers:
        layer.outlines = [outline * (narrow, 1) for outline in layer.outlines]
    return figure


def _inset(points: list[tuple[float, float]]) -> np.ndarray:
    """Window corners with a point close to each on both edges, so that the spline keeps the corner."""
    corners = np.array(points)
    before, after = np.roll(corners, 1, 0), np.roll(corners, -1, 0)
    near = np.stack([corners + 0.12 * (before - corners), corners + 0.12 * (after - corners)], 1)
    return near.reshape(-1, 2)


def _body(figure: Figure, style: Style, paint: Material, depth: np.ndarray, two_tone: bool) -> None:
    roof = spline(_inset(style.roof)[1:-1], 3)
    low = 0.5 * style.radius + 0.02
    side = np.concatenate([[[-0.98, low]], roof, [[0.99, low]]])
    # the solid between the near and the far side: what shows is roof, bonnet and front
    steps = [side + t * depth for t in np.linspace(1, 0.1, 8)]
    figure.add("Body", steps, paint.plain(scaled(paint.color, 0.78)), roundness=0.08, dim=0.95)
    nose = roof[-1] + 0.5 * depth
    figure.add(
        "Body",
        ellipse(nose + (0.0, -0.06), 0.035, 0.05),
        paints.CHROME.plain((0.95, 0.93, 0.8)),
        roundness=0.03,
        shadow=0.2,
    )
    figure.add("Body", side, paint, roundness=0.1, shadow=0.2)
    if two_tone:
        figure.add(
            "Body",
            box(-0.98, -0.08, 0.98, low),
            paint.plain(scaled(paint.color, 0.6)),
            roundness=0.03,
            shadow=0,
        )


def _details(figure: Figure, style: Style, paint: Material, rng: np.random.Generator) -> None:
    """Doors, handles, lights, bumpers; all of the body."""
    left, right = style.windows[-1][0][0], style.mirror[0]
    for x in (left - 0.03, right + 0.02):
        figure.add(
            "Body",
            tube([(x, -0.24), (x + 0.01, -0.05), (x, 0.08)], [0.006, 0.006, 0.006]),
            paints.SEAM,
            roundness=0,
            opacity=0.7,
            shadow=0,
        )
    figure.add("Body", box(left + 0.02, -0.2, left + 0.12, -0.175), paints.CHROME, roundness=0.01, shadow=0.2)
    figure.add(
        "Body",
        tube([(0.9, -0.13), (0.97, -0.1)], [0.04, 0.03]),
        Material((0.95, 0.94, 0.85), gloss=0.8),
        roundness=0.03,
        shadow=0.2,
    )
    figure.add(
        "Body",
        box(-1.0, -0.15, -0.93, -0.04),
        Material((0.75, 0.08, 0.06), gloss=0.5),
        roundness=0.02,
        shadow=0.2,
    )
    bumper = paints.CHROME if rng.random() < 0.4 else paint.plain(scaled(paint.color, 0.5))
    for x in (-0.96, 0.94):
        figure.add(
            "Body",
            tube([(x - 0.06, 0.09), (x + 0.07, 0.08)], [0.035, 0.03]),
            bumper,
            roundness=0.03,
            shadow=0.3,
        )


def _mirror(figure: Figure, style: Style, paint: Material) -> None:
    x, y = style.mirror
    figure.add(
        "Side Mirror",
        tube([(x - 0.02, y + 0.06), (x, y + 0.01)], [0.015, 0.015]),
        paints.SEAM,
        roundness=0.01,
    )
    figure.add(
        "Side Mirror",
        spline(
            [
                (x - 0.04, y - 0.05),
                (x + 0.05, y - 0.045),
                (x + 0.065, y + 0.01),
                (x + 0.03, y + 0.04),
                (x - 0.05, y + 0.03),
            ],
            4,
            closed=True,
        ),
        paint.plain(scaled(paint.color, 0.7)),
        roundness=0.04,
        shadow=0.5,
    )
    figure.add(
        "Side Mirror",
        ellipse((x - 0.01, y - 0.005), 0.03, 0.026),
        paints.GLASS.plain((0.6, 0.7, 0.78)),
        roundness=0,
        shadow=0,
    )
