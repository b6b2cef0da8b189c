"""Four-legged animals from the side: dogs, cats, bears, cattle, camels by their proportions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import chain, ellipse, ragged, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look, color, proportions
from partdisc.data.synthetic.materials import mixed
from partdisc.data.synthetic.objects import coats


@dataclass(frozen=True)
class Plan:
    """Proportions of a class, in trunk lengths."""

    depth: float  # half height of the chest
    waist: float  # of the loin, as a share of the chest
    leg: float
    thickness: float  # of a leg at the top
    neck: float
    head: float  # radius of the skull
    muzzle: float  # length, in skull radii
    ear: str
    ear_size: float
    horns: int
    tail: float
    bushy: float
    hump: float
    shaggy: float


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """An animal of the class in a pose of its own, facing right."""
    plan = proportions(Plan, look, class_rng, rng)
    coat = coats.fur(look, rng)
    figure = Figure(scenes=("meadow", "savanna", "snow", "forest", "yard"))
    pitch = rng.uniform(-0.12, 0.12)
    hip, shoulder = np.array([-0.39, 0.39 * pitch]), np.array([0.35, -0.35 * pitch])
    stride = rng.uniform(0.05, 0.6)
    phase = rng.uniform(0, 2 * np.pi)
    depth3d = rng.uniform(0.03, 0.1)  # how far the far legs stand aside

    legs = coat.plain(color(look["limbs"])) if "limbs" in look else coat
    _leg(figure, plan, legs, hip + (depth3d, -0.02), True, stride * np.sin(phase + 2.6), 0.62)
    _leg(figure, plan, legs, shoulder + (depth3d, -0.02), False, stride * np.sin(phase + 5.6), 0.62)
    _tail(figure, plan, coat, hip, rng)
    crown = _trunk(figure, plan, coat, hip, shoulder, rng)
    _leg(figure, plan, legs, hip, True, stride * np.sin(phase), 1.0)
    _leg(figure, plan, legs, shoulder, False, stride * np.sin(phase + np.pi), 1.0)
    _head(figure, plan, coat, crown, rng)
    return figure


def _leg(
    figure: Figure, plan: Plan, coat: Material, top: np.ndarray, hind: bool, swing: float, dim: float
) -> None:
    thigh, shin = 0.5 * plan.leg, 0.42 * plan.leg
    bend = 0.35 + 0.5 * max(0.0, swing) if hind else 0.12 + 0.5 * max(0.0, -swing)
    down = np.pi / 2 - swing
    angles = [down - bend, down + bend, down] if hind else [down + 0.4 * bend, down - 0.6 * bend, down]
    joints = chain(top + (0, 0.3 * plan.depth), angles, [thigh, shin, 0.12 * plan.leg])
    t = plan.thickness
    wide = 1.55 if hind else 1.25
    figure.add(
        "Foot",
        tube(joints, [wide * t, 0.72 * t, 0.5 * t, 0.5 * t]),
        coat.but(belly=None),
        roundness=0.8 * t,
        angle=np.pi / 2,
        dim=dim,
        shadow=0.3,
    )
    paw = ellipse(joints[-1] + (0.35 * t, 0.1 * t), 0.85 * t, 0.5 * t)
    figure.add(
        "Foot", paw, coat.plain(mixed(coat.color, coat.accent, 0.35)), roundness=0.4 * t, dim=dim, shadow=0.2
    )


def _tail(figure: Figure, plan: Plan, coat: Material, hip: np.ndarray, rng: np.random.Generator) -> None:
    lift, curl = rng.uniform(-0.9, 1.2), rng.uniform(-0.7, 0.7)
    angles = np.pi - 0.2 - lift * np.array([-0.6, -0.3, 0.2]) + curl * np.array([0, 0.5, 1.3]) - 0.4
    joints = chain(hip + (-0.04, -0.35 * plan.depth), angles, np.full(3, plan.tail / 3))
    b = plan.bushy
    outlines = tube(joints, [0.03 + 0.3 * b, 0.02 + 0.8 * b, 0.02 + b, 0.012])
    if plan.shaggy or b > 0.05:
        outlines[0] = ragged(outlines[0], 0.012, rng, 1)
    figure.add("Tail", outlines, coat.but(belly=None), roundness=0.05, angle=float(angles[1]), dim=0.95)


def _trunk(
    figure: Figure,
    plan: Plan,
    coat: Material,
    hip: np.ndarray,
    shoulder: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Trunk and neck in one piece; returns where the head sits."""
    d = plan.depth
    middle = 0.5 * (hip + shoulder) + (0, rng.uniform(-0.02, 0.03))
    trunk = tube(
        [hip + (-0.05, 0), hip + (0.12, 0), middle, shoulder + (-0.08, 0.02), shoulder + (0.06, 0)],
        [0.75 * d, 0.95 * d, plan.waist * d, d, 0.8 * d],
    )
    rise = rng.uniform(0.3, 1.1) if rng.random() < 0.85 else rng.uniform(-0.7, 0.0)  # or it grazes
    crown = shoulder + (plan.neck + 0.1) * np.array([np.cos(rise), -np.sin(rise)]) + (0.05, -0.3 * d)
    neck = tube(
        [shoulder + (-0.08, -0.05), 0.5 * (shoulder + crown) + (0.03, 0.02), crown],
        [0.85 * d, 0.62 * d, 0.75 * plan.head],
    )
    pieces = trunk + neck
    if plan.hump:
        pieces.append(ellipse(middle + (0.05, -0.9 * d), 0.17, plan.hump))
    if plan.shaggy:
        pieces = [ragged(piece, plan.shaggy, rng, 1) for piece in pieces]
    figure.add("Body", pieces, coat, roundness=0.9 * d, shadow=0.4)
    return crown


def _head(figure: Figure, plan: Plan, coat: Material, crown: np.ndarray, rng: np.random.Generator) -> None:
    r = plan.head
    tilt = rng.uniform(-0.2, 0.6)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])

    def at(x: float, y: float) -> np.ndarray:
        return crown + r * np.array([x, y]) @ turn

    face = coat.but(pattern_size=0.6 * coat.pattern_size)
    ear = coat.plain(mixed(coat.color, coat.accent, 0.4))
    _ear(figure, plan, ear, at(-0.25, -0.75), tilt, 0.6, rng)
    if plan.horns:
        horn = Material((0.45, 0.40, 0.32), (0.25, 0.2, 0.15), pattern="bands", pattern_size=0.05, gloss=0.2)
        figure.add(
            "Head",
            tube([at(0.1, -0.7), at(-0.3, -1.6), at(-1.0, -2.2)], [0.05, 0.04, 0.012]),
            horn,
            roundness=0.03,
        )
    m = plan.muzzle
    skull = [
        ellipse(crown, r, 0.95 * r),
        *tube([at(0.1, 0.15), at(0.6 + 0.5 * m, 0.3), at(0.75 + m, 0.36)], [0.72 * r, 0.48 * r, 0.36 * r]),
    ]
    figure.add("Head", skull, face, roundness=0.8 * r, angle=tilt, shadow=0.45)
    lighter = face.plain(mixed(coat.belly or coat.color, coat.accent, 0.1))
    figure.add(
        "Head",
        ellipse(at(0.7 + 0.75 * m, 0.42), 0.42 * r, 0.27 * r, tilt),
        lighter,
        roundness=0.25 * r,
        shadow=0,
    )
    mouth = spline([at(0.45 + 0.4 * m, 0.6), at(0.7 + 0.7 * m, 0.62), at(1.05 + m, 0.5)])
    figure.add(
        "Head",
        tube(mouth[::4], np.full(len(mouth[::4]), 0.035 * r)),
        coats.line(coat.color),
        roundness=0,
        shadow=0,
    )
    coats.nose(figure, at(1.0 + m, 0.22), 0.2 * r)
    coats.eye(figure, at(0.42, -0.22), 0.16 * r)
    _ear(figure, plan, ear, at(-0.45, -0.6), tilt, 1.0, rng)


def _ear(
    figure: Figure,
    plan: Plan,
    material: Material,
    root: np.ndarray,
    tilt: float,
    dim: float,
    rng: np.random.Generator,
) -> None:
    size = plan.ear_size * plan.head
    if plan.ear == "pointed":
        tip = root + size * np.array([-0.25 + 0.4 * tilt, -1.35])
        outline = spline(
            [root + (-0.42 * size, 0.3 * size), tip, root + (0.42 * size, 0.2 * size)], closed=True
        )
    elif plan.ear == "round":
        outline = ellipse(root + (-0.1 * size, -0.1 * size), 0.62 * size, 0.6 * size)
    else:
        outline = ellipse(
            root + (-0.25 * size, 0.75 * size),
            0.45 * size,
            1.15 * size,
            0.25 - tilt + rng.uniform(-0.15, 0.15),
        )
    figure.add("Head", outline, material, roundness=0.25 * size, angle=np.pi / 2, dim=dim, shadow=0.35)
