"""The parts of an image one by one, as most formats want them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from partdisc.parts import BACKGROUND, IGNORE


class Region(NamedTuple):
    """One part in one image: its label, and where it is, bool (H, W)."""

    label: int
    mask: np.ndarray


def part_masks(labels: np.ndarray) -> Iterator[Region]:
    """The mask of every part present, in the order of their labels.

    >>> [region.label for region in part_masks(np.array([[0, 2, 255], [1, 2, 2]], np.uint8))]
    [1, 2]
    """
    for label in np.unique(labels).tolist():
        if label not in (BACKGROUND, IGNORE):
            yield Region(label, labels == label)


def hex_color(color: tuple[int, int, int]) -> str:
    """A colour as #rrggbb.

    >>> hex_color((255, 0, 16))
    '#ff0010'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)
