"""What an evaluation found, as data; `to_dict` is the content of metrics.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partdisc.metrics import functional as F
from partdisc.metrics.matching import Matching, MatchRule
from partdisc.parts import PartNames


@dataclass(frozen=True)
class PartScore:
    """The scores of one annotated part; NaN where undefined, all of them where the part never occurs.

    Attributes:
        id: annotated label 1..P.
        name: its name.
        matched: the discovered parts matched to it, in any group.
        iou, precision, recall, accuracy: in [0, 1]; accuracy counts "is it this part or not" over all pixels.
        pixels: how many pixels are annotated so.
    """

    id: int
    name: str
    matched: tuple[int, ...]
    iou: float
    precision: float
    recall: float
    accuracy: float
    pixels: int


@dataclass(frozen=True)
class GroupScore:
    """Scores of one category: its images have their own table and their own matching."""

    num_images: int
    scores: Mapping[str, float]


@dataclass(repr=False)
class EvaluationResult:
    """All scores of one evaluation, fractions in [0, 1] (ARI may be negative), NaN where undefined.

    Attributes:
        scores: the headline scores; with scope "category" or "image" each is the mean over the groups.
        per_part: one entry for each annotated part 1..P.
        matchings: group ("all", a category, an image id) -> matching.
        table: int64 (K + 1, P + 1), all images together; None where categories have a K of their own, whose
            labels mean different things.
        pooled: scores that need no matching, of that one table.
        rule: how the matching was fitted.
        scope: "dataset", "category" or "image".
        fitted_on: "this split", or the file the matching was read from.
        groups: category -> its scores (scope "category" only).
        intervals: score -> (low, high) of the bootstrap, with what was resampled in `resampling`.
        controls: name of a control -> its scores, or a text saying why there are none.
        keypoints: keypoint scores, as `LandmarkAssessment.result` gives them.
        against: another run and the paired differences from it.
        notes: what a reader must know to compare the numbers.
    """

    scores: dict[str, float]
    per_part: list[PartScore]
    matchings: dict[str, Matching]
    table: np.ndarray | None
    pooled: dict[str, float]
    rule: MatchRule
    scope: str
    num_images: int
    num_parts: int
    fitted_on: str = "this split"
    protocol: str = "partdisc"
    groups: dict[str, GroupScore] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    resampling: dict[str, Any] = field(default_factory=dict)
    controls: dict[str, dict[str, float] | str] = field(default_factory=dict)
    keypoints: dict[str, Any] = field(default_factory=dict)
    against: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def without_masks(cls, *, num_parts: int, protocol: str) -> EvaluationResult:
        """The result for a set that has keypoints and no masks."""
        return cls(
            scores={},
            per_part=[],
            matchings={},
            table=None,
            pooled={},
            rule=MatchRule(),
            scope="dataset",
            num_images=0,
            num_parts=num_parts,
            protocol=protocol,
        )

    def __getattr__(self, name: str) -> float:
        """Scores can be read as attributes: `result.part_miou`."""
        scores = self.__dict__.get("scores", {})
        if name in scores:
            return scores[name]
        raise AttributeError(f"{type(self).__name__} has no score {name!r}; it has {', '.join(scores)}.")

    def __repr__(self) -> str:
        scores = "".join(f"{name}={value:.3f}, " for name, value in self.scores.items())
        return f"{type(self).__name__}({scores}images={self.num_images})"

    @property
    def absent(self) -> list[str]:
        """Names of the parts that never occur in the annotation; they have no score and are in no mean."""
        return [part.name for part in self.per_part if part.pixels == 0]

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json: fractions, and None where undefined."""
        return {
            **self.scores,
            "protocol": self.protocol,
            "scope": self.scope,
            "assignment": self.rule.assignment,
            "matched_by": self.rule.criterion,
            "matching_fitted_on": self.fitted_on,
            "background_declared": {
                group: matching.background
                for group, matching in self.matchings.items()
                if matching.background is not None and self.scope != "image"
            },
            "num_images": self.num_images,
            "num_parts": self.num_parts,
            "num_annotated_parts": len(self.per_part),
            "num_absent": len(self.absent),
            "absent": self.absent,
            "pooled": self.pooled,
            "per_part": [vars(part) for part in self.per_part],
            "categories": {
                name: {"num_images": group.num_images, **group.scores} for name, group in self.groups.items()
            },
            "intervals": {name: list(bounds) for name, bounds in self.intervals.items()},
            "resampling": self.resampling,
            "controls": self.controls,
            "keypoints": self.keypoints,
            "against": self.against,
            "notes": self.notes,
        }


def part_scores(confusion: np.ndarray, matchings: Iterable[Matching], names: PartNames) -> list[PartScore]:
    """Scores of the annotated parts 1..P from a confusion (P + 2, P + 1) and the matchings behind it."""
    matchings = list(matchings)
    iou, precision, recall, accuracy = (
        f(confusion) for f in (F.class_iou, F.class_precision, F.class_recall, F.class_accuracy)
    )
    pixels = confusion.sum(0)
    return [
        PartScore(
            id=p,
            name=names.of(p),
            matched=tuple(sorted({k for m in matchings for k in m.discovered(p)})),
            iou=float(iou[p]),
            precision=float(precision[p]) if pixels[p] else float("nan"),
            recall=float(recall[p]),
            accuracy=float(accuracy[p]),
            pixels=int(pixels[p]),
        )
        for p in range(1, len(names) + 1)
    ]


def group_scores(
    names: Sequence[str], groups: np.ndarray, scores: Mapping[str, np.ndarray]
) -> dict[str, GroupScore]:
    """Scores of each group, from arrays over groups."""
    sizes = np.bincount(groups, minlength=len(names))
    return {
        name: GroupScore(int(sizes[g]), {score: float(values[g]) for score, values in scores.items()})
        for g, name in enumerate(names)
    }
