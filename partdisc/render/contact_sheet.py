"""A contact sheet: many annotated images in a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from partdisc.errors import ConfigError, DataError
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
        cell: side of the square each image is fitted into, in pixels.
        gap: between cells, in pixels.
        overlay: how parts are drawn.
        captions: one line below each image; longer ones are cut in the middle.

    Raises:
        ConfigError: if columns, cell or gap are out of range.
        DataError: if there is no image, or not one caption for each.

    >>> contact_sheet([(np.zeros((5, 9, 3), np.uint8), None)] * 3, columns=2, cell=20, gap=0).size
    (40, 40)
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
    columns = min(columns or int(np.ceil(np.sqrt(len(pictures)))), len(pictures))
    rows = -(-len(pictures) // columns)
    line = max(10, cell // 14)
    height = cell + (line + 4 if captions is not None else 0)
    sheet = Image.new(
        "RGB", (columns * (cell + gap) - gap + 2 * gap, rows * (height + gap) - gap + 2 * gap), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for index, (picture, labels) in enumerate(pictures):
        x = gap + index % columns * (cell + gap)
        y = gap + index // columns * (height + gap)
        pixels = thumbnail(picture, labels, cell, overlay or PartOverlay())
        sheet.paste(
            Image.fromarray(pixels), (x + (cell - pixels.shape[1]) // 2, y + (cell - pixels.shape[0]) // 2)
        )
        if captions is not None:
            text = shorten(captions[index], cell, line)
            draw.text((x + cell / 2, y + cell + 2), text, INK, font(line), anchor="ma")
    return sheet


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
