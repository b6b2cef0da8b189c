"""`PartOverlay`: an image with its parts drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from partdisc.checks import check_array, check_count, check_number
from partdisc.errors import ConfigError, DataError
from partdisc.parts import BACKGROUND, IGNORE, PartMaps, PartNames, check_labels
from partdisc.render.heat import mix_maps
from partdisc.render.legend import draw_legend, legend_texts
from partdisc.render.marking import boundaries, hatch_lines, inner_points, paint_masks, present_parts
from partdisc.render.palette import IGNORE_COLOR, part_palette
from partdisc.render.pictures import to_rgb
from partdisc.render.text import INK, Box, draw_with_halo, free_box
from partdisc.store.masks import Color


@dataclass(frozen=True)
class PartOverlay:
    """Draws part labels, overlapping masks or soft maps over an image and gives a new picture of the same kind.

    Attributes:
        opacity: of the parts, 0 (unseen) to 1 (opaque).
        contours: width in pixels of the line along each part's own edge; 0 draws none.
        hatching: a pattern for each part, for print without colour.
        labels: write each part's name at its inner point.
        legend: a strip below the picture with the parts present; the picture grows.
        masks_only: the parts on the background colour, without the image.
        palette: colours of labels 0..K; None takes `part_palette`.
        part_names: of parts 1..K; None numbers them.
        scores: IoU of parts 1..K for the legend, None where there is none.

    Raises:
        ConfigError: if opacity or contours are out of range.

    >>> image = np.full((4, 4, 3), 100, np.uint8)
    >>> PartOverlay(opacity=1, contours=0).annotate(image, np.eye(4, dtype=np.uint8))[0, :2].tolist()
    [[168, 48, 252], [100, 100, 100]]
    """

    opacity: float = 0.5
    contours: int = 1
    hatching: bool = False
    labels: bool = False
    legend: bool = False
    masks_only: bool = False
    palette: Sequence[Color] | None = None
    part_names: Sequence[str] | None = None
    scores: Sequence[float | None] | None = None

    def __post_init__(self) -> None:
        if check_number("opacity", self.opacity) > 1:
            raise ConfigError(f"Expected an opacity within 0..1, but got {self.opacity}.")
        check_count("contours", self.contours, 0)

    def annotate(self, image: Any, labels: Any) -> Any:
        """Draw the parts over the image.

        Args:
            image: numpy (H, W, 3) or (H, W), torch (3, H, W) or (1, H, W), 8-bit or floats in 0..1, or Pillow.
            labels: part labels (H, W), numpy or torch; bool masks (K, H, W), which may overlap; or `PartMaps`.

        Returns:
            A new RGB picture of the image's kind and size (higher with a legend).

        Raises:
            DataError: if labels and image differ in size, or a part has no colour.
        """
        pixels, restore = to_rgb(image)
        if isinstance(labels, PartMaps):
            return restore(self._draw_maps(pixels, labels))
        flat = _flatten(labels)
        if flat.shape != pixels.shape[:2]:
            raise DataError(
                f"Expected labels of the image's size {pixels.shape[1]} x {pixels.shape[0]}, "
                f"but they are {flat.shape[1]} x {flat.shape[0]}."
            )
        return restore(self._draw_labels(pixels, flat))

    def _draw_labels(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        table = self._color_table(labels)
        fill = cv2.LUT(cv2.merge([labels, labels, labels]), table)
        drawn = fill.copy() if self.masks_only else _blend(pixels, fill, labels, self.opacity)
        if self.hatching:
            drawn[hatch_lines(labels, max(1, min(labels.shape) // 400))] = INK
        if self.contours:
            edge = boundaries(labels, self.contours).astype(np.uint8)
            cv2.copyTo(fill, edge, drawn)
        if self.labels:
            drawn = self._write_names(drawn, labels)
        return self._add_legend(drawn, present_parts(labels)) if self.legend else drawn

    def _draw_maps(self, pixels: np.ndarray, maps: PartMaps) -> np.ndarray:
        palette = self._palette(maps.num_parts)
        ground = np.empty_like(pixels)
        ground[:] = palette[BACKGROUND]
        drawn = mix_maps(
            ground if self.masks_only else pixels, maps, palette, 1.0 if self.masks_only else self.opacity
        )
        if self.labels:
            drawn = self._write_names(drawn, maps.to_labels(pixels.shape[:2]))
        if self.legend:
            drawn = self._add_legend(drawn, list(range(1, maps.num_parts + 1)))
        return drawn

    def _palette(self, highest: int) -> list[Color]:
        palette = list(self.palette) if self.palette is not None else part_palette(max(highest, 1))
        if highest >= len(palette):
            raise DataError(f"Part {highest} is unknown: the palette has the parts 1..{len(palette) - 1}.")
        return palette

    def _color_table(self, labels: np.ndarray) -> np.ndarray:
        """uint8 (1, 256, 3) for `cv2.LUT`."""
        highest = max(present_parts(labels), default=0)
        table = np.zeros((1, 256, 3), np.uint8)
        palette = self._palette(highest)
        table[0, : len(palette)] = palette
        table[0, IGNORE] = IGNORE_COLOR
        return table

    def _name(self, label: int) -> str:
        names = self.part_names
        return PartNames(names).of(label) if names is not None and label <= len(names) else f"part {label}"

    def _write_names(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(pixels)
        draw = ImageDraw.Draw(picture)
        size, bounds = _font_size(labels), (labels.shape[0], labels.shape[1])
        taken: list[Box] = []
        for point in inner_points(labels):
            name = self._name(point.label)
            taken.append(free_box((point.x + 0.5, point.y + 0.5), name, size, bounds, taken))
            draw_with_halo(draw, taken[-1], name, size)
        return np.array(picture)

    def legend_strip(self, parts: Sequence[int], width: int, font_size: int) -> np.ndarray:
        """A white strip, uint8 (h, `width`, 3), with colour and name of `parts`; text is `font_size` pixels high."""
        scores = None if self.scores is None else [self.scores[part - 1] for part in parts]
        texts = legend_texts([self._name(part) for part in parts], scores)
        palette = self._palette(max(parts))
        return draw_legend(parts, texts, palette, width=width, font_size=font_size, hatching=self.hatching)

    def _add_legend(self, pixels: np.ndarray, parts: list[int]) -> np.ndarray:
        if not parts:
            return pixels
        return np.concatenate([pixels, self.legend_strip(parts, pixels.shape[1], _font_size(pixels))])


def _font_size(picture: np.ndarray) -> int:
    return max(10, min(picture.shape[:2]) // 26)


def _flatten(labels: Any) -> np.ndarray:
    array = check_array("labels", labels, "(...)")
    return paint_masks(array) if array.ndim == 3 else check_labels(array)


def _blend(pixels: np.ndarray, fill: np.ndarray, labels: np.ndarray, opacity: float) -> np.ndarray:
    """The image, with `fill` mixed in wherever there is a part."""
    has_part = np.full((1, 256), 255, np.uint8)
    has_part[0, [BACKGROUND, IGNORE]] = 0
    mixed = cv2.addWeighted(pixels, 1 - opacity, fill, opacity, 0)
    return cv2.copyTo(mixed, cv2.LUT(labels, has_part), pixels.copy())
