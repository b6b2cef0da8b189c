"""Scores of one row on one set: the evaluator's, outlines, keypoints, and every draw of the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.quality.sets import BenchSet, Group
from benchmarks.quality.tasks import Labelled
from partdisc.metrics import EvaluationResult
from partdisc.metrics.functional import boundary_counts, boundary_f_score
from partdisc.metrics.functional.undefined import nan_mean
from partdisc.metrics.intervals import bootstrap
from partdisc.metrics.landmarks import LandmarkAssessment, LandmarkSample
from partdisc.metrics.protocols import PROTOCOLS

SCORES = ("part_miou", "nmi", "ari", "foreground_iou")


def score(
    bench: BenchSet, found: Mapping[str, Labelled], draws: int, *, outlines: bool = True
) -> dict[str, Any]:
    """Scores of labels of every group.

    Args:
        bench: the set.
        found: group name -> labels.
        draws: of the bootstrap over images, or units where the set declares them.
        outlines: also score outlines, which takes longer than all the rest.

    Returns:
        `scores`, `draws` (score -> one value a draw), `per_part`, and `keypoints` where the set has any.
    """
    evaluator = bench.evaluator({name: labelled.num_parts for name, labelled in found.items()})
    for group in bench.groups:
        for image, labels in zip(group.images, found[group.name].labels, strict=True):
            evaluator.update(
                labels, bench.target(image), image_id=image.id, category=image.super_category, unit=image.unit
            )
    result = evaluator.compute()
    drawn = bootstrap(evaluator, draws).scores
    scores: dict[str, float | None] = {name: result.scores[name] for name in SCORES if name in result.scores}
    scores["boundary_f"] = boundary_f(bench, found, result) if outlines else None
    return {
        "scores": scores,
        "draws": {name: np.round(drawn[name], 5).tolist() for name in SCORES if name in drawn},
        "per_part": {part.name: part.iou for part in result.per_part},
        "keypoints": keypoints(bench, found),
    }


def boundary_f(bench: BenchSet, found: Mapping[str, Labelled], result: EvaluationResult) -> float:
    """Mean over annotated parts of the F-score of their outline; an unmatched part counts 0.

    Where categories are matched on their own, the mean over categories of theirs.
    """
    means = []
    for group in bench.groups:
        matching = result.matchings[group.name if group.name in result.matchings else "all"]
        targets = np.array(matching.targets)
        targets[targets < 0] = len(bench.part_names) + 1  # matches nothing
        if bench.scoring.get("foreground_only"):
            targets = np.array([k not in (0, matching.background) for k in range(len(targets))], np.int64)
        counts = _outline_counts(bench, group, found[group.name].labels, targets)
        annotated = counts[:, 2] > 0
        means.append(np.mean(boundary_f_score(counts[annotated])) if annotated.any() else np.nan)
    return float(nan_mean(np.array(means)))


def _outline_counts(
    bench: BenchSet, group: Group, labels: list[np.ndarray], targets: np.ndarray
) -> np.ndarray:
    """(P, 4) boundary counts of each annotated part over a group's images."""
    counts = np.zeros((len(bench.part_names), 4), np.int64)
    for image, predicted in zip(group.images, labels, strict=True):
        target, matched = bench.target(image), targets[predicted]
        present = np.bincount(target.ravel(), minlength=256) + np.bincount(matched.ravel(), minlength=256)
        for part in 1 + np.flatnonzero(present[1 : len(counts) + 1]):
            counts[part - 1] += boundary_counts(matched == part, target == part)
    return counts


def keypoints(bench: BenchSet, found: Mapping[str, Labelled]) -> dict[str, Any] | None:
    """Keypoint regression as `evaluate` does it, or None where the set has no keypoints."""
    if not bench.annotations.has_keypoints:
        return None
    assessment = None
    for group in bench.groups:
        labelled = found[group.name]
        for n, image in enumerate(group.images):
            points = bench.annotations.keypoints(image)
            if points is None:
                continue
            if assessment is None:
                assessment = LandmarkAssessment(labelled.num_parts, points.names, PROTOCOLS["partdisc"])
            assessment.add(
                LandmarkSample(
                    image.id,
                    labelled.labels[n],
                    points.xy,
                    points.visible,
                    None if labelled.maps is None else labelled.maps[n],
                    points.box,
                    bench.target(image),
                    image.split,
                    image.unit,
                )
            )
    if assessment is None:
        return None
    result = assessment.result()
    return {name: result.get(name) for name in ("error", "mean_position_error", "nmi", "ari")}
