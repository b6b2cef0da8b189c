"""A contact sheet: many annotated images in a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from partdisc.errors import ConfigError, DataError
from partdisc.parts import check_labels
from partdisc.render.marking import present_parts
from partdisc.render.overlay import PartOverlay
from partdisc.render.pictures import fit_within, resize, resize_labels, to_rgb
from partdisc.render.text import INK, PAPER, font, shorten


def contact_sheet(
    images_with_labels: Iterable[tuple[Any, np.ndarray | None]],
    *,
    columns: int | None = None,
    cell: int = 192,
    gap: int = 4,
    overlay: PartOverlay | None = None,
    captions: Sequence[str] | None = None,
) -> Image.Image:
    """Images with their parts, row by row on white paper.

    Args:
        images_with_labels: pairs of a picture (numpy, torch, Pillow) and its labels (H, W), or None to show it plain.
        columns: how many stand side by side; None makes the sheet about as wide as high.
        cell: side of the square each image is fitted into, in pixels; a row is as high as its highest image.
        gap: between cells, in pixels.
        overlay: how parts are drawn; its legend stands once, below the sheet.
        captions: one line below each image; longer ones are cut in the middle.

    Raises:
        ConfigError: if columns, cell or gap are out of range.
        DataError: if there is no image, or not one caption for each.

    >>> contact_sheet([(np.zeros((5, 9, 3), np.uint8), None)] * 3, columns=2, cell=20, gap=0).size
    (40, 22)
    """
    pictures = list(images_with_labels)
    if cell < 8 or gap < 0 or (columns is not None and columns < 1):
        raise ConfigError(
            f"Expected columns >= 1, cell >= 8 and gap >= 0, but got {columns}, {cell} and {gap}."
        )
    if not pictures:
        raise DataError("Expected at least one image for a contact sheet, but got none.")
    if captions is not None and len(captions) != len(pictures):
        raise DataError(f"Expected {len(pictures)} captions, one for each image, but got {len(captions)}.")
    overlay = overlay or PartOverlay()
    columns = min(columns or int(np.ceil(np.sqrt(len(pictures)))), len(pictures))
    line = max(10, cell // 14)
    text_height = line + 4 if captions is not None else 0
    plain = replace(overlay, legend=False)
    cells = [thumbnail(picture, labels, cell, plain) for picture, labels in pictures]
    rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
    heights = [max(pixels.shape[0] for pixels in row) for row in rows]
    size = columns * (cell + gap) + gap, sum(heights) + len(rows) * (text_height + gap) + gap
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    y = gap
    for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for column, pixels in enumerate(row):
            x = gap + column * (cell + gap)
            inset = (cell - pixels.shape[1]) // 2, (height - pixels.shape[0]) // 2
            sheet.paste(Image.fromarray(pixels), (x + inset[0], y + inset[1]))
            if captions is not None:
                text = shorten(captions[number * columns + column], cell, line)
                draw.text((x + cell / 2, y + height + 2), text, INK, font(line), anchor="ma")
        y += height + text_height + gap
    return _with_legend(sheet, overlay, pictures, line) if overlay.legend else sheet


def _with_legend(
    sheet: Image.Image, overlay: PartOverlay, pictures: Sequence[tuple[Any, np.ndarray | None]], line: int
) -> Image.Image:
    """The sheet with one legend below, of all parts that its pictures show."""
    drawn = [check_labels(labels) for _, labels in pictures if labels is not None]
    shown = sorted({part for labels in drawn for part in present_parts(labels)})
    if not shown:
        return sheet
    strip = overlay.legend_strip(shown, sheet.width, line)
    return Image.fromarray(np.concatenate([np.asarray(sheet), strip]))


def thumbnail(picture: Any, labels: np.ndarray | None, cell: int, overlay: PartOverlay) -> np.ndarray:
    """A picture with its parts, fitted into a square of `cell` pixels; uint8 (h, w, 3).

    Both are made small before anything is drawn, so that lines keep their width.

    Raises:
        DataError: if labels and picture differ in size.
    """
    pixels, _ = to_rgb(picture)
    if labels is not None and labels.shape != pixels.shape[:2]:
        raise DataError(
            f"Expected labels of the image's size {pixels.shape[1]} x {pixels.shape[0]}, "
            f"but they are {labels.shape[1]} x {labels.shape[0]}."
        )
    size = fit_within((pixels.shape[0], pixels.shape[1]), (cell, cell))
    small = resize(pixels, size)
    return small if labels is None else overlay.annotate(small, resize_labels(labels, size))
