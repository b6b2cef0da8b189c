"""Figures 4 and 5 of the PartImageNet paper, and the pixels of each part, for any described set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from partdisc.store import files

COLOR = "#3b6ea5"
MOST_NAMES = 60  # more names than that cannot be read below their bars


def write_plots(description: dict[str, Any], folder: str | os.PathLike[str]) -> list[Path]:
    """Draw what `describe` counted as PNGs in `folder`; a set without classes or masks has fewer.

    Returns:
        The files written.
    """
    written = []
    for name, section, draw in (
        ("images_per_class.png", description["images_per_class"], _images_per_class),
        ("annotations_per_image.png", description["annotations_per_image"], _annotations_per_image),
        ("parts.png", description["parts"], _parts),
    ):
        if section:
            figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure.add_subplot(), section)
            path = Path(folder) / name
            with files.atomic_path(path) as partial:
                figure.savefig(partial, format="png")
            written.append(path)
    return written


def _bars(axes: Axes, names: Sequence[str], heights: Sequence[float], x: str, y: str) -> None:
    axes.bar(range(len(heights)), heights, color=COLOR, width=0.9)
    if len(names) <= MOST_NAMES:
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=7)
    else:
        axes.set_xticks([])
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(-0.6, len(heights) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)


def _images_per_class(axes: Axes, section: dict[str, int]) -> None:
    _bars(axes, list(section), list(section.values()), f"{len(section)} classes", "images")


def _annotations_per_image(axes: Axes, section: dict[str, Any]) -> None:
    histogram = section["histogram"]
    _bars(axes, list(histogram), list(histogram.values()), f"{section['counted']} in an image", "images")


def _parts(axes: Axes, section: list[dict[str, Any]]) -> None:
    shares = [100 * part["share_of_part_pixels"] for part in section]
    _bars(axes, [part["name"] for part in section], shares, f"{len(section)} parts", "% of part pixels")
