"""Outlines: closed curves as (N, 2) float arrays of points (x, y), x to the right and y down, in object units."""

from __future__ import annotations

from typing import Any

import numpy as np

Points = Any  # whatever numpy reads as an array: lists of points, arrays, lists of arrays


def spline(points: Points, samples: int = 8, *, closed: bool = False) -> np.ndarray:
    """A uniform Catmull-Rom curve through the points, of any dimension, `samples` points to each span."""
    points = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.arange(samples)[:, None] / samples
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    curve = start + 0.5 * t * (
        end
        - before
        + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    curve = curve.reshape(-1, points.shape[1])
    return curve if closed else np.concatenate([curve, points[-1:]])


def ellipse(center: Points, rx: float, ry: float, angle: float = 0.0, samples: int = 36) -> np.ndarray:
    """An ellipse with half axes rx and ry, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    return rotate(np.stack([rx * np.cos(t), ry * np.sin(t)], 1), angle) + np.asarray(center)


def tube(path: Points, radii: Points, samples: int = 7) -> list[np.ndarray]:
    """A limb: everything within a varying radius of a smooth path.

    Returns:
        outlines whose union is the limb: its contour, and a disc at each inner joint, where a sharp bend could
        leave the contour crossing itself.
    """
    path, radii = np.asarray(path, np.float64), np.asarray(radii, np.float64)
    curve = spline(np.column_stack([path, radii]), samples)
    center, radius = curve[:, :2], np.maximum(curve[:, 2:], 1e-4)
    along = np.gradient(center, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    contour = np.concatenate(
        [
            center + across * radius,
            _cap(center[-1], along[-1], radius[-1]),
            (center - across * radius)[::-1],
            _cap(center[0], -along[0], radius[0]),
        ]
    )
    discs = [ellipse(path[i], radii[i], radii[i], samples=14) for i in range(1, len(path) - 1)]
    return [contour, *discs]


def _cap(center: np.ndarray, direction: np.ndarray, radius: np.ndarray) -> np.ndarray:
    t = np.linspace(np.pi / 2, -np.pi / 2, 7)[1:-1, None]
    across = np.array([-direction[1], direction[0]])
    return center + radius * (np.cos(t) * direction + np.sin(t) * across)


def rotate(points: Points, angle: float, about: Points = (0.0, 0.0)) -> np.ndarray:
    """Points turned by `angle` radians (clockwise on screen, as y points down)."""
    c, s = np.cos(angle), np.sin(angle)
    return (np.asarray(points) - about) @ np.array([[c, s], [-s, c]]) + about


def ragged(outline: np.ndarray, amplitude: float, rng: np.random.Generator, samples: int = 3) -> np.ndarray:
    """The outline with tufts: finer, its points displaced at random by up to `amplitude`."""
    fine = spline(outline, samples, closed=True)
    return fine + rng.uniform(-amplitude, amplitude, fine.shape)


def rounded(corners: Points, share: float = 0.12) -> np.ndarray:
    """A polygon whose corners are rounded off over a share of its edges."""
    corners = np.asarray(corners, np.float64)
    before, after = np.roll(corners, 1, 0), np.roll(corners, -1, 0)
    near = np.stack([corners + share * (before - corners), corners + share * (after - corners)], 1)
    return spline(near.reshape(-1, 2), 3, closed=True)


def chain(start: Points, angles: Points, lengths: Points) -> np.ndarray:
    """Joints of a limb: from `start`, one bone after the other at absolute angles (radians, pi / 2 is down).

    Returns:
        (len(angles) + 1, 2) points.
    """
    steps = np.stack([np.cos(angles), np.sin(angles)], 1) * np.asarray(lengths)[:, None]
    return np.concatenate([[start], np.asarray(start) + np.cumsum(steps, axis=0)])


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """An upright rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
