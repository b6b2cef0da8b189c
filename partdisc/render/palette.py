"""One colour for each part: 64 colours that stay apart, the same part always the same colour.

The table is nested (the first K colours are those of every larger K) and was made once by
`scripts/make_palette.py`: any two of the first 12 differ by at least 15 CIEDE2000 for normal and for simulated
protan, deutan and tritan vision, any two of the first 41 by at least 15 and of all 64 by at least 12 for normal
vision. Every colour has a lightness L* of 30 to 92 and a chroma above 25, so none looks like paper, ink or grey.
"""

from __future__ import annotations

import cv2
import numpy as np

from partdisc.checks import check_count
from partdisc.errors import ConfigError
from partdisc.parts import MAX_PARTS
from partdisc.store.masks import Color

BACKGROUND_COLOR: Color = (18, 18, 18)
IGNORE_COLOR: Color = (255, 255, 255)
SHADE_LIGHTNESS = (30, 84)  # L* of the darkest and the brightest shade
SHADE_CHROMA = 65
PART_COLORS: tuple[Color, ...] = (
    (168, 48, 252),
    (132, 252, 180),
    (36, 84, 0),
    (24, 156, 108),
    (240, 144, 180),
    (144, 48, 84),
    (168, 168, 24),
    (192, 144, 252),
    (252, 228, 0),
    (108, 36, 168),
    (180, 96, 144),
    (132, 120, 24),
    (252, 120, 24),
    (36, 168, 252),
    (132, 60, 0),
    (0, 84, 120),
    (252, 0, 60),
    (0, 252, 252),
    (252, 192, 168),
    (108, 108, 156),
    (0, 96, 84),
    (156, 240, 24),
    (24, 132, 156),
    (168, 120, 84),
    (204, 144, 0),
    (156, 0, 24),
    (204, 216, 156),
    (252, 60, 228),
    (72, 132, 12),
    (0, 192, 48),
    (252, 204, 252),
    (108, 132, 252),
    (96, 72, 0),
    (204, 72, 12),
    (48, 84, 240),
    (252, 132, 120),
    (252, 204, 132),
    (144, 216, 252),
    (168, 96, 96),
    (72, 168, 168),
    (180, 192, 252),
    (108, 72, 120),
    (120, 144, 96),
    (24, 120, 72),
    (156, 96, 0),
    (24, 120, 204),
    (60, 72, 144),
    (144, 216, 192),
    (204, 0, 168),
    (252, 0, 144),
    (204, 0, 72),
    (156, 108, 192),
    (144, 0, 120),
    (12, 132, 120),
    (216, 156, 108),
    (0, 204, 144),
    (96, 96, 48),
    (252, 144, 240),
    (144, 180, 96),
    (192, 168, 108),
    (24, 180, 216),
    (156, 144, 192),
    (228, 96, 120),
    (0, 12, 252),
)


def part_palette(num_parts: int) -> list[Color]:
    """Colours of the labels 0..`num_parts`: entry 0 is the background, nearly black.

    Beyond 64 parts the colours repeat: no more can be told apart.

    Raises:
        ConfigError: if `num_parts` is not within 1..254.

    >>> part_palette(2)
    [(18, 18, 18), (168, 48, 252), (132, 252, 180)]
    """
    if not 1 <= check_count("num_parts", num_parts, None) <= MAX_PARTS:
        raise ConfigError(f"Expected a number of parts within 1..{MAX_PARTS}, but got {num_parts}.")
    return [BACKGROUND_COLOR, *(PART_COLORS[i % len(PART_COLORS)] for i in range(num_parts))]


def shades(hue: float, spread: float, count: int) -> list[Color]:
    """So many colours of one hue, from dark to bright.

    Args:
        hue: in CIELAB, in radians.
        spread: how far hues are turned either way, so that neighbours in brightness differ more, in radians.
        count: of colours; one alone is of medium brightness.

    >>> len(set(shades(0.0, 0.3, 5)))
    5
    """
    lightness = np.linspace(*SHADE_LIGHTNESS, count) if count > 1 else np.array([np.mean(SHADE_LIGHTNESS)])
    hues = hue + (np.linspace(-spread, spread, count) if count > 1 else np.zeros(1))
    lab = np.stack([lightness, SHADE_CHROMA * np.cos(hues), SHADE_CHROMA * np.sin(hues)], axis=1)
    found = cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0].clip(0, 1)
    return [(int(r), int(g), int(b)) for r, g, b in np.rint(found * 255)]
