"""Birds from the side: standing with folded wings, or in flight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import chain, ellipse, rotate, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look, color, proportions
from partdisc.data.synthetic.materials import jitter, scaled
from partdisc.data.synthetic.objects import coats


@dataclass(frozen=True)
class Plan:
    """Proportions of a class, in trunk lengths."""

    depth: float
    neck: float
    head: float
    beak: float
    hook: float
    leg: float
    tail: float
    wing: float
    cap: int


@dataclass(frozen=True)
class Feathers:
    """The materials of one bird."""

    trunk: Material
    wing: Material
    tail: Material
    horn: Material
    crown: Material


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A bird of the class, facing right."""
    plan = proportions(Plan, look, class_rng, rng)
    down = coats.coat(look, rng, pattern_size=0.05, coverage=0.35, grain="fur", grain_strength=0.14)
    wing = down.accent
    down = down.but(accent=scaled(down.color, 0.55))
    quills = down.but(color=wing, accent=scaled(wing, 0.4), belly=None, pattern_size=0.06, coverage=0.75)
    feathers = Feathers(
        down,
        quills,
        quills.but(color=scaled(wing, 0.85), coverage=0.6),
        Material(jitter(color(look["horn"]), rng), grain_strength=0.1, gloss=0.25),
        down.plain(jitter(color(look["crown"]), rng)) if "crown" in look else down.plain(down.color),
    )
    if rng.random() < 0.35:
        return _flying(plan, feathers, rng)
    return _standing(plan, feathers, rng)


def _standing(plan: Plan, feathers: Feathers, rng: np.random.Generator) -> Figure:
    figure = Figure(scenes=("meadow", "shore", "snow", "yard", "forest"))
    pitch = rng.uniform(-0.7, -0.15)
    breast, rump = rotate([[0.36, 0.0], [-0.42, 0.0]], pitch)
    stance = rng.uniform(0.03, 0.1)
    for offset, dim in ((stance, 0.7), (-stance, 1.0)):
        _leg(figure, plan, feathers, np.array([offset - 0.03, 0.55 * plan.depth]), dim, rng)
    _tail(figure, plan, feathers, rump, np.pi + pitch + rng.uniform(-0.1, 0.3))
    _trunk(figure, plan, feathers, breast, rump, rng.uniform(0.7, 1.4))
    _folded_wing(figure, plan, feathers, pitch)
    return figure


def _flying(plan: Plan, feathers: Feathers, rng: np.random.Generator) -> Figure:
    figure = Figure(scenes=("sky", "sky", "shore"), grounded=False)
    pitch = rng.uniform(-0.35, 0.15)
    breast, rump = rotate([[0.36, 0.0], [-0.42, 0.0]], pitch)
    beat = rng.uniform(-0.6, 1.0)
    _spread_wing(figure, plan, feathers, np.array([0.12, -0.08]), beat + 0.25, 0.72)
    foot = chain(
        rump + (0.15, 0.08), [np.pi - 0.2 + pitch, np.pi + 0.1 + pitch], [0.4 * plan.leg, 0.4 * plan.leg]
    )
    figure.add("Foot", tube(foot, [0.05, 0.025, 0.02]), feathers.horn, roundness=0.02)
    _tail(figure, plan, feathers, rump, np.pi + pitch)
    _trunk(figure, plan, feathers, breast, rump, rng.uniform(0.0, 0.5) - pitch)
    _spread_wing(figure, plan, feathers, np.array([0.05, -0.02]), beat, 1.0)
    return figure


def _leg(
    figure: Figure, plan: Plan, feathers: Feathers, top: np.ndarray, dim: float, rng: np.random.Generator
) -> None:
    swing = rng.uniform(-0.2, 0.2)
    joints = chain(
        top, [np.pi / 2 + 0.35 + swing, np.pi / 2 - 0.25 + swing], [0.45 * plan.leg, 0.6 * plan.leg]
    )
    figure.add("Foot", tube(joints, [0.07, 0.028, 0.02]), feathers.horn, roundness=0.02, dim=dim)
    for angle in (-0.25, 0.25, np.pi + 0.1):
        toe = chain(joints[-1], [angle], [0.13 if angle < 1 else 0.07])
        figure.add("Foot", tube(toe, [0.02, 0.01]), feathers.horn, roundness=0.012, dim=dim, shadow=0.1)


def _tail(figure: Figure, plan: Plan, feathers: Feathers, rump: np.ndarray, angle: float) -> None:
    length = plan.tail
    fan = np.array(
        [
            [-0.08, -0.06],
            [0.6 * length, -0.09],
            [length, -0.07],
            [1.04 * length, 0.03],
            [0.6 * length, 0.08],
            [-0.08, 0.07],
        ]
    )
    figure.add(
        "Tail", spline(rotate(fan, angle) + rump, 5, closed=True), feathers.tail, roundness=0.04, angle=angle
    )


def _trunk(
    figure: Figure, plan: Plan, feathers: Feathers, breast: np.ndarray, rump: np.ndarray, rise: float
) -> None:
    d = plan.depth
    direction = np.array([np.cos(rise), -np.sin(rise)])
    crown = breast + (0.02, -0.3 * d) + (plan.neck + 0.5 * d) * direction
    trunk = tube([rump, 0.5 * (rump + breast) + (0, 0.02), breast], [0.3 * d, d, 0.62 * d])
    bow = 0.5 * (breast + crown) + 0.25 * plan.neck * np.array([direction[1], -direction[0]])
    neck = tube(
        [breast + (-0.02, -0.05), bow, crown], [0.62 * d, 0.62 * plan.head + 0.1 * d, 0.75 * plan.head]
    )
    figure.add("Body", trunk + neck, feathers.trunk, roundness=0.9 * d, angle=np.pi, shadow=0.3)
    _head(figure, plan, feathers, crown, rise)


def _head(figure: Figure, plan: Plan, feathers: Feathers, center: np.ndarray, rise: float) -> None:
    r, b = plan.head, plan.beak
    nod = 0.15 * (1 - rise)
    upper = rotate(
        [
            [0.5 * r, -0.42 * r],
            [0.95 * r + 0.5 * b, -0.2 * r],
            [0.9 * r + b, 0.12 * r + plan.hook],
            [0.5 * r, 0.2 * r],
        ],
        nod,
    )
    lower = rotate([[0.5 * r, 0.05 * r], [0.85 * r + 0.85 * b, 0.14 * r], [0.5 * r, 0.45 * r]], nod)
    figure.add(
        "Head",
        lower + center,
        feathers.horn.but(color=scaled(feathers.horn.color, 0.75)),
        roundness=0.03,
        shadow=0.2,
    )
    figure.add("Head", upper + center, feathers.horn, roundness=0.04, shadow=0.3)
    figure.add("Head", ellipse(center, r, 0.93 * r), feathers.crown, roundness=0.8 * r, shadow=0.2)
    if plan.cap:
        stripe = tube(
            [center + (0.95 * r, -0.05 * r), center + (0.4 * r, -0.15 * r), center + (-0.7 * r, 0.1 * r)],
            [0.08 * r, 0.17 * r, 0.1 * r],
        )
        figure.add("Head", stripe, feathers.crown.plain(coats.BLACK), roundness=0.1 * r, shadow=0)
    coats.eye(figure, center + (0.38 * r, -0.15 * r), 0.17 * r, (0.65, 0.45, 0.1))


def _folded_wing(figure: Figure, plan: Plan, feathers: Feathers, pitch: float) -> None:
    d, w = plan.depth, plan.wing
    outline = np.array(
        [
            [0.28, -0.25 * d],
            [0.05, -0.72 * d],
            [-0.4 * w, -0.45 * d],
            [-0.78 * w, 0.1 * d],
            [-0.35 * w, 0.42 * d],
            [0.1, 0.5 * d],
            [0.26, 0.2 * d],
        ]
    )
    figure.add(
        "Wing",
        spline(rotate(outline, pitch), 5, closed=True),
        feathers.wing,
        roundness=0.35 * d,
        angle=pitch + 0.12 + np.pi,
        shadow=0.5,
    )


def _spread_wing(
    figure: Figure, plan: Plan, feathers: Feathers, root: np.ndarray, beat: float, dim: float
) -> None:
    """A wing raised (beat > 0) or lowered, with finger-like primaries."""
    w = plan.wing
    edge = [[0.16, 0.02], [0.2, -0.35 * w], [0.05, -0.75 * w], [-0.22, -1.1 * w]]
    tips = [
        [-0.3, -0.98 * w],
        [-0.32, -0.85 * w],
        [-0.4, -0.78 * w],
        [-0.38, -0.64 * w],
        [-0.44, -0.52 * w],
        [-0.38, -0.4 * w],
        [-0.42, -0.28 * w],
        [-0.3, -0.1 * w],
        [-0.22, 0.05],
    ]
    outline = np.array(edge + tips) * (1, np.clip(np.sin(beat + 0.9), -0.9, 1))
    figure.add(
        "Wing",
        spline(outline, 4, closed=True) + root,
        feathers.wing,
        roundness=0.06,
        angle=np.pi - 0.25,
        dim=dim,
        shadow=0.5,
    )
