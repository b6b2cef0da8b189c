"""Cars, vans, trucks and their kin, from the side with a glimpse of the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import box, ellipse, rounded, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look, color, proportions
from partdisc.data.synthetic.materials import scaled
from partdisc.data.synthetic.objects import paints

Corner = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """The side of a kind of car; the front is to the right, y = 0 is the axle.

    Attributes:
        roof: outline from the rear bumper over the roof to the front bumper.
        windows: corners of each window, the front one last.
        wheels: x of each.
        radius: of the wheels.
        mirror: where it is.
    """

    roof: list[Corner]
    windows: list[list[Corner]]
    wheels: list[float]
    radius: float
    mirror: Corner


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A car of the class, driving to the right."""
    style = proportions(Style, look, class_rng, rng)
    spokes = int(class_rng.integers(5, 10))
    favourites = look["paint"]
    paint = paints.lacquer(color(favourites[rng.integers(len(favourites))]), rng)
    narrow = rng.uniform(0.8, 1.0)
    depth = np.array([rng.uniform(0.1, 0.28), -rng.uniform(0.04, 0.1)])  # where the far side lies
    figure = Figure(scenes=("road", "road", "yard", "snow"))
    radius, turn = style.radius, rng.uniform(0, 1)
    for x in style.wheels:
        far = (x + 0.8 * depth[0], 0.02 + 0.4 * depth[1])
        paints.wheel(figure, far, 0.95 * radius, turn, spokes=spokes, dim=0.45)
    _body(figure, style, paint, depth)
    if "lower" in look:
        _lower_half(figure, style, paint.plain(color(look["lower"])))
    for points in style.windows:
        figure.add(
            "Body",
            rounded(points),
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
    figure.deform(np.diag([narrow, 1.0]))
    return figure


def _body(figure: Figure, style: Style, paint: Material, depth: np.ndarray) -> None:
    (rear, _), (front, _) = style.roof[0], style.roof[-1]
    low = 0.5 * style.radius + 0.02
    side = rounded([(rear + 0.02, low), *style.roof, (front - 0.01, low)])
    # the solid between the near and the far side: what shows is roof, bonnet and front
    steps = [side + t * depth for t in np.linspace(1, 0.1, 8)]
    figure.add("Body", steps, paint.plain(scaled(paint.color, 0.78)), roundness=0.08, dim=0.95)
    nose = style.roof[-1] + 0.5 * depth
    figure.add(
        "Body",
        ellipse(nose + (0.0, -0.06), 0.035, 0.05),
        paints.CHROME.plain((0.95, 0.93, 0.8)),
        roundness=0.03,
        shadow=0.2,
    )
    figure.add("Body", side, paint, roundness=0.1, shadow=0.2)


def _lower_half(figure: Figure, style: Style, paint: Material) -> None:
    left, right = style.roof[0][0] + 0.015, style.roof[-1][0] - 0.015
    low = 0.5 * style.radius + 0.02
    figure.add("Body", box(left, -0.14, right, low), paint, roundness=0.03, shadow=0)


def _details(figure: Figure, style: Style, paint: Material, rng: np.random.Generator) -> None:
    """Doors, handles, lights, bumpers; all of the body."""
    left, right = style.windows[-1][0][0], style.mirror[0]
    rear, front = style.roof[0][0], style.roof[-1][0]
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
        tube([(front - 0.1, -0.13), (front - 0.03, -0.1)], [0.04, 0.03]),
        Material((0.95, 0.94, 0.85), gloss=0.8),
        roundness=0.03,
        shadow=0.2,
    )
    figure.add(
        "Body",
        box(rear, -0.15, rear + 0.07, -0.04),
        Material((0.75, 0.08, 0.06), gloss=0.5),
        roundness=0.02,
        shadow=0.2,
    )
    bumper = paints.CHROME if rng.random() < 0.4 else paint.plain(scaled(paint.color, 0.5))
    for x in (rear + 0.04, front - 0.06):
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
