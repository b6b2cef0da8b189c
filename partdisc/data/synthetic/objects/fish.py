"""Fish and sharks from the side, under water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import Points, rotate, rounded, spline, tube
from partdisc.data.synthetic.layers import Figure, Material
from partdisc.data.synthetic.looks import Look, color, proportions
from partdisc.data.synthetic.materials import jitter, mixed, scaled
from partdisc.data.synthetic.objects import coats


@dataclass(frozen=True)
class Plan:
    """Proportions of a class, in lengths of head and trunk together."""

    depth: float  # half height
    crest: float  # where it is deepest, 0 the snout
    head: float  # where the gills are
    root: float  # half height where the tail begins
    tail: float
    fork: float
    dorsal_end: float
    dorsal_height: float
    snout: float  # above 1 is pointed


def draw(look: Look, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A fish of the class, swimming to the right."""
    plan = proportions(Plan, look, class_rng, rng)
    skin = coats.coat(look, rng, grain_strength=0.12, gloss=0.3)
    shark = look["build"] == "shark"
    fins = jitter(color(look["fins"]), rng)
    fin = Material(fins, scaled(fins, 0.5), pattern="rays", pattern_size=0.022, coverage=0.6, gloss=0.15)
    if shark:
        fin = fin.but(pattern="plain")
    bend = rng.uniform(-0.25, 0.25)

    figure = Figure(scenes=("underwater",), grounded=False)
    stations = np.linspace(0, 1, 15)
    half = _profile(plan, stations)
    spine = np.stack([-stations + 0.5, bend * np.maximum(stations - 0.4, 0) ** 2], 1)
    _fins_behind(figure, plan, fin, spine, half, shark)
    _tail(figure, plan, fin, spine[-1], shark, rng)
    outline = np.concatenate([spine - half[:, None] * (0, 1), (spine + half[:, None] * (0, 1))[::-1]])
    figure.add("Body", spline(outline, 3, closed=True), skin, roundness=plan.depth, shadow=0.3)
    _head(figure, plan, skin, spine, shark)
    _pectoral(figure, plan, fin, shark, rng)
    return figure


def _profile(plan: Plan, stations: np.ndarray) -> np.ndarray:
    front = np.sqrt(np.clip(1 - ((plan.crest - stations) / plan.crest) ** 2, 0, 1))
    t = np.clip((stations - plan.crest) / (1 - plan.crest), 0, 1)
    behind = plan.root + (plan.depth - plan.root) * (1 - t * t * (3 - 2 * t))
    return np.where(stations < plan.crest, plan.depth * front**plan.snout, behind)


def _fins_behind(
    figure: Figure, plan: Plan, fin: Material, spine: np.ndarray, half: np.ndarray, shark: bool
) -> None:
    where = np.linspace(0, 1, len(spine))

    def edge(s: float, out: float, side: int) -> tuple[float, float]:
        x, y = np.interp(s, where, spine[:, 0]), np.interp(s, where, spine[:, 1])
        return x, y + side * (np.interp(s, where, half) * 0.8 + out)

    a, b = 0.4, plan.dorsal_end
    h = plan.dorsal_height
    dorsal = [
        edge(a, 0, -1),
        edge(a + (0.8 if shark else 0.4) * (b - a), h, -1),
        edge(b + 0.02, (0.6 if shark else 0.75) * h, -1),
        edge(b, 0, -1),
    ]
    h *= 0.4 if shark else 1.0
    anal = [edge(0.62, 0, 1), edge(0.72, 0.75 * h, 1), edge(0.86, 0.5 * h, 1), edge(0.82, 0, 1)]
    pelvic = [edge(0.38, 0, 1), edge(0.47, 0.8 * h, 1), edge(0.54, 0.55 * h, 1), edge(0.48, 0, 1)]
    for points, angle in ((dorsal, -1.9), (anal, 2.0), (pelvic, 2.2)):
        outline = rounded(points) if shark else _soft(points)
        figure.add("Fin", outline, fin, roundness=0.02, angle=angle, shadow=0.1)


def _tail(
    figure: Figure, plan: Plan, fin: Material, root: np.ndarray, shark: bool, rng: np.random.Generator
) -> None:
    t, f = plan.tail, plan.fork
    up, down = (1.25, 0.75) if shark else (1.0, 1.0)
    outline = np.array(
        [
            [0.06, -0.03],
            [-0.3 * t, -0.3 * t * up],
            [-t, -0.75 * t * up],
            [-t * (1 - 0.55 * f), 0],
            [-t, 0.75 * t * down],
            [-0.3 * t, 0.3 * t * down],
            [0.06, 0.03],
        ]
    )
    outline = rotate(outline, rng.uniform(-0.2, 0.2)) + root
    outline = rounded(outline) if shark else _soft(outline)
    figure.add("Tail", outline, fin, roundness=0.025, angle=np.pi, shadow=0.1)


def _head(figure: Figure, plan: Plan, skin: Material, spine: np.ndarray, shark: bool) -> None:
    where = np.linspace(0, 1, len(spine))
    stations = np.linspace(0, plan.head, 9)
    x = np.interp(stations, where, spine[:, 0])
    h = _profile(plan, stations)
    gill = [(x[-1] - 0.06, -0.3 * h[-1]), (x[-1] - 0.075, 0.2 * h[-1])]
    outline = np.concatenate([np.stack([x, -h], 1), gill, np.stack([x, h], 1)[::-1]])
    face = skin.but(pattern="plain", color=mixed(skin.color, skin.accent, 0.12))
    figure.add("Head", spline(outline, 3, closed=True), face, roundness=plan.depth, shadow=0.5)
    iris, size = (coats.BLACK, 0.014) if shark else ((0.75, 0.6, 0.2), 0.03 + 0.03 * plan.depth)
    coats.eye(figure, (0.5 - 0.42 * plan.head, -0.3 * h[4]), size, iris)
    mouth = [
        (0.5 - 0.02, 0.25 * h[2]),
        (0.5 - 0.25 * plan.head, 0.42 * h[3]),
        (0.5 - 0.4 * plan.head, 0.36 * h[3]),
    ]
    figure.add("Head", tube(mouth, [0.006, 0.008, 0.003]), coats.line(skin.color), roundness=0, shadow=0)


def _soft(outline: Points) -> np.ndarray:
    return spline(outline, 6, closed=True)


def _pectoral(figure: Figure, plan: Plan, fin: Material, shark: bool, rng: np.random.Generator) -> None:
    root = np.array([0.5 - plan.head - 0.07, 0.35 * plan.depth])
    length = 0.3 if shark else 0.2
    outline = np.array(
        [[0.02, -0.03], [-0.45 * length, -0.09], [-length, 0.02], [-0.5 * length, 0.1], [0.0, 0.04]]
    )
    if shark:
        outline = np.array([[0.05, 0.0], [-length, -0.02], [-0.75 * length, 0.04], [-0.08, 0.05]])
    swing = rng.uniform(-0.9, -0.1)
    figure.add(
        "Fin",
        (rounded if shark else _soft)(rotate(outline, swing) + root),
        fin,
        roundness=0.02,
        angle=np.pi + swing,
        shadow=0.5,
    )
