"""Painting layers: one rasterised mask gives the pixels of a piece, its light and its label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from partdisc.data.synthetic.layers import Layer
from partdisc.data.synthetic.lighting import Light, height_map, shade
from partdisc.data.synthetic.materials import Surface, albedo

SHIFT = 4  # cv2 takes outlines in sixteenths of a pixel


@dataclass
class Canvas:
    """Pixels and labels that grow layer by layer.

    Attributes:
        pixels: float32 (H, W, 3), 0..1, changed in place by `paint`.
        labels: uint8 (H, W), 0 where there is no object, changed in place by `paint`.
        light: what lights every piece.
        offset: (2,) where in the noise tiles the object reads.
    """

    pixels: np.ndarray
    labels: np.ndarray
    light: Light
    offset: np.ndarray

    def paint(self, layer: Layer, to_canvas: np.ndarray, label_ids: Mapping[str | None, int]) -> None:
        """Paint one layer over what is there.

        Args:
            layer: the piece.
            to_canvas: (2, 3) map from object units to pixels.
            label_ids: the label of each part's name; of None for what is no part.
        """
        outlines = [outline @ to_canvas[:, :2].T + to_canvas[:, 2] for outline in layer.outlines]
        scale = float(np.sqrt(abs(np.linalg.det(to_canvas[:, :2]))))
        window = _window(outlines, self.labels.shape, margin=round(0.04 * scale) + 4)
        if window is None:
            return
        x0, y0, x1, y1 = window
        mask = fill(outlines, window)
        if not mask.any():
            return
        color = self._color(layer, mask, to_canvas, scale, (x0, y0))
        # pieces are lit on a window that may reach beyond the canvas, so that a cut does not look like an edge
        height, width = self.labels.shape
        inner = np.s_[max(0, -y0) : height - y0, max(0, -x0) : width - x0]
        outer = np.s_[max(0, y0) : y1, max(0, x0) : x1]
        if layer.shadow:
            self._darken(mask, outer, inner, layer.shadow, 0.03 * scale)
        inside = mask[inner] > 0
        pixels, color = self.pixels[outer], color[inner]
        if layer.opacity < 1:
            color = pixels + layer.opacity * (color - pixels)
        np.copyto(pixels, color, where=inside[..., None])
        self.labels[outer][inside] = label_ids[layer.part]

    def _color(
        self, layer: Layer, mask: np.ndarray, to_canvas: np.ndarray, scale: float, corner: tuple[int, int]
    ) -> np.ndarray:
        h, w = mask.shape
        unit = 1 / layer.material.pattern_size
        x = np.arange(w, dtype=np.float32) + (corner[0] + 0.5)
        y = np.arange(h, dtype=np.float32) + (corner[1] + 0.5)
        to_object = cv2.invertAffineTransform(to_canvas)
        c, s = np.cos(layer.angle), np.sin(layer.angle)
        to_frame = unit * np.array([[c, s], [-s, c]]) @ to_object
        u, v = ((ax * x + shift)[None] + (ay * y)[:, None] for ax, ay, shift in to_frame.tolist())
        to_frame[:, 2] += to_frame[:, :2] @ (corner[0] + 0.5, corner[1] + 0.5)
        surface = Surface(u, v, to_frame, self.offset)
        rows = np.flatnonzero(mask.any(1))
        fall = (np.arange(h, dtype=np.float32) - rows[0]) / max(1, rows[-1] - rows[0])
        underside = np.broadcast_to(np.clip((fall - 0.55) / 0.3, 0, 1)[:, None], (h, w))
        color = albedo(layer.material, surface, underside, unit)
        height = height_map(mask, layer.roundness * scale) if layer.roundness else None
        return layer.dim * shade(color, height, self.light, layer.material.gloss)

    def _darken(
        self,
        mask: np.ndarray,
        outer: tuple[slice, slice],
        inner: tuple[slice, slice],
        amount: float,
        reach: float,
    ) -> None:
        size = 2 * max(1, round(reach)) + 1
        soft = cv2.blur(cv2.blur(mask, (size, size)), (size, size))[inner]
        on_object = self.labels[outer] > 0
        self.pixels[outer] *= 1 - (amount / 255) * (soft * on_object)[..., None].astype(np.float32)


def _window(
    outlines: list[np.ndarray], shape: tuple[int, int], margin: int
) -> tuple[int, int, int, int] | None:
    """Corners (x0, y0, x1, y1) around the outlines, at most a third of the canvas beyond its edges."""
    points = np.concatenate(outlines)
    low, high = np.floor(points.min(0)) - margin, np.ceil(points.max(0)) + margin
    limit = np.array(shape[::-1])
    if (high <= 0).any() or (low >= limit).any():
        return None
    low, high = np.maximum(low, -limit // 3), np.minimum(high, limit + limit // 3)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def fill(outlines: list[np.ndarray], window: tuple[int, int, int, int]) -> np.ndarray:
    """uint8 (h, w): 255 in the union of the outlines."""
    x0, y0, x1, y1 = window
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for outline in outlines:
        # cv2 puts whole numbers on pixel centres
        points = np.round((outline - (x0 + 0.5, y0 + 0.5)) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, shift=SHIFT)
    return mask
