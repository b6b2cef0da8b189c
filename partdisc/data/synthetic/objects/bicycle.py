"""Bicycles, tandems, tricycles, unicycles, mopeds and scooters from the side."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import ellipse, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.objects import paints

LEATHER = Material((0.16, 0.11, 0.09), grain="rough", grain_strength=0.2, gloss=0.25)


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A bicycle of the class, riding to the right."""
    paint = paints.lacquer(paints.LACQUERS[rng.integers(len(paints.LACQUERS))], rng)
    turn, narrow = rng.uniform(0, 1), rng.uniform(0.75, 1.0)
    figure = Figure(scenes=("road", "yard", "meadow"))
    if look["style"] == "unicycle":
        _unicycle(figure, paint, turn)
    elif look["style"] == "scooter":
        _scooter(figure, paint, turn, class_rng)
    elif look["style"] == "tricycle":
        _tricycle(figure, paint, turn)
    else:
        length = 1.0 if look["style"] == "tandem" else 0.52
        _bicycle(figure, paint, turn, length, class_rng.uniform(0.018, 0.03), rng)
    figure.deform(np.diag([narrow, 1.0]))
    return figure


def _bar(figure: Figure, part: str, points: list, radius: float, material: Material, **how: float) -> None:
    figure.add(
        part, tube(points, np.full(len(points), radius), 3), material, roundness=radius, shadow=0.3, **how
    )


def _saddle(figure: Figure, x: float, y: float, size: float = 1.0) -> None:
    outline = np.array(
        [
            [-0.13, -0.03],
            [-0.05, -0.05],
            [0.06, -0.03],
            [0.14, -0.02],
            [0.13, 0.015],
            [0.0, 0.03],
            [-0.11, 0.045],
        ]
    )
    figure.add("Seat", spline(size * outline + (x, y), 4, closed=True), LEATHER, roundness=0.04, shadow=0.4)


def _handlebar(figure: Figure, x: float, y: float, drop: bool) -> None:
    _bar(figure, "Head", [(x + 0.04, y + 0.16), (x, y + 0.02)], 0.02, paints.CHROME)
    shape = (
        [(x - 0.02, y), (x + 0.1, y - 0.01), (x + 0.15, y + 0.06), (x + 0.08, y + 0.12)]
        if drop
        else [(x + 0.03, y), (x - 0.04, y - 0.03), (x - 0.14, y - 0.02)]
    )
    _bar(figure, "Head", shape, 0.022, paints.STEEL)
    _bar(figure, "Head", shape[-2:], 0.032, LEATHER)


def _crank(figure: Figure, center: tuple[float, float], turn: float, hub: tuple[float, float]) -> None:
    _bar(figure, "Body", [center, hub], 0.008, paints.SEAM)
    figure.add("Body", ellipse(center, 0.085, 0.085), paints.STEEL, roundness=0.02, shadow=0.3)
    arm = 0.15 * np.array([np.cos(6 * turn), np.sin(6 * turn)])
    for sign in (-1, 1):
        pedal = np.array(center) + sign * arm
        _bar(figure, "Body", [center, tuple(pedal)], 0.014, paints.CHROME)
        _bar(figure, "Body", [tuple(pedal - (0.05, 0)), tuple(pedal + (0.05, 0))], 0.018, paints.RUBBER)


def _bicycle(
    figure: Figure, paint: Material, turn: float, length: float, tyre: float, rng: np.random.Generator
) -> None:
    wheel = 0.36
    rear, front = (-length, 0.0), (length, 0.0)
    paints.spoked_wheel(figure, rear, wheel, turn, tyre)
    paints.spoked_wheel(figure, front, wheel, 2 * turn, tyre)
    seat_x, crank, fork = -length + 0.28, (-length + 0.42, 0.04), (length - 0.16, -0.5)
    seat = (seat_x, -0.5)
    for points in (
        [rear, seat],
        [rear, crank],
        [crank, (seat_x - 0.03, -0.62)],
        [seat, fork],
        [crank, (fork[0] + 0.02, -0.4)],
        [(fork[0] - 0.02, -0.6), fork, (front[0] - 0.08, -0.25), front],
    ):
        _bar(figure, "Body", points, 0.024, paint)
    if length > 0.8:
        _bar(figure, "Body", [(0.0, -0.5), (0.08, 0.04)], 0.024, paint)
        _bar(figure, "Body", [crank, (0.08, 0.04), (fork[0], -0.4)], 0.02, paint)
        _handlebar(figure, 0.0, -0.68, False)
        _saddle(figure, -0.05, -0.62)
        _crank(figure, (0.08, 0.04), turn + 0.4, crank)
    _crank(figure, crank, turn, rear)
    _saddle(figure, seat_x - 0.05, -0.65)
    _handlebar(figure, fork[0] - 0.04, -0.74, rng.random() < 0.4)


def _unicycle(figure: Figure, paint: Material, turn: float) -> None:
    paints.spoked_wheel(figure, (0, 0), 0.4, turn, 0.03)
    _bar(figure, "Body", [(0, 0), (-0.03, -0.35), (0, -0.5), (0, -0.82)], 0.03, paint)
    _crank(figure, (0, 0), turn, (0.01, 0.0))
    _saddle(figure, 0.0, -0.86, 1.5)


def _tricycle(figure: Figure, paint: Material, turn: float) -> None:
    paints.spoked_wheel(figure, (-0.38, 0.1), 0.2, turn, 0.03)
    _bar(figure, "Body", [(-0.45, 0.06), (-0.3, -0.05), (0.1, -0.12), (0.32, -0.35)], 0.035, paint)
    paints.spoked_wheel(figure, (-0.52, 0.14), 0.22, turn, 0.035)
    paints.spoked_wheel(figure, (0.45, 0.02), 0.32, turn, 0.035)
    _bar(figure, "Body", [(0.45, 0.02), (0.34, -0.36), (0.32, -0.46)], 0.032, paint)
    _crank(figure, (0.45, 0.02), turn, (0.46, 0.03))
    _saddle(figure, -0.2, -0.16, 1.5)
    _handlebar(figure, 0.29, -0.62, False)


def _scooter(figure: Figure, paint: Material, turn: float, class_rng: np.random.Generator) -> None:
    radius = class_rng.uniform(0.2, 0.27)
    low = class_rng.uniform(-0.02, 0.06)
    for x in (-0.6, 0.62):
        paints.wheel(figure, (x, 0.0), radius, turn, width=0.3, spokes=5)
    _bar(figure, "Body", [(0.62, 0.0), (0.5, -0.4), (0.45, -0.62)], 0.04, paints.CHROME)
    rear = [
        (-0.85, -0.22),
        (-0.6, -0.4),
        (-0.2, -0.36),
        (-0.08, 0.02 + low),
        (-0.4, 0.1),
        (-0.5, -0.12),
        (-0.72, -0.16),
    ]
    floor = [
        (-0.3, 0.06 + low),
        (0.3, 0.06 + low),
        (0.42, -0.1),
        (0.5, -0.5),
        (0.58, -0.48),
        (0.5, 0.0),
        (0.36, 0.16),
        (-0.3, 0.16),
    ]
    figure.add("Body", spline(floor, 4, closed=True), paint, roundness=0.06)
    figure.add("Body", spline(rear, 5, closed=True), paint, roundness=0.14, shadow=0.4)
    fender = [(0.36, -0.1), (0.5, -0.27), (0.74, -0.26), (0.88, -0.08), (0.72, -0.17), (0.52, -0.16)]
    figure.add("Body", spline(fender, 4, closed=True), paint, roundness=0.05)
    figure.add("Body", tube([(-0.62, 0.04), (-0.3, 0.1)], [0.05, 0.06]), paints.CHROME, roundness=0.05)
    figure.add(
        "Seat",
        spline(
            [(-0.75, -0.44), (-0.4, -0.47), (-0.12, -0.42), (-0.14, -0.36), (-0.5, -0.37), (-0.74, -0.38)],
            4,
            closed=True,
        ),
        LEATHER,
        roundness=0.05,
        shadow=0.5,
    )
    figure.add(
        "Head",
        spline([(0.38, -0.74), (0.55, -0.72), (0.6, -0.6), (0.48, -0.55), (0.4, -0.6)], 4, closed=True),
        paint,
        roundness=0.07,
    )
    figure.add(
        "Head", ellipse((0.57, -0.66), 0.045, 0.055), Material((0.95, 0.94, 0.85), gloss=0.8), roundness=0.04
    )
    _bar(figure, "Head", [(0.46, -0.72), (0.38, -0.78), (0.26, -0.76)], 0.026, paints.RUBBER)
