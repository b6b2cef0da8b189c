"""Text in pictures: one typeface (DejaVu Sans, which comes with matplotlib), readable on any ground."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import ImageDraw, ImageFont

from partdisc.store.masks import Color

INK: Color = (20, 20, 20)
PAPER: Color = (255, 255, 255)


@functools.lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at `size` pixels."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def text_width(text: str, size: int) -> int:
    """Width of one line in pixels."""
    return int(font(size).getlength(printable(text)) + 0.999)


def printable(text: str) -> str:
    r"""`text` without line breaks and other control characters, which no line can hold.

    >>> printable("two\nlines")
    'two lines'
    """
    return "".join(c if c.isprintable() else " " for c in text)


def shorten(text: str, width: int, size: int) -> str:
    """`text`, cut in the middle so that it fits `width` pixels.

    >>> shorten("front/left/wheel.png", 80, 12)
    'front/…l.png'
    """
    text = printable(text)
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
        if text_width(short, size) <= width:
            return short
    return "…"


Box = tuple[float, float, float, float]  # left, top, right, bottom


def text_box(center: tuple[float, float], text: str, size: int, bounds: tuple[int, int]) -> Box:
    """Where text around `center` (x, y) lies, moved so that it stays inside `bounds` (H, W)."""
    half_width, half_height = text_width(text, size) / 2 + _rim(size), size * 0.6 + _rim(size)
    x = min(max(center[0], half_width), max(bounds[1] - half_width, bounds[1] / 2))
    y = min(max(center[1], half_height), max(bounds[0] - half_height, bounds[0] / 2))
    return x - half_width, y - half_height, x + half_width, y + half_height


def free_box(
    center: tuple[float, float], text: str, size: int, bounds: tuple[int, int], taken: Sequence[Box]
) -> Box:
    """`text_box`, moved up or down by at most two lines where other text is in the way."""
    line = size * 1.2 + 2 * _rim(size)
    for shift in (0, 1, -1, 2, -2):
        box = text_box((center[0], center[1] + shift * line), text, size, bounds)
        if not any(_overlap(box, other) for other in taken):
            return box
    return text_box(center, text, size, bounds)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _rim(size: int) -> int:
    return max(1, size // 8)


def draw_with_halo(draw: ImageDraw.ImageDraw, box: Box, text: str, size: int) -> None:
    """Write white text with a dark rim in the middle of `box`."""
    center = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    draw.text(
        center, printable(text), PAPER, font(size), anchor="mm", stroke_width=_rim(size), stroke_fill=INK
    )
