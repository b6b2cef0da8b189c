"""Lizards, crocodiles, turtles and frogs; salamanders count among PartImageNet's reptiles too."""

from __future__ import annotations

import numpy as np

from partdisc.data.synthetic.curves import chain, ellipse, rotate, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.materials import jitter, mixed, scaled
from partdisc.data.synthetic.objects import coats


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """An animal of the class, its head to the right."""
    skin = coats.coat(look, rng, grain="rough", grain_strength=0.22, gloss=0.15)
    if look["build"] in ("turtle", "flipper"):
        return _turtle(skin, class_rng, rng, flipper=look["build"] == "flipper")
    if look["build"] == "frog":
        return _frog(skin, class_rng, rng)
    return _lizard(skin, class_rng, rng, crocodile=look["build"] == "crocodile")


def _limb(figure: Figure, skin: Material, joints: np.ndarray, radius: float, dim: float, toes: float) -> None:
    figure.add(
        "Foot",
        tube(joints, np.linspace(1.2, 0.7, len(joints)) * radius),
        skin.but(belly=None),
        roundness=radius,
        dim=dim,
        shadow=0.4,
    )
    end = joints[-1] - joints[-2]
    heading = float(np.arctan2(end[1], end[0]))
    for spread in (-0.7, -0.25, 0.2, 0.65):
        toe = chain(joints[-1], [0.4 * heading + spread], [toes])
        figure.add(
            "Foot",
            tube(toe, [0.45 * radius, 0.2 * radius]),
            skin.plain(scaled(skin.color, 0.9)),
            roundness=0.4 * radius,
            dim=dim,
            shadow=0.1,
        )


def _lizard(
    skin: Material, class_rng: np.random.Generator, rng: np.random.Generator, crocodile: bool
) -> Figure:
    figure = Figure(scenes=("sand", "rocks", "forest", "shore") if crocodile else ("rocks", "sand", "forest"))
    depth = class_rng.uniform(0.14, 0.17) if crocodile else class_rng.uniform(0.08, 0.13)
    leg = class_rng.uniform(0.22, 0.28) if crocodile else class_rng.uniform(0.26, 0.38)
    snout = class_rng.uniform(0.4, 0.5) if crocodile else class_rng.uniform(0.14, 0.22)
    length = class_rng.uniform(0.75, 1.05)
    crest = class_rng.random() < 0.3
    bow = rng.uniform(-0.12, 0.12)
    hip, shoulder = np.array([-0.4, 0.0]), np.array([0.36, -0.04])
    curl = rng.uniform(-0.35, 0.6)
    for root, dim in ((hip, 0.7), (shoulder, 0.7)):
        swing = rng.uniform(-0.5, 0.5)
        joints = chain(root + (0.06, 0.0), [0.5 + swing, np.pi / 2 + swing], [0.45 * leg, 0.5 * leg])
        _limb(figure, skin, joints, 0.4 * depth, dim, 0.09)
    angles = np.pi + np.array([-0.25, -0.1, 0.3, 0.6]) * (1 + curl) - 0.2
    tail = chain(hip + (0.08, 0.02), angles, np.full(4, length / 4))
    figure.add(
        "Tail",
        tube(tail, np.array([0.8, 0.6, 0.4, 0.2, 0.05]) * depth),
        skin,
        roundness=0.5 * depth,
        angle=float(angles[0]),
    )
    trunk = tube(
        [hip + (-0.1, 0), 0.5 * (hip + shoulder) + (0, bow), shoulder, shoulder + (0.14, -0.03)],
        np.array([0.7, 1.05, 0.85, 0.62]) * depth,
    )
    if crest or crocodile:
        spikes = [
            rotate([[-0.025, 0.03], [-0.01, -0.06], [0.03, 0.03]], 0)
            + (x, bow * (1 - (x / 0.4) ** 2) - 0.93 * depth)
            for x in np.arange(-0.42, 0.3, 0.06)
        ]
        trunk += spikes
    figure.add("Body", trunk, skin, roundness=0.9 * depth, shadow=0.4)
    for root in (hip, shoulder):
        swing = rng.uniform(-0.6, 0.6)
        joints = chain(
            root + (0, 0.3 * depth),
            [np.pi - 0.6 + swing, np.pi / 2 - 0.3 + 0.5 * swing],
            [0.5 * leg, 0.55 * leg],
        )
        _limb(figure, skin, joints, 0.45 * depth, 1.0, 0.1)
    _lizard_head(figure, skin, shoulder + (0.2, -0.05), depth, snout, rng.uniform(-0.35, 0.15))
    return figure


def _lizard_head(
    figure: Figure, skin: Material, root: np.ndarray, depth: float, snout: float, tilt: float
) -> None:
    points = rotate([[-0.04, 0], [0.06, 0], [0.08 + 0.5 * snout, 0.02], [0.1 + snout, 0.035]], tilt) + root
    face = skin.but(pattern="scales", pattern_size=0.025, belly=skin.belly)
    figure.add(
        "Head",
        tube(points, np.array([0.65, 0.8, 0.5, 0.3]) * depth),
        face,
        roundness=0.6 * depth,
        angle=tilt,
        shadow=0.5,
    )
    mouth = (
        rotate([[0.1, 0.4 * depth], [0.1 + 0.5 * snout, 0.3 * depth + 0.02], [0.1 + snout, 0.06]], tilt)
        + root
    )
    figure.add("Head", tube(mouth, [0.004, 0.008, 0.004]), coats.line(skin.color), roundness=0, shadow=0)
    eye = rotate([[0.09, -0.4 * depth]], tilt)[0] + root
    figure.add(
        "Head",
        ellipse(eye, 0.34 * depth, 0.3 * depth),
        face.plain(scaled(skin.color, 0.85)),
        roundness=0.05,
        shadow=0.2,
    )
    coats.eye(figure, eye, 0.2 * depth, (0.85, 0.6, 0.1))


def _turtle(
    skin: Material, class_rng: np.random.Generator, rng: np.random.Generator, flipper: bool
) -> Figure:
    figure = Figure(scenes=("sand", "rocks", "meadow", "shore"))
    height = class_rng.uniform(0.3, 0.48)
    shell = skin.but(
        pattern="net",
        pattern_size=class_rng.uniform(0.14, 0.2),
        color=scaled(jitter(skin.color, class_rng), 0.8),
        belly=None,
        gloss=0.3,
        coverage=0.35,
    )
    limb = skin.but(pattern="scales", pattern_size=0.035)
    reach = (0.36, 0.09) if flipper else (0.22, 0.085)
    figure.add(
        "Tail", tube([(-0.5, 0.06), (-0.62, 0.1), (-0.7, 0.14)], [0.05, 0.03, 0.01]), limb, roundness=0.04
    )
    for x, dim in ((-0.25, 0.65), (0.33, 0.65), (-0.36, 1.0), (0.26, 1.0)):
        swing = rng.uniform(-0.45, 0.45) + (0.5 if x > 0 else -0.3) * flipper
        joints = chain(
            (x, 0.08), [np.pi / 2 - swing, np.pi / 2 - 0.6 * swing], [0.5 * reach[0], 0.5 * reach[0]]
        )
        _limb(figure, limb, joints, reach[1], dim, 0.05)
    neck = np.array([0.5, -0.02]) + rng.uniform(-0.04, 0.04, 2)
    crown = neck + chain((0, 0), [rng.uniform(-0.9, 0.1)], [rng.uniform(0.12, 0.24)])[-1]
    figure.add("Body", tube([(0.3, 0.05), neck, crown], [0.1, 0.085, 0.08]), limb, roundness=0.08)
    head = limb.but(belly=skin.belly)
    figure.add(
        "Head",
        tube([crown, crown + (0.1, -0.01), crown + (0.19, 0.03)], [0.095, 0.1, 0.06]),
        head,
        roundness=0.09,
        shadow=0.4,
    )
    coats.eye(figure, crown + (0.12, -0.04), 0.026)
    figure.add(
        "Head",
        tube([crown + (0.06, 0.06), crown + (0.16, 0.06), crown + (0.24, 0.04)], [0.004, 0.007, 0.004]),
        coats.line(skin.color),
        roundness=0,
        shadow=0,
    )
    t = np.linspace(np.pi, 2 * np.pi, 20)
    dome = np.stack([0.56 * np.cos(t), 0.12 + height * np.sin(t)], 1)
    plastron = ellipse((0, 0.1), 0.5, 0.1)
    figure.add("Body", plastron, skin.plain(skin.belly or skin.color), roundness=0.08)
    figure.add(
        "Body",
        spline(np.concatenate([dome, [[0.3, 0.15], [-0.3, 0.15]]]), 3, closed=True),
        shell,
        roundness=0.9 * height,
        shadow=0.5,
    )
    rim = tube(
        [(-0.55, 0.11), (-0.3, 0.155), (0.0, 0.165), (0.3, 0.155), (0.55, 0.11)],
        [0.025, 0.035, 0.035, 0.035, 0.025],
    )
    figure.add("Body", rim, shell.plain(scaled(shell.color, 1.2)), roundness=0.03, shadow=0.3)
    return figure


def _frog(skin: Material, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    figure = Figure(scenes=("forest", "shore", "meadow", "rocks"))
    skin = skin.but(gloss=0.4, pattern=str(class_rng.choice(["spots", "mottled"])), pattern_size=0.12)
    pitch = rng.uniform(-0.45, -0.15)
    hip, chest = rotate([[-0.3, 0.1], [0.15, 0.0]], pitch)
    _limb(figure, skin, chain(chest + (0.08, 0.08), [1.2, 1.9], [0.18, 0.2]), 0.055, 0.68, 0.08)
    _limb(figure, skin, chain(hip + (0.1, 0.05), [-0.5, 2.6, 0.25], [0.26, 0.32, 0.2]), 0.07, 0.7, 0.12)
    if class_rng.random() < 0.5:
        figure.add(
            "Tail",
            tube([hip, hip + (-0.16, 0.04), hip + (-0.26, 0.08)], [0.06, 0.035, 0.01]),
            skin,
            roundness=0.05,
        )
    figure.add(
        "Body",
        tube([hip, 0.5 * (hip + chest) + (0, 0.02), chest + (0.08, 0)], [0.15, 0.21, 0.17]),
        skin,
        roundness=0.2,
        angle=pitch,
        shadow=0.4,
    )
    spread = rng.uniform(-0.2, 0.2)
    _limb(
        figure,
        skin,
        chain(hip + (0, 0.08), [-0.45 + spread, 2.75 + spread, 0.1], [0.3, 0.36, 0.24]),
        0.085,
        1.0,
        0.13,
    )
    _limb(figure, skin, chain(chest + (-0.02, 0.1), [1.7 + spread, 1.2], [0.16, 0.2]), 0.06, 1.0, 0.09)
    head = chest + rotate([[0.17, -0.04]], pitch)[0]
    face = tube([head + (-0.06, 0), head + (0.06, 0.01), head + (0.18, 0.05)], [0.16, 0.155, 0.07])
    figure.add("Head", face, skin, roundness=0.15, angle=pitch, shadow=0.4)
    figure.add(
        "Head",
        tube([head + (-0.06, 0.1), head + (0.1, 0.1), head + (0.23, 0.06)], [0.004, 0.008, 0.004]),
        coats.line(skin.color),
        roundness=0,
        shadow=0,
    )
    for x, dim in ((0.11, 0.8), (0.02, 1.0)):
        bulge = head + (x, -0.13)
        figure.add(
            "Head",
            ellipse(bulge, 0.07, 0.065),
            skin.plain(mixed(skin.color, skin.accent, 0.2)),
            roundness=0.06,
            dim=dim,
            shadow=0.2,
        )
        coats.eye(figure, bulge + (0.012, -0.005), 0.045, (0.9, 0.65, 0.15))
    return figure
