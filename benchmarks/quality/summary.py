"""From results of single seeds to rows with intervals, comparisons, and the leave-one-set-out check.

Pure functions of plain data: a result holds `scores` (name -> value) and `draws` (name -> one value for each
bootstrap draw). Results of one set share their draws: draw i holds the same images in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Result = Mapping[str, Any]
LEVEL = 0.95


def summarize(results: Sequence[Result]) -> dict[str, Any]:
    """One row of one set: means over seeds.

    Args:
        results: one for each seed, at least one.

    Returns:
        `seeds`, `scores`, `by_seed` (score -> values), `intervals` of the mean over seeds, `keypoints`,
        `seconds` and `cpu_seconds` (mean) and `peak_mib` (largest).
    """
    names = results[0]["scores"]
    return {
        "seeds": len(results),
        "scores": {name: _mean(r["scores"][name] for r in results) for name in names},
        "by_seed": {name: [r["scores"][name] for r in results] for name in names},
        "intervals": {name: interval(mean_draws(results, name)) for name in results[0]["draws"]},
        "per_part": {name: _mean(r["per_part"][name] for r in results) for name in results[0]["per_part"]},
        "keypoints": _mean_keypoints([r["keypoints"] for r in results]),
        "seconds": _mean(r["seconds"] for r in results),
        "cpu_seconds": _mean(r["cpu_seconds"] for r in results),
        "peak_mib": max(r["peak_mib"] for r in results),
    }


def mean_draws(results: Sequence[Result], name: str) -> np.ndarray:
    """A score's mean over seeds in every draw, (draws,); NaN where a draw left it undefined."""
    return np.mean([np.array(r["draws"][name], float) for r in results], axis=0)


def interval(values: np.ndarray) -> list[float] | None:
    """Percentile interval of draws; None where all are undefined."""
    defined = values[~np.isnan(values)]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return np.quantile(defined, tails).tolist() if defined.size else None


def compare(ours: Sequence[Result], other: Sequence[Result], name: str) -> dict[str, Any] | None:
    """Ours minus another row: the difference of the means over seeds, and its interval over the same draws."""
    if name not in ours[0]["draws"] or name not in other[0]["draws"]:
        return None
    low_high = interval(mean_draws(ours, name) - mean_draws(other, name))
    if low_high is None:
        return None
    difference = np.mean([r["scores"][name] for r in ours]) - np.mean([r["scores"][name] for r in other])
    return {
        "difference": float(difference),
        "low": low_high[0],
        "high": low_high[1],
        "better": low_high[0] > 0,
    }


def exceptions(comparisons: Mapping[str, Mapping[str, Mapping[str, Any] | None]]) -> list[str]:
    """The pairs "set: row" whose interval does not lie above zero."""
    return [
        f"{bench}: {row}"
        for bench, rows in comparisons.items()
        for row, found in rows.items()
        if found is None or not found["better"]
    ]


def leave_one_out(scores: Mapping[str, Mapping[str, float]], default: str) -> list[dict[str, Any]]:
    """Choose a setting on all sets but one, and look at its score on the one left out.

    The setting with the best mean over the other sets is chosen; ties go to the default.

    Args:
        scores: set -> setting -> headline score; all sets have the same settings.
        default: the setting that is the default.

    >>> scores = {"a": {"x": 0.1, "y": 0.2}, "b": {"x": 0.5, "y": 0.4}, "c": {"x": 0.3, "y": 0.1}}
    >>> leave_one_out(scores, "x")[0]
    {'held_out': 'a', 'chosen': 'x', 'score': 0.1, 'default': 0.1, 'best': 'y', 'best_score': 0.2}
    """
    found = []
    for held_out, here in scores.items():
        others = [scores[name] for name in scores if name != held_out]
        chosen = max(here, key=lambda s: (_mean(o[s] for o in others), s == default))
        best = max(here, key=lambda s: (here[s], s == default))
        found.append(
            {
                "held_out": held_out,
                "chosen": chosen,
                "score": here[chosen],
                "default": here[default],
                "best": best,
                "best_score": here[best],
            }
        )
    return found


def _mean(values: Any) -> float | None:
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


def _mean_keypoints(found: Sequence[Mapping[str, Any] | None]) -> dict[str, float | None] | None:
    if any(one is None for one in found):
        return None
    return {name: _mean(one[name] for one in found if one) for name in found[0] or {}}
