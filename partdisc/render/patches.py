"""What is this part? Its most typical patches from many images, one row a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from partdisc.errors import DataError
from partdisc.render.figure import Cell, picture_grid
from partdisc.render.overlay import PartOverlay
from partdisc.render.survey import part_frequencies, typical_regions
from partdisc.store.masks import Color

# index of an image -> its pixels (H, W, 3) and labels (H, W)
ReadPair = Callable[[int], tuple[np.ndarray, np.ndarray]]
MARGIN = 1.4  # side of the patch over the longer side of the part's box


def cut_patch(pixels: np.ndarray, labels: np.ndarray, region: np.void) -> tuple[np.ndarray, np.ndarray]:
    """The square around a region, moved and cut so that it lies inside the image; pixels and labels of that part."""
    height, width = labels.shape
    side = max(16, round(MARGIN * max(region["width"], region["height"])))
    rows = _window(int(region["y"]) + int(region["height"]) // 2, side, height)
    columns = _window(int(region["x"]) + int(region["width"]) // 2, side, width)
    part = labels[rows, columns]
    return pixels[rows, columns], np.where(part == region["label"], part, 0).astype(np.uint8)


def _window(center: int, side: int, length: int) -> slice:
    side = min(side, length)
    start = min(max(center - side // 2, 0), length - side)
    return slice(start, start + side)


def patch_cells(
    survey: np.ndarray, label: int, count: int, read_pair: ReadPair, palette: Sequence[Color]
) -> list[Cell]:
    """The most typical patches of one part, its outline drawn."""
    overlay = PartOverlay(opacity=0.25, contours=1, palette=palette)
    cells = []
    for region in typical_regions(survey, label, count):
        pixels, labels = read_pair(int(region["image"]))
        patch, part = cut_patch(pixels, labels, region)
        cells.append(Cell(patch, part, overlay))
    return cells


def patch_figure(
    survey: np.ndarray,
    names: Sequence[str],
    palette: Sequence[Color],
    read_pair: ReadPair,
    *,
    num_images: int,
    count: int = 8,
    **grid: Any,
) -> Figure:
    """One row a part: its name, in how many images it occurs, its most typical patches.

    Args:
        survey: `survey_parts` of all images.
        names: of parts 1..K.
        palette: colours of labels 0..K.
        read_pair: gives pixels and labels of an image by its index.
        num_images: how many images were surveyed.
        count: patches in a row.
        **grid: further options of `picture_grid`.

    Raises:
        DataError: if no part occurs in any image.
    """
    shares = part_frequencies(survey, len(names), num_images)
    present = [label for label in range(1, len(names) + 1) if shares[label - 1] > 0]
    if not present:
        raise DataError("No part occurs in any image: there is nothing to show.")
    rows: list[list[Cell | None]] = []
    for label in present:
        cells = patch_cells(survey, label, count, read_pair, palette)
        rows.append([*cells, *[None] * (count - len(cells))])
    return picture_grid(
        rows,
        row_titles=[f"{names[label - 1]}\nin {shares[label - 1]:.0%} of images" for label in present],
        row_colors=[palette[label] for label in present],
        **grid,
    )
