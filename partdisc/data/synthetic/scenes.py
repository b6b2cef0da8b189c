"""Backgrounds: a sky or a wall, what stands at the horizon, and a textured ground in perspective.

The places themselves are listed in `scenes.json` beside this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from partdisc.data.synthetic import noise
from partdisc.data.synthetic.layers import Color
from partdisc.data.synthetic.materials import jitter
from partdisc.store import files

TABLE = Path(__file__).with_name("scenes.json")


@dataclass(frozen=True)
class Scene:
    """A kind of place.

    Attributes:
        top, low: colours of the sky or wall above and at the horizon.
        cloud, cloudiness: colour of clouds or stains on it, and how much of them (0..1).
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
    cloud: Color
    cloudiness: float
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


@lru_cache(maxsize=1)
def scenes() -> dict[str, Scene]:
    """All places by name."""
    table = files.read_json(TABLE, schema="partdisc/scenes")
    return {name: Scene(**row) for name, row in table["scenes"].items()}


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
    zoom = 110 / width
    clouds = noise.fractal(size, zoom, rng, 1.0 if scene.indoor else 2.0)
    picture += (scene.cloudiness * np.clip(1.8 * clouds - 0.8, 0, 1) * (1 - 0.5 * depth[..., 0]))[
        ..., None
    ] * (np.array(scene.cloud, np.float32) - picture)
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
