from __future__ import annotations

import json

import numpy as np
import pytest

from partdisc.errors import DataError
from partdisc.render.plots import curves_figure, read_curves, scores_figure


def test_curves_hold_what_was_logged(tmp_path):
    items = [{"stage": "fit", "step": s, "loss": s * 2.0, "name": "x", "done": True} for s in (2, 0, 1)]
    items += [{"stage": "other", "step": 0, "loss": 1}, {"stage": "fit", "step": 3, "loss": None}]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(i) + "\n" for i in items) + '{"stage": "fit", "st')
    curves = read_curves(path)
    assert list(curves) == [("fit", "loss")]
    steps, values = curves["fit", "loss"]
    assert steps.tolist() == [0, 1, 2]
    assert values.tolist() == [0, 2, 4]
    assert read_curves(tmp_path / "absent") == {}


def test_each_value_has_a_panel_and_each_run_a_line():
    steps = np.arange(3.0)
    curves = {("fit", "loss"): (steps, steps), ("fit", "other"): (steps, steps)}
    figure = curves_figure({"A": curves, "B": {("fit", "loss"): (steps, steps * 2)}}, width_mm=120)
    assert [axes.get_title() for axes in figure.axes] == ["fit: loss", "fit: other"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1]
    with pytest.raises(DataError, match="no training curves"):
        curves_figure({"A": {}})


def test_one_number_of_parts_has_no_ticks_between_whole_numbers():
    axes = scores_figure({"dff": [(6, 0.3, None)]}).axes[0]
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [6]


def test_scores_are_drawn_in_order_of_k_with_intervals():
    figure = scores_figure({"dff": [(8, 0.4, (0.3, 0.6)), (2, 0.2, None)]})
    (axes,) = figure.axes
    assert axes.get_ylabel() == "part mIoU"
    (bars,) = axes.containers
    assert bars.lines[0].get_xydata().tolist() == [[2, 0.2], [8, 0.4]]
    (low_high,) = [segment for segment in bars.lines[2][0].get_segments() if segment[0][0] == 8]
    assert low_high[:, 1].tolist() == pytest.approx([0.3, 0.6])
    with pytest.raises(DataError, match="run evaluate first"):
        scores_figure({"dff": []})
