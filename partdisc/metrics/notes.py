"""What a reader must know to compare the numbers of a result with others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from partdisc.metrics.matching import Matching, MatchRule


class Settings(Protocol):
    """The settings of an evaluator that change what its scores mean."""

    scope: str
    ignore_unlabelled: bool
    partial_annotation: bool


def result_notes(settings: Settings, rule: MatchRule, matchings: Iterable[Matching]) -> list[str]:
    """One sentence for every choice that departs from the plain definition."""
    notes = _background_notes(settings.scope, matchings)
    if rule.assignment == "many-to-one":
        most = "shares most pixels" if rule.criterion == "pixels" else "has the largest IoU"
        notes.append(
            "Many-to-one: every discovered part was given to the annotated part, or the background, with which it "
            f"{most}; not comparable to one-to-one."
        )
    elif rule.criterion == "pixels":
        notes.append("Matched by shared pixels, not by IoU.")
    if rule.background_class:
        notes.append("The background was matched like any part; class_miou averages over it too.")
    if settings.scope == "image":
        notes.append("Matched anew in every image: an upper bound, not a score of consistent parts.")
    if settings.scope == "category":
        notes.append("Scores are means over categories, each with a matching of its own.")
    if settings.ignore_unlabelled:
        notes.append("Pixels without a part label were left out; by default they count as background.")
    if settings.partial_annotation:
        notes.append("The annotation does not cover the object: no foreground IoU.")
    return notes


def _background_notes(scope: str, matchings: Iterable[Matching]) -> list[str]:
    declared = sorted({m.background for m in matchings if m.background is not None})
    if not declared:
        return []
    if scope == "image":
        return ["Label 0 is not used: in each image a part was declared to be the background."]
    parts = ", ".join(f"part {part}" for part in declared)
    verb = "was" if len(declared) == 1 else "were"
    return [f"Label 0 is not used: {parts} {verb} declared to be the background."]
