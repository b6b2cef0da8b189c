"""Things that stand around: behind the object to distract, before it to occlude. None of them is a part.

Each function draws one thing about one unit high that stands on (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partdisc.data.synthetic.curves import box, ellipse, ragged, spline, tube
from partdisc.data.synthetic.layers import Color, Layer, Material
from partdisc.data.synthetic.materials import jitter, scaled

Thing = list[Layer]
LEAVES: tuple[Color, ...] = ((0.20, 0.36, 0.12), (0.30, 0.42, 0.14), (0.42, 0.44, 0.18), (0.16, 0.28, 0.16))
BARK = Material(
    (0.30, 0.22, 0.15),
    (0.16, 0.11, 0.07),
    pattern="planks",
    pattern_size=0.09,
    coverage=0.6,
    grain="rough",
    grain_strength=0.3,
)
BRIGHT: tuple[Color, ...] = (
    (0.70, 0.15, 0.12),
    (0.15, 0.30, 0.55),
    (0.85, 0.70, 0.25),
    (0.25, 0.45, 0.30),
    (0.85, 0.84, 0.80),
    (0.35, 0.25, 0.40),
)


def _pick(colors: tuple[Color, ...], rng: np.random.Generator) -> Color:
    return jitter(colors[rng.integers(len(colors))], rng)


def _leafy(rng: np.random.Generator) -> Material:
    color = _pick(LEAVES, rng)
    return Material(
        color,
        scaled(color, 0.45),
        pattern="mottled",
        pattern_size=0.22,
        coverage=0.5,
        grain="rough",
        grain_strength=0.45,
    )


CONTACT = Layer(
    [ellipse((0.0, 0.0), 0.55, 0.07)],
    Material((0, 0, 0), grain_strength=0, gloss=0),
    roundness=0,
    opacity=0.35,
    shadow=0,
)


def bush(rng: np.random.Generator) -> Thing:
    """A leafy bush."""
    leaves = _leafy(rng)
    blobs = [
        ragged(ellipse((x, -y), rng.uniform(0.2, 0.32), rng.uniform(0.18, 0.28), samples=18), 0.035, rng)
        for x, y in zip(rng.uniform(-0.4, 0.4, 9), rng.uniform(0.1, 0.7, 9), strict=True)
    ]
    return [
        Layer([blob], leaves, roundness=0.22, dim=0.75 + 0.035 * i, shadow=0.2)
        for i, blob in enumerate(blobs)
    ]


def tree(rng: np.random.Generator) -> Thing:
    """A trunk that leaves the picture, with a crown of leaves."""
    lean = rng.uniform(-0.15, 0.15)
    trunk = tube([(0, 0.03), (0.4 * lean, -0.7), (lean, -1.6)], [0.1, 0.075, 0.06])
    crown = [
        Layer(
            [outline - (0, 0.9) for outline in layer.outlines], layer.material, roundness=0.2, dim=layer.dim
        )
        for layer in bush(rng)
    ]
    return [Layer(trunk, BARK, roundness=0.09, angle=np.pi / 2), *crown]


def rock(rng: np.random.Generator) -> Thing:
    """A boulder."""
    t = 2 * np.pi * (np.arange(9) + rng.uniform(-0.25, 0.25, 9)) / 9
    outline = np.stack([0.6 * np.cos(t), 0.42 * np.sin(t) - 0.38], 1) * rng.uniform(0.8, 1.1, (9, 1))
    grey = rng.uniform(0.35, 0.6)
    stone = Material(
        jitter((grey, 0.97 * grey, 0.9 * grey), rng),
        scaled((grey, grey, grey), 0.6),
        pattern="mottled",
        pattern_size=0.3,
        coverage=0.4,
        grain="rough",
        grain_strength=0.35,
    )
    return [Layer([spline(outline, 3, closed=True)], stone, roundness=0.3)]


def grass(rng: np.random.Generator) -> Thing:
    """A tuft of long blades."""
    blades: Thing = []
    for _ in range(14):
        color = _pick(LEAVES, rng)
        x, lean, height = rng.uniform(-0.35, 0.35), rng.uniform(-0.35, 0.35), rng.uniform(0.5, 1.0)
        blade = tube(
            [(x, 0.03), (x + 0.3 * lean, -0.6 * height), (x + lean, -height)], [0.025, 0.018, 0.003], 4
        )[:1]
        blades.append(
            Layer(blade, Material(scaled(color, 1.2), grain_strength=0.15), roundness=0.02, shadow=0)
        )
    return blades


def post(rng: np.random.Generator) -> Thing:
    """A wooden or metal post with a sign or a rail."""
    wood = BARK if rng.random() < 0.5 else Material((0.5, 0.52, 0.54), grain_strength=0.15, gloss=0.3)
    layers = [Layer([box(-0.05, -1.4, 0.05, 0.02)], wood, roundness=0.05, angle=np.pi / 2)]
    if rng.random() < 0.5:
        layers.append(
            Layer([box(-0.25, -1.4, 0.25, -1.05)], Material(_pick(BRIGHT, rng), gloss=0.2), roundness=0.03)
        )
    return layers


def crate(rng: np.random.Generator) -> Thing:
    """A box with a lid or boards."""
    color = (0.58, 0.43, 0.27) if rng.random() < 0.6 else _pick(BRIGHT, rng)
    boards = Material(
        jitter(color, rng),
        scaled(color, 0.5),
        pattern="planks",
        pattern_size=0.2,
        coverage=0.3,
        grain="rough",
        grain_strength=0.2,
    )
    w, h = rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.9)
    lid = np.array([[-w, -h], [-w + 0.15, -h - 0.14], [w + 0.15, -h - 0.14], [w, -h]])
    return [Layer([lid], boards, roundness=0, dim=1.1), Layer([box(-w, -h, w, 0)], boards, roundness=0.04)]


def building(rng: np.random.Generator) -> Thing:
    """A house front with windows."""
    w, h = rng.uniform(0.35, 0.7), rng.uniform(1.0, 1.8)
    wall = Material(
        jitter((0.62, 0.52, 0.45), rng, 0.15),
        (0.4, 0.3, 0.26),
        pattern="planks",
        pattern_size=0.12,
        coverage=0.3,
        grain="rough",
        grain_strength=0.15,
    )
    layers = [Layer([box(-w, -h, w, 0.02)], wall, roundness=0)]
    for y in np.arange(0.2, h - 0.2, 0.34):
        for x in np.arange(-w + 0.1, w - 0.15, 0.26):
            layers.append(
                Layer(
                    [box(x, -y - 0.2, x + 0.14, -y)],
                    Material((0.22, 0.27, 0.33), gloss=0.3),
                    roundness=0,
                    shadow=0.2,
                )
            )
    return layers


def weed(rng: np.random.Generator) -> Thing:
    """Water plants that sway."""
    layers: Thing = []
    for _ in range(5):
        color = _pick(((0.15, 0.35, 0.18), (0.35, 0.38, 0.12), (0.45, 0.18, 0.15)), rng)
        x, sway, height = rng.uniform(-0.3, 0.3), rng.uniform(-0.15, 0.15), rng.uniform(0.6, 1.1)
        path = [(x, 0.03), (x + sway, -0.35 * height), (x - sway, -0.7 * height), (x + 0.5 * sway, -height)]
        layers.append(
            Layer(
                tube(path, [0.05, 0.06, 0.05, 0.01])[:1],
                Material(color, grain_strength=0.2, gloss=0.1),
                roundness=0.04,
            )
        )
    return layers


def coral(rng: np.random.Generator) -> Thing:
    """A branching coral."""
    color = _pick(((0.75, 0.35, 0.35), (0.80, 0.60, 0.30), (0.55, 0.35, 0.60)), rng)
    skin = Material(
        color,
        scaled(color, 1.3),
        pattern="spots",
        pattern_size=0.05,
        coverage=0.3,
        grain="rough",
        grain_strength=0.2,
    )
    return [
        Layer(tube([(0, 0.03), (0.5 * x, -0.5 * h), (x, -h)], [0.09, 0.07, 0.05]), skin, roundness=0.06)
        for x, h in zip(rng.uniform(-0.5, 0.5, 6), rng.uniform(0.4, 0.9, 6), strict=True)
    ]


def book(rng: np.random.Generator) -> Thing:
    """Books that stand side by side."""
    layers: Thing = []
    x = -0.4
    for _ in range(int(rng.integers(3, 7))):
        w, h = rng.uniform(0.07, 0.15), rng.uniform(0.6, 1.0)
        color = _pick(BRIGHT, rng)
        layers.append(Layer([box(x, -h, x + w, 0)], Material(color, gloss=0.1), roundness=0.04))
        layers.append(
            Layer(
                [box(x + 0.02, -0.8 * h, x + w - 0.02, -0.6 * h)],
                Material(scaled(color, 0.5)),
                roundness=0,
                shadow=0,
            )
        )
        x += w
    return layers


def cup(rng: np.random.Generator) -> Thing:
    """A mug with a handle."""
    glaze = Material(_pick(BRIGHT, rng), grain_strength=0.05, gloss=0.5)
    handle = tube([(0.28, -0.5), (0.5, -0.45), (0.5, -0.2), (0.28, -0.15)], [0.045] * 4)
    return [
        Layer(handle, glaze, roundness=0.04),
        Layer([box(-0.3, -0.62, 0.3, 0)], glaze, roundness=0.28),
        Layer([ellipse((0, -0.62), 0.3, 0.07)], Material((0.12, 0.08, 0.06)), roundness=0),
    ]


def ball(rng: np.random.Generator) -> Thing:
    """A ball or a fruit."""
    r = rng.uniform(0.2, 0.35)
    color = _pick(BRIGHT, rng)
    return [
        Layer(
            [ellipse((0, -r), r, r)],
            Material(color, scaled(color, 1.4), pattern="bands", pattern_size=0.3, coverage=0.3, gloss=0.4),
            roundness=r,
        )
    ]


THINGS: dict[str, Callable[[np.random.Generator], Thing]] = {
    thing.__name__: thing
    for thing in (bush, tree, rock, grass, post, crate, building, weed, coral, book, cup, ball)
}
