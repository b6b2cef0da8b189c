"""Plots of numbers: training curves, and score against the number of parts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from partdisc.errors import DataError
from partdisc.render.canvas import drawing_style, new_figure
from partdisc.scores import score_name

PANEL_MM = (56.0, 40.0)
# (number of parts, score, (low, high) or None)
ScorePoint = tuple[int, float, tuple[float, float] | None]


def read_curves(path: str | os.PathLike[str]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """The numbers of a log.jsonl: (stage, value) -> (steps, values); a value seen only once makes no curve.

    Lines cut off by a kill are passed over.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        for name, value in _values(item):
            found.setdefault((str(item["stage"]), name), []).append((item["step"], value))
    curves = {}
    for key, points in found.items():
        if len(points) > 1:
            steps, values = np.array(sorted(points), float).T
            curves[key] = (steps, values)
    return curves


def _values(item: Any) -> list[tuple[str, float]]:
    if not isinstance(item, dict) or "stage" not in item or not isinstance(item.get("step"), (int, float)):
        return []
    return [
        (name, float(value))
        for name, value in item.items()
        if name not in ("stage", "step") and isinstance(value, (int, float)) and not isinstance(value, bool)
    ]


def curves_figure(
    runs: Mapping[str, Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]],
    *,
    width_mm: float = 170,
    style: str | None = None,
) -> Figure:
    """A panel for each value that was logged, one line a run.

    Args:
        runs: name of a run -> its `read_curves`.
        width_mm: of the whole figure.
        style: a matplotlib style on top of partdisc's.

    Raises:
        DataError: if nothing was logged more than once.
    """
    keys = sorted({key for curves in runs.values() for key in curves})
    if not keys:
        raise DataError("There are no training curves: no value was logged more than once.")
    with drawing_style(style):
        columns = min(len(keys), max(1, int(width_mm // PANEL_MM[0])))
        rows = -(-len(keys) // columns)
        figure = new_figure(width_mm, rows * PANEL_MM[1] + 6)
        figure.set_layout_engine("constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (stage, name) in zip(panels, keys, strict=False):
            for run, curves in runs.items():
                if (stage, name) in curves:
                    axes.plot(*curves[stage, name], label=run)
            axes.set(title=f"{stage}: {name}", xlabel="step")
        for axes in panels[len(keys) :]:
            axes.set_axis_off()
        if len(runs) > 1:
            _legend_of(panels[0])
    return figure


def _legend_of(axes: Axes) -> None:
    axes.legend(loc="best")


def choice_figure(
    points: Sequence[tuple[int, float]],
    chosen: int,
    share: float,
    *,
    width_mm: float = 85,
    style: str | None = None,
) -> Figure:
    """How many of K parts an object shows, for each K that was tried.

    Args:
        points: (K, parts that an object effectively shows).
        chosen: the K taken.
        share: of the K parts, that an object should show.
        width_mm: of the whole figure.
        style: a matplotlib style on top of partdisc's.
    """
    counts, effective = zip(*points, strict=True)
    with drawing_style(style):
        figure = new_figure(width_mm, width_mm * 0.66)
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        axes.plot(counts, counts, color="0.7", linestyle="--", label="all of them")
        axes.plot(
            counts, [share * k for k in counts], color="0.7", linestyle=":", label=f"{share:.0%} of them"
        )
        axes.plot(counts, effective, marker="o", markersize=3, label="parts an object shows")
        axes.axvline(chosen, color="0.3", linewidth=0.8, label=f"chosen: {chosen}")
        axes.set(xlabel="number of parts K", ylabel="parts")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_ylim(bottom=0)
        axes.legend(frameon=True, framealpha=1, edgecolor="none")
    return figure


def scores_figure(
    series: Mapping[str, Sequence[ScorePoint]],
    *,
    score: str = "part_miou",
    width_mm: float = 85,
    style: str | None = None,
) -> Figure:
    """A score against the number of parts, one line a method, with intervals where there are any.

    Args:
        series: method -> points (number of parts, score, (low, high) or None).
        score: what the vertical axis is called.
        width_mm: of the whole figure.
        style: a matplotlib style on top of partdisc's.

    Raises:
        DataError: if there is no point.
    """
    if not any(series.values()):
        raise DataError(f"No run has the score {score}; run evaluate first.")
    with drawing_style(style):
        figure = new_figure(width_mm, width_mm * 0.66)
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        for name, points in series.items():
            ordered = sorted(points, key=lambda point: point[0])
            counts = [point[0] for point in ordered]
            values = [point[1] for point in ordered]
            around = [
                [max(value - low, 0), max(high - value, 0)] for _, value, (low, high) in _bounded(ordered)
            ]
            axes.errorbar(
                counts, values, yerr=np.array(around).T, marker="o", markersize=3, capsize=2, label=name
            )
        axes.set(xlabel="number of parts K", ylabel=score_name(score))
        tried = [point[0] for points in series.values() for point in points]
        axes.set_xlim(min(tried) - 0.5, max(tried) + 0.5)  # room for the ticks of whole numbers
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_ylim(bottom=0)
        _legend_of(axes)
    return figure


def _bounded(points: Sequence[ScorePoint]) -> list[tuple[int, float, tuple[float, float]]]:
    return [(count, value, bounds or (value, value)) for count, value, bounds in points]
