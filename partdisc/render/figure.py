"""Figures made of pictures: rows of images, a column for each way to look at them.

Figure 6 of the PartImageNet paper (He et al., ECCV 2022) is the model: image, annotation, one column a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from partdisc.errors import ConfigError, DataError
from partdisc.render.canvas import MM_PER_INCH, drawing_style, new_figure, text_extent_mm
from partdisc.render.overlay import PartOverlay
from partdisc.render.pictures import fit_within, resize, resize_labels, to_rgb
from partdisc.store.masks import Color

GAP_MM = 1.0
LINE_MM = 3.6  # one line of text
SWATCH_MM = 2.6
# matplotlib's names for the patterns of `marking.hatch_lines`, in their order
PATTERNS = ("////", "\\\\\\\\", "----", "||||", "xxxx", "++++", "....", "////////")


class LegendEntry(NamedTuple):
    """One line of a legend; `hatch` is the part whose pattern the swatch shows, 0 for none."""

    color: Color
    text: str
    hatch: int = 0


@dataclass(frozen=True)
class Cell:
    """One picture of a grid; with `labels` (H, W) its parts are drawn at the size the picture is shown."""

    picture: Any
    labels: np.ndarray | None = None
    overlay: PartOverlay = field(default_factory=PartOverlay)

    def draw(self, size: tuple[int, int], line_width: int) -> np.ndarray:
        """The picture within `size` (H, W), with its parts; uint8 (h, w, 3)."""
        pixels, _ = to_rgb(self.picture)
        fitted = fit_within((pixels.shape[0], pixels.shape[1]), size)
        small = resize(pixels, fitted)
        if self.labels is None:
            return small
        if self.labels.shape != pixels.shape[:2]:
            raise DataError(
                f"Expected labels of the image's size {pixels.shape[1]} x {pixels.shape[0]}, "
                f"but they are {self.labels.shape[1]} x {self.labels.shape[0]}."
            )
        overlay = replace(self.overlay, contours=self.overlay.contours * line_width)
        return overlay.annotate(small, resize_labels(self.labels, fitted))


def picture_grid(
    rows: Sequence[Sequence[Cell | None]],
    *,
    columns: Sequence[str] = (),
    row_titles: Sequence[str] = (),
    row_colors: Sequence[Color] = (),
    legend: Sequence[LegendEntry] = (),
    title: str = "",
    width_mm: float = 170,
    dpi: int = 300,
    style: str | None = None,
) -> Figure:
    """Pictures in rows and columns with titles and a legend below.

    Args:
        rows: cells, as many in every row; None stays empty.
        columns: a title above each column.
        row_titles: a title left of each row; lines are separated by a line break.
        row_colors: a coloured square before each row's title.
        legend: one entry for each part.
        title: above everything.
        width_mm: of the whole figure.
        dpi: pictures are shrunk to this resolution.
        style: a matplotlib style on top of partdisc's.

    Raises:
        DataError: if there is no picture, or rows or titles do not fit.
        ConfigError: if width or dpi are out of range.
    """
    _check_grid(rows, columns, row_titles, width_mm, dpi)
    with drawing_style(style):
        count = len(rows[0])
        left = text_extent_mm(row_titles) + SWATCH_MM + 3 if row_titles else 0.0
        cell_mm = (width_mm - left - GAP_MM * (count - 1)) / count
        heights = [_row_height(row, cell_mm) for row in rows]
        top = LINE_MM * (bool(columns) + 1.4 * bool(title))
        bottom, legend_columns = _legend_size(legend, width_mm)
        total = top + sum(heights) + GAP_MM * (len(rows) - 1) + bottom
        figure = new_figure(width_mm, total)
        y = top
        for index, (row, height) in enumerate(zip(rows, heights, strict=True)):
            for place, cell in enumerate(row):
                x = left + place * (cell_mm + GAP_MM)
                axes = _axes(figure, (x, y, cell_mm, height), (width_mm, total))
                if index == 0 and columns:
                    axes.set_title(columns[place], pad=3)
                if cell is not None:
                    _show(axes, cell, (height, cell_mm), dpi)
            if row_titles:
                _write_row_title(figure, row_titles[index], row_colors[index : index + 1], y, height, total)
            y += height + GAP_MM
        if title:
            figure.text(0.5, 1 - LINE_MM * 0.7 / total, title, ha="center", va="center", weight="bold")
        if legend:
            _draw_legend(figure, legend, legend_columns)
    return figure


def _check_grid(
    rows: Sequence[Sequence[Cell | None]],
    columns: Sequence[str],
    row_titles: Sequence[str],
    width_mm: float,
    dpi: int,
) -> None:
    if not rows or not rows[0]:
        raise DataError("Expected at least one picture for a figure, but got none.")
    lengths = {len(row) for row in rows} | ({len(columns)} if columns else set())
    if len(lengths) > 1 or (row_titles and len(row_titles) != len(rows)):
        raise DataError(
            f"Expected rows of one length with a title for each column and row, but got rows and column titles of "
            f"lengths {sorted(lengths)}, {len(rows)} rows and {len(row_titles)} row titles."
        )
    if not 20 <= width_mm <= 2000 or not 30 <= dpi <= 2400:
        raise ConfigError(
            f"Expected a width of 20..2000 mm and 30..2400 dpi, but got {width_mm} mm and {dpi} dpi."
        )


def _row_height(row: Sequence[Cell | None], cell_mm: float) -> float:
    """As high as the row's highest picture at full width, at most square."""
    aspects = []
    for cell in row:
        if cell is not None:
            pixels, _ = to_rgb(cell.picture)
            aspects.append(pixels.shape[0] / pixels.shape[1])
    return cell_mm * min(1.0, max(aspects, default=0.1))


def _axes(figure: Figure, box: tuple[float, float, float, float], size: tuple[float, float]) -> Axes:
    """Bare axes at (x, y from the top, width, height) in millimetres."""
    x, y, width, height = box
    axes = figure.add_axes((x / size[0], 1 - (y + height) / size[1], width / size[0], height / size[1]))
    axes.set_axis_off()
    return axes


def _show(axes: Axes, cell: Cell, size_mm: tuple[float, float], dpi: int) -> None:
    per_mm = dpi / MM_PER_INCH
    size = max(1, round(size_mm[0] * per_mm)), max(1, round(size_mm[1] * per_mm))
    drawn = cell.draw(size, line_width=max(1, round(dpi / 200)))
    axes.imshow(drawn, interpolation="none", aspect="equal")


def _write_row_title(
    figure: Figure, text: str, color: Sequence[Color], y: float, height: float, total: float
) -> None:
    width = figure.get_figwidth() * MM_PER_INCH
    middle = 1 - (y + height / 2) / total
    if color:
        corner = (0.5 / width, middle - SWATCH_MM / 2 / total)
        figure.add_artist(Rectangle(corner, SWATCH_MM / width, SWATCH_MM / total, color=_rgb(color[0])))
    figure.text((4.2 if color else 0.5) / width, middle, text, ha="left", va="center")


def _legend_handles(legend: Sequence[LegendEntry]) -> list[Patch]:
    handles = []
    for entry in legend:
        pattern = PATTERNS[(entry.hatch - 1) % len(PATTERNS)] if entry.hatch else None
        handles.append(Patch(facecolor=_rgb(entry.color), label=entry.text, hatch=pattern))
    return handles


def _rgb(color: Color) -> tuple[float, float, float]:
    return color[0] / 255, color[1] / 255, color[2] / 255


def _draw_legend(figure: Figure, legend: Sequence[LegendEntry], columns: int) -> Any:
    return figure.legend(
        handles=_legend_handles(legend),
        loc="lower center",
        ncols=columns,
        borderpad=0.3,
        borderaxespad=0.2,
        handlelength=1.0,
        handleheight=1.0,
        columnspacing=1.2,
    )


def _legend_size(legend: Sequence[LegendEntry], width_mm: float) -> tuple[float, int]:
    """Height in millimetres, and in how many columns the legend fits the width."""
    if not legend:
        return 0.0, 1
    widths = [text_extent_mm([entry.text]) for entry in legend]
    columns = next(n for n in range(len(widths), 0, -1) if n == 1 or _columns_width(widths, n) <= width_mm)
    scratch = new_figure(width_mm, 100)
    drawn = _draw_legend(scratch, legend, columns)
    height = drawn.get_window_extent(FigureCanvasAgg(scratch).get_renderer()).height
    return height / scratch.dpi * MM_PER_INCH + 1.0, columns


def _columns_width(widths: Sequence[float], columns: int) -> float:
    """Width of a legend, filled column by column; swatch, padding and spacing take about 6 mm each."""
    return sum(float(column.max()) + 6 for column in np.array_split(np.array(widths), columns))
