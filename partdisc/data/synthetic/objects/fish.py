"""Fish and sharks from the side, under water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.data.synthetic.curves import rotate, spline, tube
from partdisc.data.synthetic.layers import Color, Figure, Material
from partdisc.data.synthetic.materials import jitter, mixed, scaled
from partdisc.data.synthetic.objects import coats

SHARKS = ("n01484850", "n01491361", "n01494475", "n02071294")  # and the killer whale, shaped like them
SKINS: tuple[tuple[Color, Color, Color, Color], ...] = (  # back, belly, pattern, fins
    ((0.85, 0.42, 0.10), (0.98, 0.80, 0.45), (0.55, 0.20, 0.05), (0.90, 0.50, 0.15)),
    ((0.42, 0.46, 0.30), (0.85, 0.80, 0.55), (0.20, 0.22, 0.12), (0.50, 0.42, 0.22)),
    ((0.90, 0.45, 0.08), (0.95, 0.55, 0.15), (0.95, 0.93, 0.90), (0.92, 0.48, 0.10)),
    ((0.30, 0.42, 0.55), (0.85, 0.88, 0.90), (0.12, 0.18, 0.28), (0.30, 0.36, 0.45)),
    ((0.75, 0.72, 0.25), (0.92, 0.90, 0.65), (0.25, 0.22, 0.30), (0.80, 0.70, 0.30)),
    ((0.55, 0.30, 0.42), (0.90, 0.78, 0.72), (0.32, 0.14, 0.26), (0.62, 0.35, 0.35)),
)
GREY: tuple[Color, Color, Color, Color] = (
    (0.38, 0.42, 0.47),
    (0.86, 0.88, 0.88),
    (0.25, 0.28, 0.32),
    (0.34, 0.38, 0.43),
)


@dataclass(frozen=True)
class Plan:
    """Proportions of a class, in lengths of head and trunk together."""

    depth: float  # half height
    crest: float  # where it is deepest, 0 the snout
    head: float  # where the gills are
    root: float  # half height where the tail begins
    tail: float
    fork: float
    dorsal: tuple[float, float]  # from, to
    dorsal_height: float
    shark: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, shark: bool) -> Plan:
        """The proportions of a class."""
        start = rng.uniform(0.36, 0.46)
        return cls(
            depth=rng.uniform(0.13, 0.17) if shark else rng.uniform(0.17, 0.3),
            crest=rng.uniform(0.33, 0.45),
            head=rng.uniform(0.24, 0.3),
            root=rng.uniform(0.03, 0.05),
            tail=rng.uniform(0.26, 0.34),
            fork=rng.uniform(0.3, 0.6),
            dorsal=(start, start + 0.18 if shark else rng.uniform(0.75, 0.88)),
            dorsal_height=rng.uniform(0.16, 0.22) if shark else rng.uniform(0.08, 0.17),
            shark=shark,
        )


def draw(synset: str, class_rng: np.random.Generator, rng: np.random.Generator) -> Figure:
    """A fish of the class, swimming to the right."""
    plan = Plan.draw(class_rng, synset in SHARKS)
    back, belly, accent, fins = GREY if plan.shark else SKINS[class_rng.integers(len(SKINS))]
    pattern = "plain" if plan.shark else str(class_rng.choice(["scales", "scales", "bands", "spots"]))
    size = {"scales": 0.035, "bands": 0.3, "spots": 0.08}.get(pattern, 0.1)
    skin = Material(jitter(back, rng), accent, belly, pattern, size, 0.4, "smooth", 0.12, 0.3)
    fin = Material(
        jitter(fins, rng), scaled(fins, 0.5), pattern="rays", pattern_size=0.022, coverage=0.6, gloss=0.15
    )
    if plan.shark:
        fin = fin.but(pattern="plain")
    bend = rng.uniform(-0.25, 0.25)

    figure = Figure(scenes=("underwater",), grounded=False)
    stations = np.linspace(0, 1, 15)
    half = _profile(plan, stations)
    spine = np.stack([-stations + 0.5, bend * np.maximum(stations - 0.4, 0) ** 2], 1)
    _fins_behind(figure, plan, fin, spine, half)
    _tail(figure, plan, fin, spine[-1], rng)
    outline = np.concatenate([spine - half[:, None] * (0, 1), (spine + half[:, None] * (0, 1))[::-1]])
    figure.add("Body", spline(outline, 3, closed=True), skin, roundness=plan.depth, shadow=0.3)
    _head(figure, plan, skin, accent, spine, half)
    _pectoral(figure, plan, fin, rng)
    return figure


def _profile(plan: Plan, stations: np.ndarray) -> np.ndarray:
    front = np.sqrt(np.clip(1 - ((plan.crest - stations) / plan.crest) ** 2, 0, 1))
    t = np.clip((stations - plan.crest) / (1 - plan.crest), 0, 1)
    behind = plan.root + (plan.depth - plan.root) * (1 - t * t * (3 - 2 * t))
    return np.where(stations < plan.crest, plan.depth * front**0.9, behind)


def _fins_behind(figure: Figure, plan: Plan, fin: Material, spine: np.ndarray, half: np.ndarray) -> None:
    where = np.linspace(0, 1, len(spine))

    def edge(s: float, out: float, side: int) -> tuple[float, float]:
        x, y = np.interp(s, where, spine[:, 0]), np.interp(s, where, spine[:, 1])
        return x, y + side * (np.interp(s, where, half) * 0.8 + out)

    a, b = plan.dorsal
    h = plan.dorsal_height
    dorsal = [
        edge(a, 0, -1),
        edge(a + 0.4 * (b - a), h, -1),
        edge(b + 0.02, 0.75 * h if not plan.shark else 0.6 * h, -1),
        edge(b, 0, -1),
    ]
    anal = [edge(0.62, 0, 1), edge(0.72, 0.75 * h, 1), edge(0.86, 0.5 * h, 1), edge(0.82, 0, 1)]
    pelvic = [edge(0.38, 0, 1), edge(0.47, 0.8 * h, 1), edge(0.54, 0.55 * h, 1), edge(0.48, 0, 1)]
    for points, angle in ((dorsal, -1.9), (anal, 2.0), (pelvic, 2.2)):
        figure.add("Fin", spline(points, 6, closed=True), fin, roundness=0.02, angle=angle, shadow=0.1)


def _tail(figure: Figure, plan: Plan, fin: Material, root: np.ndarray, rng: np.random.Generator) -> None:
    t, f = plan.tail, plan.fork
    up, down = (1.25, 0.75) if plan.shark else (1.0, 1.0)
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
    figure.add("Tail", spline(outline, 5, closed=True), fin, roundness=0.025, angle=np.pi, shadow=0.1)


def _head(
    figure: Figure, plan: Plan, skin: Material, accent: Color, spine: np.ndarray, half: np.ndarray
) -> None:
    where = np.linspace(0, 1, len(spine))
    stations = np.linspace(0, plan.head, 9)
    x = np.interp(stations, where, spine[:, 0])
    h = _profile(plan, stations)
    gill = [(x[-1] - 0.06, -0.3 * h[-1]), (x[-1] - 0.075, 0.2 * h[-1])]
    outline = np.concatenate([np.stack([x, -h], 1), gill, np.stack([x, h], 1)[::-1]])
    face = skin.but(pattern="plain", color=mixed(skin.color, accent, 0.12))
    figure.add("Head", spline(outline, 3, closed=True), face, roundness=plan.depth, shadow=0.5)
    coats.eye(figure, (0.5 - 0.42 * plan.head, -0.3 * h[4]), 0.03 + 0.03 * plan.depth, (0.75, 0.6, 0.2))
    mouth = [
        (0.5 - 0.02, 0.25 * h[2]),
        (0.5 - 0.25 * plan.head, 0.42 * h[3]),
        (0.5 - 0.4 * plan.head, 0.36 * h[3]),
    ]
    figure.add("Head", tube(mouth, [0.006, 0.008, 0.003]), coats.line(skin.color), roundness=0, shadow=0)


def _pectoral(figure: Figure, plan: Plan, fin: Material, rng: np.random.Generator) -> None:
    root = np.array([0.5 - plan.head - 0.07, 0.35 * plan.depth])
    length = 0.3 if plan.shark else 0.2
    outline = np.array(
        [[0.02, -0.03], [-0.45 * length, -0.09], [-length, 0.02], [-0.5 * length, 0.1], [0.0, 0.04]]
    )
    swing = rng.uniform(-0.9, -0.1)
    figure.add(
        "Fin",
        spline(rotate(outline, swing) + root, 5, closed=True),
        fin,
        roundness=0.02,
        angle=np.pi + swing,
        shadow=0.5,
    )
