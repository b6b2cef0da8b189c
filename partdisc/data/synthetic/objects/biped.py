"""Apes and monkeys from the front: standing, reaching or squatting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import chain, ellipse, ragged, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look, color, proportions
from partdisc.data.synthetic.materials import jitter, scaled
from partdisc.data.synthetic.objects import coats


@dataclass(frozen=True)
class Plan:
    """Proportions of a class, in trunk lengths."""

    chest: float
    waist: float
    arm: float
    leg: float
    limb: float
    head: float
    ears: float
    tail: float  # 0 for apes
    ruff: int


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """An animal of the class in a pose of its own."""
    plan = proportions(Plan, look, class_rng, rng)
    coat = coats.fur(look, rng)
    skin = Material(jitter(color(look["skin"]), rng), grain="rough", grain_strength=0.08, gloss=0.12)
    figure = Figure(scenes=("forest", "meadow", "yard", "savanna"))
    lean = rng.uniform(-0.25, 0.25)
    squat = rng.uniform(0.0, 1.0)
    hip = np.array([0.0, 0.0])
    neck = np.array([np.sin(lean), -np.cos(lean)]) * 0.9
    if plan.tail:
        _tail(figure, plan, coat, hip, rng)
    for side in (-1, 1):
        _leg(figure, plan, coat, skin, hip, side, squat, rng)
    behind = rng.choice([-1, 1])
    _arm(figure, plan, coat, skin, neck, behind, rng)
    _trunk(figure, plan, coat, hip, neck, rng)
    _arm(figure, plan, coat, skin, neck, -behind, rng)
    _head(figure, plan, coat, skin, neck + 0.85 * plan.head * np.array([np.sin(lean), -np.cos(lean)]), rng)
    return figure


def _tail(figure: Figure, plan: Plan, coat: Material, hip: np.ndarray, rng: np.random.Generator) -> None:
    side = rng.choice([-1, 1])
    angles = np.array([0.3, -0.4, -1.2, -2.2]) + rng.uniform(-0.3, 0.3)
    angles = angles if side > 0 else np.pi - angles
    joints = chain(hip, angles, np.full(4, plan.tail / 4))
    figure.add(
        "Tail", tube(joints, [0.05, 0.045, 0.045, 0.04, 0.025]), coat.but(belly=None), roundness=0.05, dim=0.9
    )


def _leg(
    figure: Figure,
    plan: Plan,
    coat: Material,
    skin: Material,
    hip: np.ndarray,
    side: int,
    squat: float,
    rng: np.random.Generator,
) -> None:
    spread = 0.25 + 0.95 * squat + rng.uniform(-0.1, 0.1)
    fold = 0.2 + 1.35 * squat
    angles = [np.pi / 2 - side * spread, np.pi / 2 + side * (fold - spread)]
    joints = chain(hip + (0.12 * side, 0.02), angles, [0.5 * plan.leg, 0.5 * plan.leg])
    r = plan.limb
    figure.add(
        "Foot", tube(joints, [1.5 * r, 1.1 * r, 0.75 * r]), coat.but(belly=None), roundness=r, angle=np.pi / 2
    )
    foot = tube(
        [joints[-1] + (-0.02 * side, 0.02), joints[-1] + (0.1 * side, 0.07), joints[-1] + (0.2 * side, 0.08)],
        [0.8 * r, 0.65 * r, 0.45 * r],
    )
    figure.add("Foot", foot, skin, roundness=0.5 * r)


def _trunk(
    figure: Figure, plan: Plan, coat: Material, hip: np.ndarray, neck: np.ndarray, rng: np.random.Generator
) -> None:
    middle = 0.5 * (hip + neck)
    pieces = tube(
        [hip + (0, 0.05), middle, 0.25 * hip + 0.75 * neck, neck],
        [plan.waist, 0.98 * plan.waist, plan.chest, 0.5 * plan.chest],
    )
    figure.add(
        "Body",
        [ragged(piece, 0.008, rng, 1) for piece in pieces],
        coat.but(belly=None),
        roundness=0.9 * plan.chest,
        angle=np.pi / 2,
    )
    chest = ragged(ellipse(middle + (0, 0.02), 0.6 * plan.waist, 0.3), 0.02, rng, 1)
    figure.add(
        "Body",
        chest,
        coat.plain(coat.belly or scaled(coat.color, 1.15)),
        roundness=0.25,
        angle=np.pi / 2,
        opacity=0.6,
        shadow=0,
    )


def _arm(
    figure: Figure,
    plan: Plan,
    coat: Material,
    skin: Material,
    neck: np.ndarray,
    side: int,
    rng: np.random.Generator,
) -> None:
    raised = rng.uniform(0.1, 2.6) if rng.random() < 0.35 else rng.uniform(0.1, 0.7)
    bend = rng.uniform(-0.7, 0.5)
    angles = [np.pi / 2 - side * raised, np.pi / 2 - side * (raised + bend)]
    joints = chain(neck + (0.8 * plan.chest * side, 0.14), angles, [0.48 * plan.arm, 0.45 * plan.arm])
    r = plan.limb
    figure.add(
        "Hand",
        tube(joints, [1.25 * r, 0.95 * r, 0.65 * r]),
        coat.but(belly=None),
        roundness=r,
        angle=float(angles[0]),
        shadow=0.5,
    )
    for spread in (-0.5, 0.0, 0.5):
        finger = chain(joints[-1], [angles[1] + spread, angles[1] + 0.6 * spread], [0.06, 0.05])
        figure.add("Hand", tube(finger, [0.55 * r, 0.4 * r, 0.25 * r]), skin, roundness=0.3 * r, shadow=0.2)


def _head(
    figure: Figure, plan: Plan, coat: Material, skin: Material, center: np.ndarray, rng: np.random.Generator
) -> None:
    r = plan.head
    turn = rng.uniform(-0.25, 0.25) * r
    for side in (-1, 1):
        figure.add(
            "Head",
            ellipse(center + (side * 1.0 * r, 0.05 * r), plan.ears * r, plan.ears * 1.1 * r),
            skin,
            roundness=0.1,
            dim=0.9,
        )
    skull = ellipse(center, r, 1.05 * r)
    if plan.ruff:
        skull = ragged(ellipse(center, 1.2 * r, 1.2 * r), 0.1 * r, rng, 1)
    figure.add("Head", skull, coat.but(belly=None), roundness=0.9 * r, angle=np.pi / 2, shadow=0.5)
    face = center + (turn, 0.12 * r)
    patch = [ellipse(face + (0.3 * r * s, -0.18 * r), 0.4 * r, 0.4 * r) for s in (-1, 1)]
    figure.add(
        "Head", [*patch, ellipse(face + (0, 0.3 * r), 0.52 * r, 0.5 * r)], skin, roundness=0.4 * r, shadow=0.2
    )
    figure.add(
        "Head",
        ellipse(face + (0, 0.42 * r), 0.45 * r, 0.36 * r),
        skin.plain(scaled(skin.color, 1.08)),
        roundness=0.4 * r,
        shadow=0.1,
    )
    for side in (-1, 1):
        coats.eye(figure, face + (0.28 * r * side, -0.15 * r), 0.12 * r, (0.45, 0.25, 0.08))
        figure.add(
            "Head",
            ellipse(face + (0.08 * r * side, 0.22 * r), 0.05 * r, 0.035 * r),
            coats.line(skin.color),
            roundness=0,
            shadow=0,
        )
    mouth = [face + (-0.27 * r, 0.5 * r), face + (0, 0.58 * r), face + (0.27 * r, 0.5 * r)]
    figure.add(
        "Head", tube(mouth, [0.02 * r, 0.035 * r, 0.02 * r]), coats.line(skin.color), roundness=0, shadow=0
    )
