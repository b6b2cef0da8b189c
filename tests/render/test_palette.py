from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from partdisc.errors import ConfigError
from partdisc.render.palette import (
    IGNORE_COLOR,
    PART_COLORS,
    part_palette,
)

# Sharma, Wu, Dalal 2005, table 1: (L, a, b), (L, a, b), CIEDE2000
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1.0000),
    ((50, -0.9009, -85.5211), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, -1, 2), (50, 0, 0), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0010), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.49, -0.001), (50, -2.49, 0.0012), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0010, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((50, 2.5, 0), (50, 3.1736, 0.5854), 1.0000),
    ((50, 2.5, 0), (50, 3.2972, 0), 1.0000),
    ((50, 2.5, 0), (50, 1.8634, 0.5757), 1.0000),
    ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0000),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.2480, -4.9620), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((36.4612, 47.8580, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]

# linear-light matrices of Machado, Oliveira, Fernandes 2009, severity 1, rows of R, G, B
EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def ciede2000(one, two):
    """Scalar, straight from equations (2) to (22) of the paper, with its case distinctions."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    c_mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(c_mean**7 / (c_mean**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1 = 0.0 if c1 == 0 else math.degrees(math.atan2(b1, a1)) % 360
    h2 = 0.0 if c2 == 0 else math.degrees(math.atan2(b2, a2)) % 360
    if c1 * c2 == 0:
        dh, h = 0.0, h1 + h2
    else:
        dh = h2 - h1
        h = (h1 + h2) / 2
        if abs(dh) > 180:
            h = (h1 + h2 + 360) / 2 if h1 + h2 < 360 else (h1 + h2 - 360) / 2
            dh += 360 if dh < -180 else -360
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(dh / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * math.cos(math.radians(h - 30)) + 0.24 * math.cos(math.radians(2 * h))
    t += 0.32 * math.cos(math.radians(3 * h + 6)) - 0.20 * math.cos(math.radians(4 * h - 63))
    rc = 2 * math.sqrt(cm**7 / (cm**7 + 25**7))
    rt = -math.sin(math.radians(60 * math.exp(-(((h - 275) / 25) ** 2)))) * rc
    sl = 1 + 0.015 * (lm - 50) ** 2 / math.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh))


def lab(color, eye="normal"):
    light = [v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
    r, g, b = (min(max(sum(m * v for m, v in zip(row, light, strict=True)), 0), 1) for row in EYES[eye])
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.0890
    fx, fy, fz = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def closest(colors, eye="normal"):
    return min(ciede2000(a, b) for a, b in itertools.combinations([lab(c, eye) for c in colors], 2))


@pytest.mark.parametrize(("one", "two", "expected"), SHARMA)
def test_reference_distance_gives_the_published_pairs(one, two, expected):
    assert ciede2000(one, two) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize("eye", EYES)
def test_first_twelve_stay_apart_for_every_eye(eye):
    assert closest(part_palette(12), eye) >= 15


def test_forty_one_and_sixty_four_stay_apart():
    assert closest(part_palette(41)) >= 15
    assert closest([*part_palette(64), IGNORE_COLOR]) >= 12


def test_no_part_looks_like_paper_ink_or_grey():
    for color in PART_COLORS:
        lightness, a, b = lab(color)
        assert 30 <= lightness <= 92
        assert math.hypot(a, b) > 25


def test_more_parts_never_change_the_first_colors():
    for num_parts in range(1, 64):
        assert part_palette(64)[: num_parts + 1] == part_palette(num_parts)


def test_every_number_of_parts_a_mask_can_hold_has_a_palette():
    assert len(part_palette(254)) == 255
    for wrong in (0, 255):
        with pytest.raises(ConfigError, match=r"within 1\.\.254"):
            part_palette(wrong)


def test_table_is_of_plain_8_bit_colors():
    table = np.array(PART_COLORS)
    assert table.shape == (64, 3)
    assert table.min() >= 0
    assert table.max() <= 255
