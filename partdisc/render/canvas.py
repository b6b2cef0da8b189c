"""Figures through matplotlib's objects: a style for publications, and files that repeat byte for byte.

pyplot is never used, so that no state stays behind; the style holds inside `drawing_style` alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from partdisc.errors import ArtifactError, ConfigError
from partdisc.render.text import font
from partdisc.store.files import atomic_path

MM_PER_INCH, POINTS_PER_INCH = 25.4, 72
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "0.88",
    "lines.linewidth": 1.2,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may hold a dollar sign
    "text.hinting": "none",  # text is as wide at every resolution
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "partdisc",
}
# what each format would say about the time it was written
UNDATED: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}


@contextlib.contextmanager
def drawing_style(style: str | None = None) -> Iterator[None]:
    """Partdisc's style, with a named matplotlib style on top.

    Raises:
        ConfigError: if matplotlib has no such style.
    """
    if style is not None and style not in matplotlib.style.available and not Path(style).is_file():
        raise ConfigError(
            f"Expected a matplotlib style ({', '.join(matplotlib.style.available[:6])}, ...) or a style file, "
            f"but got {style!r}."
        )
    with matplotlib.rc_context(STYLE):
        if style is None:
            yield
        else:
            with matplotlib.style.context(style):
                yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty white figure with an Agg canvas."""
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def text_extent_mm(texts: Sequence[str]) -> float:
    """Width in millimetres of the widest of some texts in the style's font size; call it inside `drawing_style`."""
    lines = [line for text in texts for line in text.splitlines()]
    ems = max((font(100).getlength(line) / 100 for line in lines), default=0)
    return ems * matplotlib.rcParams["font.size"] / POINTS_PER_INCH * MM_PER_INCH


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 300) -> None:
    """Write a figure as PDF, SVG or PNG by the name's ending; the same figure gives the same bytes.

    Raises:
        ConfigError: if the ending is another one.
        ArtifactError: if the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in UNDATED:
        raise ConfigError(
            f"Expected a figure name that ends in .pdf, .svg or .png, but got {os.fspath(path)!r}."
        )
    try:
        with matplotlib.rc_context(STYLE), atomic_path(path) as partial:
            figure.savefig(partial, format=suffix[1:], dpi=dpi, metadata=UNDATED[suffix])
    except OSError as error:
        raise ArtifactError(f"Cannot write {os.fspath(path)}: {error.strerror or error}.") from error
