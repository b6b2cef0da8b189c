"""What choosing.py measured: the rule of `--num-parts auto` beside constants, also with each set left out.

The target of a set is the smallest K whose part mIoU, the mean of all seeds, is within .02 of the best. A rule is
judged by the share of seeds that come within 2 of it, summed over sets, and by the part mIoU of that mean curve at
the K it takes. Left out, a set gets its K by the parameters with the best mean mIoU on all other sets; the grid holds
constants too (weight 0).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.discovery.choosing import number_between
from partdisc.render.canvas import drawing_style, new_figure, save_figure

COUNTS = range(2, 17)
WITHIN = 0.02
NEAR = 2
CONSTANTS = range(3, 9)
GRID = {
    "typical": (3, 4, 5, 6),
    "weight": (0, 0.25, 1 / 3, 0.5, 0.75, 1),
    "shown": (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7),
}
RESAMPLES = 10_000

Sets = Mapping[str, Mapping[str, Any]]
Picks = Mapping[str, Sequence[int]]  # set -> K of each seed


def mean_curve(found: Mapping[str, Any], kind: str = "part_miou") -> np.ndarray:
    """(15,) part mIoU for each K, the mean of all seeds."""
    return np.mean([seed[kind] for seed in found["seeds"].values()], axis=0)


def target_of(curve: Sequence[float]) -> int:
    """The smallest K within .02 of the best."""
    return next(k for k, value in zip(COUNTS, curve, strict=True) if value >= max(curve) - WITHIN)


def picks(sets: Sets, **parameters: Any) -> dict[str, list[int]]:
    """What the rule takes."""
    return {
        name: [
            number_between(list(zip(COUNTS, seed["effective"], strict=True)), **parameters)[0]
            for seed in found["seeds"].values()
        ]
        for name, found in sets.items()
    }


def values(sets: Sets, chosen: Picks) -> np.ndarray:
    """(sets,) part mIoU of the mean curve at the K taken, the mean of all seeds."""
    return np.array([np.mean([mean_curve(sets[n])[k - COUNTS[0]] for k in chosen[n]]) for n in sets])


def judged(sets: Sets, chosen: Picks) -> dict[str, float]:
    near = [np.mean([abs(k - target_of(mean_curve(sets[n]))) <= NEAR for k in chosen[n]]) for n in sets]
    return {"within_2": round(float(np.sum(near)), 2), "part_miou": float(values(sets, chosen).mean())}


def left_out(sets: Sets) -> tuple[dict[str, list[int]], dict[str, dict[str, float]]]:
    """What the rule takes of each set, with the parameters chosen on the others; and these."""
    combinations = [dict(zip(GRID, each, strict=True)) for each in itertools.product(*GRID.values())]
    options = [picks(sets, **each) for each in combinations]
    scores = np.stack([values(sets, each) for each in options])
    best = [int(np.delete(scores, i, axis=1).mean(1).argmax()) for i in range(len(sets))]
    chosen = {name: options[b][name] for name, b in zip(sets, best, strict=True)}
    return chosen, {name: combinations[b] for name, b in zip(sets, best, strict=True)}


def gain(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Mean of first - second over sets, and its bootstrap interval."""
    gains = first - second
    drawn = np.random.default_rng(0).integers(0, len(gains), (RESAMPLES, len(gains)))
    return [float(gains.mean()), *np.quantile(gains[drawn].mean(1), [0.025, 0.975]).tolist()]


def summarise(sets: Sets) -> dict[str, Any]:
    """Rule, constants and targets, for the JSON."""
    rule, constants = picks(sets), {c: {n: [c] * len(sets[n]["seeds"]) for n in sets} for c in CONSTANTS}
    loo, parameters = left_out(sets)
    return {
        "target": {n: target_of(mean_curve(sets[n])) for n in sets},
        "target_of_seeds": {n: [target_of(s["part_miou"]) for s in sets[n]["seeds"].values()] for n in sets},
        "chosen": rule,
        "rule": judged(sets, rule),
        "left_out": judged(sets, loo) | {"chosen": loo, "parameters": parameters},
        "constants": {
            str(c): judged(sets, chosen) | {"gain": gain(values(sets, rule), values(sets, chosen))}
            for c, chosen in constants.items()
        },
        "best_part_miou": float(np.mean([mean_curve(found).max() for found in sets.values()])),
    }


def tables(results: Mapping[str, Any]) -> str:
    """Two Markdown tables: set by set, and rule beside constants."""
    sets, found = results["sets"], results["summary"]
    lines = [
        "| set | chosen | target | target of each seed | mIoU at the chosen K | at K = 5 | best |",
        "|---" * 7 + "|",
    ]
    for (name, each), value in zip(sets.items(), values(sets, found["chosen"]), strict=True):
        curve = mean_curve(each)
        lines.append(
            f"| {name} | {_several(found['chosen'][name])} | {found['target'][name]} | "
            f"{_several(found['target_of_seeds'][name])} | {_short(value)} | "
            f"{_short(curve[5 - COUNTS[0]])} | {_short(curve.max())} |"
        )
    lines += ["", "| K | sets within 2 | mean mIoU | auto minus this |", "|---" * 4 + "|"]
    for name in ("rule", "left_out"):
        title = {"rule": "auto", "left_out": "auto, each set left out"}[name]
        lines.append(_row(title, found[name], len(sets), ""))
    for constant, row in found["constants"].items():
        mean, low, high = row["gain"]
        lines.append(_row(f"always {constant}", row, len(sets), f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"))
    return "\n".join([*lines, f"| the best of each set | | {_short(found['best_part_miou'])} | |"])


def _row(title: str, row: Mapping[str, float], sets: int, gained: str) -> str:
    return f"| {title} | {row['within_2']:g} of {sets} | {_short(row['part_miou'])} | {gained} |"


def _several(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else ", ".join(map(str, numbers))


def _short(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def draw(results: Mapping[str, Any], path: Path) -> None:
    """The curves of all sets: part mIoU with each seed and its mean, target and what was chosen."""
    sets, found, columns = results["sets"], results["summary"], 4
    rows = -(-len(sets) // columns)
    with drawing_style():
        figure = new_figure(180, 38 * rows + 6)
        figure.set_layout_engine("constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, each) in zip(panels, sets.items(), strict=False):
            target, chosen = found["target"][name], found["chosen"][name]
            axes.axvspan(target - NEAR, target + NEAR, color="0.9")
            for seed in each["seeds"].values():
                axes.plot(COUNTS, seed["part_miou"], color="0.6", linewidth=0.6)
            axes.plot(COUNTS, mean_curve(each), marker="o", markersize=2)
            for k in set(chosen):
                axes.axvline(k, color="tab:red", linewidth=1)
            axes.set(title=f"{name}: auto {_several(chosen)}, target {target}", xlim=(1.5, 16.5))
            axes.set_ylim(bottom=0)
        for axes in panels[len(sets) :]:
            axes.set_axis_off()
        figure.supxlabel("number of parts K")
        figure.supylabel("part mIoU")
    save_figure(figure, path, dpi=130)
