"""Backgrounds: a sky or a wall, what stands at the horizon, and a textured ground in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from partdisc.data.synthetic import noise
from partdisc.data.synthetic.layers import Color
from partdisc.data.synthetic.materials import jitter


@dataclass(frozen=True)
class Scene:
    """A kind of place.

    Attributes:
        top, low: colours of the sky or wall above and at the horizon.
        cloud: colour of clouds or stains on it, and how much of them (0..1).
        far, near, speck: colours of the ground at the horizon, in front, and of its specks.
        speck_size: size of the specks, 1 is gravel.
        hills: colour of what lies at the horizon, or None.
        horizon: least and greatest height of the horizon, as a share of the picture from its top.
        behind, before: names of `clutter.THINGS` for distractors and for occluders.
        indoor: whether the upper part is a wall.
        thicket: how much leaves darken and lighten the upper part, 0..1.
    """

    top: Color
    low: Color
    cloud: tuple[Color, float]
    far: Color
    near: Color
    speck: Color
    speck_size: float
    hills: Color | None
    horizon: tuple[float, float]
    behind: tuple[str, ...]
    before: tuple[str, ...]
    indoor: bool = False
    thicket: float = 0.0


BLUE, PALE, WHITE = (0.32, 0.52, 0.80), (0.74, 0.82, 0.90), (0.95, 0.95, 0.96)
GREEN, DARK_GREEN = (0.36, 0.46, 0.20), (0.18, 0.28, 0.12)
SCENES: dict[str, Scene] = {
    "meadow": Scene(
        BLUE,
        PALE,
        (WHITE, 0.5),
        (0.45, 0.52, 0.28),
        GREEN,
        DARK_GREEN,
        0.5,
        (0.30, 0.40, 0.28),
        (0.3, 0.55),
        ("bush", "tree", "rock", "grass"),
        ("grass", "bush", "post"),
    ),
    "savanna": Scene(
        (0.48, 0.62, 0.80),
        (0.92, 0.86, 0.74),
        (WHITE, 0.25),
        (0.74, 0.65, 0.42),
        (0.68, 0.55, 0.30),
        (0.45, 0.35, 0.16),
        0.7,
        (0.48, 0.46, 0.40),
        (0.3, 0.55),
        ("tree", "bush", "rock"),
        ("grass", "rock"),
    ),
    "snow": Scene(
        (0.62, 0.70, 0.80),
        (0.88, 0.90, 0.93),
        (WHITE, 0.6),
        (0.86, 0.88, 0.92),
        (0.92, 0.93, 0.95),
        (0.70, 0.75, 0.84),
        1.5,
        (0.35, 0.42, 0.45),
        (0.3, 0.5),
        ("tree", "rock", "post"),
        ("rock", "grass"),
    ),
    "forest": Scene(
        (0.24, 0.33, 0.15),
        (0.17, 0.23, 0.10),
        ((0.72, 0.78, 0.50), 0.25),
        (0.28, 0.27, 0.14),
        (0.36, 0.29, 0.17),
        (0.17, 0.14, 0.08),
        0.4,
        None,
        (0.35, 0.6),
        ("tree", "tree", "bush", "rock"),
        ("bush", "grass", "rock"),
        thicket=0.5,
    ),
    "yard": Scene(
        (0.66, 0.58, 0.50),
        (0.60, 0.53, 0.46),
        ((0.48, 0.42, 0.37), 0.4),
        (0.58, 0.56, 0.52),
        (0.52, 0.50, 0.47),
        (0.36, 0.35, 0.33),
        0.8,
        None,
        (0.4, 0.6),
        ("building", "crate", "post", "bush", "ball"),
        ("post", "crate", "bush"),
        True,
    ),
    "road": Scene(
        BLUE,
        PALE,
        (WHITE, 0.5),
        (0.46, 0.46, 0.47),
        (0.34, 0.34, 0.35),
        (0.24, 0.24, 0.25),
        0.25,
        (0.34, 0.40, 0.32),
        (0.35, 0.55),
        ("building", "building", "tree", "post", "bush"),
        ("post", "grass", "bush"),
    ),
    "sand": Scene(
        (0.45, 0.62, 0.84),
        (0.88, 0.86, 0.80),
        (WHITE, 0.3),
        (0.84, 0.74, 0.55),
        (0.76, 0.62, 0.42),
        (0.60, 0.46, 0.28),
        0.6,
        (0.62, 0.52, 0.40),
        (0.1, 0.3),
        ("rock", "bush", "grass"),
        ("rock", "grass"),
    ),
    "rocks": Scene(
        (0.50, 0.62, 0.74),
        (0.80, 0.82, 0.82),
        (WHITE, 0.4),
        (0.52, 0.50, 0.47),
        (0.46, 0.43, 0.40),
        (0.26, 0.24, 0.22),
        2.0,
        (0.40, 0.40, 0.38),
        (0.1, 0.35),
        ("rock", "rock", "bush"),
        ("rock", "grass"),
    ),
    "shore": Scene(
        (0.42, 0.60, 0.80),
        (0.82, 0.88, 0.92),
        (WHITE, 0.5),
        (0.36, 0.50, 0.56),
        (0.70, 0.62, 0.48),
        (0.45, 0.42, 0.36),
        1.0,
        (0.42, 0.50, 0.52),
        (0.25, 0.5),
        ("rock", "grass", "post"),
        ("rock", "grass"),
    ),
    "sky": Scene(
        (0.26, 0.46, 0.78),
        (0.66, 0.78, 0.90),
        (WHITE, 0.8),
        (0.50, 0.56, 0.46),
        (0.40, 0.48, 0.34),
        (0.30, 0.36, 0.24),
        0.3,
        (0.45, 0.52, 0.56),
        (0.82, 1.3),
        (),
        ("tree", "bush"),
    ),
    "sea": Scene(
        (0.36, 0.56, 0.82),
        (0.82, 0.88, 0.92),
        (WHITE, 0.6),
        (0.30, 0.46, 0.58),
        (0.10, 0.28, 0.40),
        (0.55, 0.68, 0.75),
        0.9,
        (0.42, 0.50, 0.54),
        (0.45, 0.65),
        (),
        ("post", "rock"),
    ),
    "underwater": Scene(
        (0.30, 0.62, 0.74),
        (0.08, 0.32, 0.46),
        ((0.55, 0.82, 0.85), 0.6),
        (0.16, 0.38, 0.46),
        (0.50, 0.52, 0.42),
        (0.28, 0.34, 0.32),
        0.9,
        None,
        (0.7, 0.95),
        ("weed", "coral", "rock", "coral"),
        ("weed", "coral"),
    ),
    "table": Scene(
        (0.72, 0.66, 0.56),
        (0.64, 0.57, 0.48),
        ((0.52, 0.46, 0.40), 0.3),
        (0.42, 0.28, 0.17),
        (0.52, 0.35, 0.21),
        (0.28, 0.18, 0.10),
        1.2,
        None,
        (0.5, 0.72),
        ("book", "cup", "crate", "ball"),
        ("cup", "ball", "book"),
        True,
    ),
    "shelf": Scene(
        (0.36, 0.40, 0.44),
        (0.50, 0.52, 0.54),
        ((0.66, 0.66, 0.64), 0.4),
        (0.70, 0.70, 0.68),
        (0.80, 0.79, 0.76),
        (0.62, 0.61, 0.60),
        1.0,
        None,
        (0.55, 0.75),
        ("book", "book", "cup", "ball"),
        ("ball", "cup"),
        True,
    ),
}


def backdrop(scene: Scene, size: tuple[int, int], horizon: float, rng: np.random.Generator) -> np.ndarray:
    """The empty place.

    Args:
        scene: what kind of place.
        size: (H, W) in pixels.
        horizon: its row in pixels; may lie beyond the picture.
        rng: the image's generator.

    Returns:
        float32 (H, W, 3), 0..1.
    """
    height, width = size
    rows = np.arange(height, dtype=np.float32)[:, None, None]
    depth = np.clip(rows / max(horizon, 1.0), 0, 1)
    picture = _blend(jitter(scene.top, rng), jitter(scene.low, rng), depth) * np.ones(
        (1, width, 1), np.float32
    )
    color, amount = scene.cloud
    zoom = 110 / width
    clouds = noise.fractal(size, zoom, rng, 1.0 if scene.indoor else 2.0)
    picture += (amount * np.clip(1.8 * clouds - 0.8, 0, 1) * (1 - 0.5 * depth[..., 0]))[..., None] * (
        np.array(color) - picture
    )
    if scene.thicket:
        _hang_leaves(picture, scene.thicket, rng)
    if scene.indoor:
        _paper_the_wall(picture, rng)
    if scene.hills is not None:
        _raise_hills(picture, scene.hills, horizon, rng)
    top = int(np.clip(np.ceil(horizon), 0, height))
    if top < height:
        picture[top:] = _ground(scene, size, horizon, rng)[top:]
    return picture.astype(np.float32)


def _blend(first: Color, second: Color, weight: np.ndarray | float) -> np.ndarray:
    return np.array(first, np.float32) + weight * (np.array(second, np.float32) - np.array(first, np.float32))


def _paper_the_wall(picture: np.ndarray, rng: np.random.Generator) -> None:
    width = picture.shape[1]
    period = width * rng.uniform(0.04, 0.16)
    x, y = np.arange(width), np.arange(picture.shape[0])
    stripes = (
        np.cos(2 * np.pi * x / period)[None]
        if rng.random() < 0.5
        else np.cos(2 * np.pi * x / period)[None] * np.cos(2 * np.pi * y / period)[:, None]
    )
    picture *= (1 + rng.uniform(0, 0.09) * np.sign(stripes))[..., None]


def _hang_leaves(picture: np.ndarray, amount: float, rng: np.random.Generator) -> None:
    """Light and dark foliage at two scales, with stems between."""
    size = picture.shape[:2]
    coarse, fine = noise.fractal(size, 130 / size[1], rng), noise.fractal(size, 520 / size[1], rng)
    stems = noise.fractal((1, size[1]), 300 / size[1], rng)
    leaves = 1 + amount * (1.5 * (coarse - 0.5) + 1.3 * (fine - 0.5) - 0.6 * np.clip(6 * stems - 5, 0, 1))
    picture *= leaves[..., None]


def _raise_hills(picture: np.ndarray, color: Color, horizon: float, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    for nearness in (0.5, 1.0):
        ridge = noise.fractal((1, width), rng.uniform(60, 160) / width, rng)[0]
        rise = horizon - height * (0.03 + 0.16 * ridge * (1.4 - nearness))
        mask = np.arange(height)[:, None] >= rise[None]
        texture = 0.8 + 0.4 * noise.fractal((height, width), 220 / width, rng)
        tone = _blend((0.72, 0.78, 0.84), jitter(color, rng), 0.4 + 0.6 * nearness)
        picture[mask] = (tone * texture[..., None])[mask]


def _ground(scene: Scene, size: tuple[int, int], horizon: float, rng: np.random.Generator) -> np.ndarray:
    """A plane seen in perspective: coarse patches, and specks that fade with distance."""
    height, width = size
    distance = np.maximum(np.arange(height, dtype=np.float32) - horizon, 0.5)[:, None]
    near = np.clip(distance / max(height - horizon, 0.3 * height), 0, 1)
    u = (np.arange(width, dtype=np.float32)[None] - 0.5 * width) / (distance + 0.08 * height)
    v = np.broadcast_to(1.2 * height / (distance + 0.08 * height), (height, width))
    specks = _look_up("clouds", u, v, 260 / scene.speck_size, rng)
    fine = _look_up("grain", u, v, 420, rng)
    coarse = _look_up("clouds", u, v, 45, rng)
    color = _blend(jitter(scene.far, rng), jitter(scene.near, rng), np.sqrt(near)[..., None])
    color = color * (0.8 + 0.4 * coarse[..., None])
    weight = np.clip(2.2 * specks - 1.1, 0, 1) * (0.3 + 0.7 * near)
    color = color + weight[..., None] * (np.array(jitter(scene.speck, rng), np.float32) - color)
    return color * (1 + 0.3 * near * (fine - 0.5))[..., None]


def _look_up(kind: str, u: np.ndarray, v: np.ndarray, zoom: float, rng: np.random.Generator) -> np.ndarray:
    x, y = (
        (np.float32(zoom) * u + np.float32(rng.uniform(0, 256))),
        (np.float32(zoom) * v + np.float32(rng.uniform(0, 256))),
    )
    return cv2.remap(noise.tile(kind), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
