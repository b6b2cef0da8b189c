"""The mean of several evaluations, each of images of its own with a matching of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from partdisc.metrics.functional.undefined import nan_mean
from partdisc.metrics.result import EvaluationResult


def mean_result(results: Sequence[EvaluationResult]) -> EvaluationResult:
    """The unweighted mean of every score, and of every control that all have.

    A score is averaged over the results where it is defined; images are added up. There is no matching and no
    interval.

    Args:
        results: at least one, all made under one protocol.
    """
    controls: dict[str, dict[str, float] | str] = {}
    for name in results[0].controls:
        found = [control for r in results if isinstance(control := r.controls.get(name), dict)]
        if len(found) == len(results):
            controls[name] = _mean(found)
    empty = EvaluationResult.without_masks(
        num_parts=max(r.num_parts for r in results), protocol=results[0].protocol
    )
    return replace(
        empty,
        scores=_mean([r.scores for r in results]),
        controls=controls,
        scope=results[0].scope,
        num_images=sum(r.num_images for r in results),
    )


def _mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for scores in found for name in scores)
    return {
        name: float(nan_mean(np.array([scores.get(name, np.nan) for scores in found], dtype=float)))
        for name in names
    }
