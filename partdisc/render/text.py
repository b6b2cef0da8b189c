"""Text in pictures: one typeface (DejaVu Sans, which comes with matplotlib), readable on any ground."""

from __future__ import annotations

import functools
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
    return int(font(size).getlength(text) + 0.999)


def shorten(text: str, width: int, size: int) -> str:
    """`text`, cut in the middle so that it fits `width` pixels.

    >>> shorten("front/left/wheel.png", 80, 12)
    'front/…l.png'
    """
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
        if text_width(short, size) <= width:
            return short
    return "…"


def draw_with_halo(
    draw: ImageDraw.ImageDraw, center: tuple[float, float], text: str, size: int, bounds: tuple[int, int]
) -> None:
    """Write white text with a dark rim around `center` (x, y), moved so that it stays inside `bounds` (H, W)."""
    rim = max(1, size // 8)
    half_width, half_height = text_width(text, size) / 2 + rim, size * 0.6 + rim
    x = min(max(center[0], half_width), max(bounds[1] - half_width, bounds[1] / 2))
    y = min(max(center[1], half_height), max(bounds[0] - half_height, bounds[0] / 2))
    draw.text((x, y), text, PAPER, font(size), anchor="mm", stroke_width=rim, stroke_fill=INK)
