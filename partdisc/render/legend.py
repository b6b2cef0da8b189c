"""The legend: each part's colour, name and, where there is one, its IoU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from partdisc.render.marking import hatch_lines
from partdisc.render.text import INK, PAPER, font, shorten, text_width
from partdisc.store.masks import Color


def legend_texts(names: Sequence[str], scores: Sequence[float | None] | None = None) -> list[str]:
    """What the legend says of each part.

    >>> legend_texts(["head", "leg"], [0.5, None])
    ['head (IoU 0.50)', 'leg']
    """
    scores = scores if scores is not None else [None] * len(names)
    return [
        name if score is None else f"{name} (IoU {score:.2f})"
        for name, score in zip(names, scores, strict=True)
    ]


def draw_legend(
    labels: Sequence[int],
    texts: Sequence[str],
    palette: Sequence[Color],
    *,
    width: int,
    font_size: int = 14,
    hatching: bool = False,
) -> np.ndarray:
    """A white strip with one swatch and text for each of `labels`, in as many rows as they need.

    Args:
        labels: parts to show.
        texts: what to say of them.
        palette: colours of labels 0..K.
        width: of the strip, in pixels.
        font_size: in pixels.
        hatching: draw each swatch with its part's pattern.

    Returns:
        uint8 (h, `width`, 3).
    """
    swatch, gap = font_size, max(2, font_size // 2)
    places, x, y = [], gap, gap
    for text in texts:
        text = shorten(text, max(width - swatch - 3 * gap, font_size), font_size)
        needed = swatch + gap + text_width(text, font_size)
        if x > gap and x + needed + gap > width:
            x, y = gap, y + swatch + gap
        places.append((x, y, text))
        x += needed + 2 * gap
    picture = Image.new("RGB", (width, y + swatch + gap), PAPER)
    draw = ImageDraw.Draw(picture)
    for label, (x, y, text) in zip(labels, places, strict=True):
        picture.paste(Image.fromarray(_swatch(label, palette[label], swatch, hatching)), (x, y))
        draw.text((x + swatch + gap, y + swatch / 2), text, INK, font(font_size), anchor="lm")
    return np.array(picture)


def _swatch(label: int, color: Color, side: int, hatching: bool) -> np.ndarray:
    square = np.empty((side, side, 3), np.uint8)
    square[:] = color
    if hatching:
        square[hatch_lines(np.full((side, side), label, np.uint8))] = INK
    return square
