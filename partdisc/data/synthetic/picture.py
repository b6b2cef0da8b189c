"""One picture: a place, an object in it, things before it; and the exact labels of the object's parts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from partdisc.data.synthetic.canvas import Canvas, fill
from partdisc.data.synthetic.clutter import CONTACT, THINGS
from partdisc.data.synthetic.curves import rotate
from partdisc.data.synthetic.layers import Figure
from partdisc.data.synthetic.lighting import Light
from partdisc.data.synthetic.looks import look
from partdisc.data.synthetic.objects import DRAWERS
from partdisc.data.synthetic.scenes import Scene, backdrop, scenes
from partdisc.data.taxonomy import SuperCategory

SUPERSAMPLING = 2
OCCLUDED, TRUNCATED = 0.3, 0.12  # shares of the pictures


def draw_picture(
    category: SuperCategory, synset: str, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one object of a class.

    Args:
        category: its super-category.
        synset: its class.
        size: (H, W) in pixels.
        rng: decides everything that differs between images of the class.

    Returns:
        image uint8 (H, W, 3) RGB, and labels uint8 (H, W): 0 background, 1 + the part's category id.
    """
    class_rng = np.random.default_rng(int(synset[1:]))
    figure = DRAWERS[category.name](look(category.name, synset), class_rng, rng)
    scene = scenes()[str(rng.choice(figure.scenes))]
    light = Light.draw(rng)
    full = (SUPERSAMPLING * size[0], SUPERSAMPLING * size[1])
    placing = _place(figure, full, rng)
    horizon = _horizon(scene, figure, placing, full, rng)
    pixels = _background(scene, light, size, horizon / SUPERSAMPLING, rng)
    pixels = cv2.resize(pixels, full[::-1], interpolation=cv2.INTER_CUBIC)
    canvas = Canvas(pixels, np.zeros(full, np.uint8), light, rng.uniform(0, 256, 2))
    if figure.grounded:
        _throw_shadow(canvas, figure, placing)
    label_ids: dict[str | None, int] = {part: 1 + category.part_id(part) for part in category.parts}
    for layer in figure.layers:
        canvas.paint(layer, placing.to_canvas, label_ids)
    if rng.random() < OCCLUDED:
        _occlude(canvas, scene, placing, figure.grounded, rng)
    return _finish(canvas.pixels, size, rng), _downsampled(canvas.labels, size)


@dataclass(frozen=True)
class Placing:
    """Where the object stands: the map (2, 3) from its units to pixels, and its box (x0, y0, x1, y1) there."""

    to_canvas: np.ndarray
    box: tuple[float, float, float, float]


def _place(figure: Figure, size: tuple[int, int], rng: np.random.Generator) -> Placing:
    height, width = size
    mirror = np.array([rng.choice([-1.0, 1.0]), 1.0])
    tilt = rng.normal(0, 0.02 if figure.grounded else 0.08)
    linear = rotate(np.diag(mirror), tilt).T
    corners = np.concatenate([outline @ linear.T for layer in figure.layers for outline in layer.outlines])
    low, high = corners.min(0), corners.max(0)
    extent = high - low
    scale = rng.uniform(0.68, 0.98) * min(width / extent[0], height / extent[1])
    room = np.array([width, height]) - scale * extent
    corner = room * (
        rng.uniform(0.1, 0.9),
        rng.uniform(0.75, 0.97) if figure.grounded else rng.uniform(0.15, 0.85),
    )
    if rng.random() < TRUNCATED:
        corner[0] = rng.choice([-0.25 * scale * extent[0], room[0] + 0.25 * scale * extent[0]])
    to_canvas = np.column_stack([scale * linear, corner - scale * low])
    x0, y0, x1, y1 = (float(value) for value in (*corner, *(corner + scale * extent)))
    return Placing(to_canvas, (x0, y0, x1, y1))


def _horizon(
    scene: Scene, figure: Figure, placing: Placing, size: tuple[int, int], rng: np.random.Generator
) -> float:
    horizon = size[0] * rng.uniform(*scene.horizon)
    if figure.grounded:  # feet stand on the ground, not on the sky
        horizon = min(horizon, placing.box[3] - 0.06 * size[0])
    return float(horizon)


def _background(
    scene: Scene, light: Light, size: tuple[int, int], horizon: float, rng: np.random.Generator
) -> np.ndarray:
    """The place with distractors, somewhat out of focus."""
    height, width = size
    pixels = backdrop(scene, size, horizon, rng) * (light.ambient + 0.75 * light.sun)
    canvas = Canvas(
        np.ascontiguousarray(pixels, np.float32), np.zeros(size, np.uint8), light, rng.uniform(0, 256, 2)
    )
    count = rng.integers(2, 6) if scene.behind else 0
    for nearness in np.sort(rng.uniform(0.02, 0.7, count)):
        thing = THINGS[str(rng.choice(scene.behind))](rng)
        foot = horizon + nearness * 0.5 * max(height - horizon, 0.1 * height)
        scale = height * rng.uniform(0.12, 0.3) * (0.5 + nearness)
        to_canvas = np.array([[scale, 0, rng.uniform(0, width)], [0, scale, foot]])
        for layer in (CONTACT, *thing):
            canvas.paint(layer, to_canvas, {None: 0})
    return cv2.GaussianBlur(canvas.pixels, (0, 0), rng.uniform(0.3, 1.1) * width / 256)


def _throw_shadow(canvas: Canvas, figure: Figure, placing: Placing) -> None:
    """Darken the ground where the object's flattened outline falls, away from the light."""
    height, width = canvas.labels.shape
    _, top, _, bottom = placing.box
    slant = -0.5 * float(canvas.light.direction[0])
    flat = np.array([[1.0, -slant, slant * bottom], [0.0, 0.16, 0.84 * bottom]])
    to_canvas = flat[:, :2] @ placing.to_canvas
    to_canvas[:, 2] += flat[:, 2]
    outlines = [
        outline @ to_canvas[:, :2].T + to_canvas[:, 2]
        for layer in figure.layers
        for outline in layer.outlines
    ]
    half = [0.5 * outline for outline in outlines]
    mask = fill(half, (0, 0, width // 2, height // 2))
    sigma = 0.012 * (bottom - top) + 1
    soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), sigma), (width, height), interpolation=cv2.INTER_LINEAR)
    canvas.pixels *= 1 - (0.5 / 255) * soft[..., None].astype(np.float32)


def _occlude(
    canvas: Canvas, scene: Scene, placing: Placing, grounded: bool, rng: np.random.Generator
) -> None:
    """Put one or two things before the object; what they hide is background in the labels."""
    x0, y0, x1, y1 = placing.box
    for _ in range(rng.integers(1, 3)):
        thing = THINGS[str(rng.choice(scene.before))](rng)
        tall = -min(outline[:, 1].min() for layer in thing for outline in layer.outlines)
        # before a thing in the air or the water it rises from below the picture
        foot = y1 + 0.06 * (y1 - y0) if grounded else 1.02 * canvas.labels.shape[0]
        scale = (foot - y1 + rng.uniform(0.2, 0.55) * (y1 - y0)) / tall
        to_canvas = np.array([[scale, 0, rng.uniform(x0, x1)], [0, scale, foot]])
        for layer in thing:
            canvas.paint(layer, to_canvas, {None: 0})


def _downsampled(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The label that most of a pixel's samples have; of two equally frequent ones an object's part wins."""
    present = [*np.flatnonzero(np.bincount(labels.ravel(), minlength=256))[1:], 0]
    shares = [
        cv2.resize((labels == label).astype(np.uint8) * 252, size[::-1], interpolation=cv2.INTER_AREA)
        for label in present
    ]
    return np.array(present, np.uint8)[np.argmax(shares, axis=0)]


def _finish(pixels: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Camera: anti-aliasing, exposure, contrast, a darker rim, sensor noise."""
    small = cv2.resize(np.clip(pixels, 0, 1.2), size[::-1], interpolation=cv2.INTER_AREA)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
    rim = 1 - rng.uniform(0, 0.16) * (x[None] ** 2 + y[:, None] ** 2)
    exposed = small * (rng.uniform(0.92, 1.12) * rim)[..., None]
    contrast = rng.uniform(0.95, 1.15)
    noisy = (
        (exposed - 0.45) * contrast
        + 0.45
        + rng.normal(0, rng.uniform(0.004, 0.018), (*size, 1)).astype(np.float32)
    )
    return np.round(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
