"""Scores part labels against an annotation, image by image, in any order and in any number of processes."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from partdisc.checks import check_count
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.functional.contingency import Labels, as_labels, contingency_table
from partdisc.metrics.grouping import SCOPES, group_images
from partdisc.metrics.matching import Matching, MatchRule
from partdisc.metrics.notes import result_notes
from partdisc.metrics.result import EvaluationResult, group_scores, part_scores
from partdisc.metrics.scoring import SCORES, UNMATCHED, GroupedScores, mean_over_groups, score_groups
from partdisc.metrics.tables import ImageTables
from partdisc.parts import MAX_PARTS, PartNames


class PartEvaluator:
    """Accumulates one contingency table for each image and scores their sums.

    Memory is one small table for each image (only cells that are not 0) and does not depend on image sizes.

    Args:
        num_parts: K, or {category: K} where every category was discovered on its own; that needs
            scope="category".
        part_names: names of the annotated parts 1..P; default: as many numbered parts as `num_parts`.
        assignment: "one-to-one" or "many-to-one".
        by: "iou" or "pixels"; default "iou" for one-to-one, "pixels" for many-to-one.
        scope: "dataset" fits one matching for all images; "category" one for each category, scores being means
            over categories; "image" one for each image, an upper bound that no labelling of new images reaches.
        background: what to do with predictions that never use label 0 (made without a foreground stage): "auto"
            declares the part that covers most annotated background to be the background, and nothing where label
            0 occurs; "largest" declares it in any case, "none" never, a number declares that part.
        background_class: the background is matched and averaged like any part (STEGO, Leopart).
        ignore_unlabelled: leave out pixels annotated as background.
        partial_annotation: the annotation does not cover the object, so the foreground IoU is not reported.
        foreground_only: the annotation has one label, the whole object: only the IoUs of foreground and
            background are reported.

    Raises:
        ConfigError: if an argument has an unusable value.

    >>> evaluator = PartEvaluator(num_parts=2, part_names=["head", "body"])
    >>> target = np.array([[0, 1, 1], [0, 2, 2]])
    >>> evaluator.update((3 - target) % 3, target)
    >>> evaluator.compute().part_miou
    1.0
    """

    def __init__(
        self,
        num_parts: int | Mapping[str, int],
        part_names: Sequence[str] | None = None,
        *,
        assignment: str = "one-to-one",
        by: str | None = None,
        scope: str = "dataset",
        background: str | int = "auto",
        background_class: bool = False,
        ignore_unlabelled: bool = False,
        partial_annotation: bool = False,
        foreground_only: bool = False,
    ) -> None:
        self.num_parts = _counts(num_parts)
        self.part_names = PartNames(part_names or [""] * self.highest_part)
        self.rule = MatchRule(assignment, by, "none", background_class)
        self.scope = scope
        self.background = background
        self.ignore_unlabelled = ignore_unlabelled
        self.partial_annotation = partial_annotation
        self.foreground_only = foreground_only
        self._check()
        self.reset()

    def _check(self) -> None:
        if not 1 <= self.highest_part <= MAX_PARTS or len(self.part_names) > MAX_PARTS:
            raise ConfigError(
                f"Expected 1..{MAX_PARTS} parts on both sides, but got {self.num_parts} discovered and "
                f"{len(self.part_names)} annotated ones."
            )
        if self.scope not in SCOPES:
            raise ConfigError(f"Expected a scope of {', '.join(SCOPES)}, but got {self.scope!r}.")
        if isinstance(self.num_parts, dict) and self.scope != "category":
            raise ConfigError(
                f"Expected scope 'category' where categories have a number of parts of their own, but got "
                f"{self.scope!r}."
            )
        if self.background not in ("auto", "none", "largest") and not (
            isinstance(self.background, int) and 1 <= self.background <= self.highest_part
        ):
            raise ConfigError(
                f"Expected background auto, none, largest or a part 1..{self.highest_part}, but got "
                f"{self.background!r}."
            )

    @property
    def highest_part(self) -> int:
        """The largest K of all categories."""
        return max(self.num_parts.values(), default=0) if isinstance(self.num_parts, dict) else self.num_parts

    def reset(self) -> None:
        """Forget all images."""
        self.tables = ImageTables((self.highest_part + 1, len(self.part_names) + 1))

    def update(
        self,
        predicted: Labels,
        target: Labels,
        *,
        image_id: str | Sequence[str] | None = None,
        category: str | Sequence[str | None] | None = None,
        unit: str | Sequence[str | None] | None = None,
    ) -> None:
        """Count one image (H, W) or a batch (B, H, W).

        Args:
            predicted: whole numbers 0..K; 255 counts as background.
            target: whole numbers 0..P, 255 left out.
            image_id: one for each image; an image of a known id is refused.
            category: class or super-category, for scope "category".
            unit: sampling unit, for the bootstrap.

        Raises:
            DataError: if shapes differ, a label is out of range, or an image comes twice; the image is named.
        """
        predicted, target = as_labels(predicted, "predicted labels"), as_labels(target, "annotated labels")
        if predicted.ndim != 3:
            predicted, target = predicted[None], target[None]
        size, annotated = len(predicted), len(target) if target.ndim else 0
        if annotated != size:
            raise DataError(
                f"Expected as many annotated as predicted images, but got {annotated} and {size}."
            )
        ids, categories, units = (
            _each(name, value, size)
            for name, value in (("image_id", image_id), ("category", category), ("unit", unit))
        )
        for image in zip(predicted, target, ids, categories, units, strict=True):
            self._update(*image)

    def _update(
        self, predicted: Labels, target: Labels, image_id: str | None, category: str | None, unit: str | None
    ) -> None:
        try:
            table = contingency_table(
                predicted,
                target,
                self.parts_of(category),
                len(self.part_names),
                ignore_unlabelled=self.ignore_unlabelled,
            )
        except DataError as error:
            raise DataError(f"{'' if image_id is None else f'Image {image_id!r}: '}{error}") from error
        padded = np.zeros(self.tables.shape, np.int64)
        padded[: len(table)] = table
        self.tables.add(padded, image_id, category, unit)

    def parts_of(self, category: str | None) -> int:
        """K, of a category where categories have a K of their own.

        Raises:
            DataError: if such a category is not known.
        """
        if not isinstance(self.num_parts, dict):
            return self.num_parts
        if category not in self.num_parts:
            raise DataError(f"Expected a category of {', '.join(self.num_parts)}, but got {category!r}.")
        return self.num_parts[category]

    def merge(self, other: PartEvaluator) -> None:
        """Add the images of another evaluator with the same settings.

        Raises:
            ConfigError: if it is none, or the settings differ.
            DataError: if both counted the same image.
        """
        if not isinstance(other, PartEvaluator):
            raise ConfigError(f"Expected a PartEvaluator, but got {type(other).__name__}.")
        mine, theirs = ({k: v for k, v in vars(e).items() if k != "tables"} for e in (self, other))
        differing = [name for name in mine if mine[name] != theirs[name]]
        if differing:
            raise ConfigError(f"Expected evaluators with equal settings, but {', '.join(differing)} differ.")
        self.tables.extend(other.tables)

    def like(self, num_parts: int | None = None) -> PartEvaluator:
        """An empty evaluator with the same settings, and with another number of discovered parts if given."""
        other = copy.copy(self)
        if num_parts is not None:
            other.num_parts, other.background = _counts(num_parts), "auto"
            other._check()
        other.reset()
        return other

    def subset(self, image_ids: Collection[str]) -> PartEvaluator:
        """An evaluator with the same settings that has counted only some of the images."""
        other = self.like()
        other.tables = self.tables.subset(image_ids)
        return other

    def resolved_rule(self) -> MatchRule:
        """The rule with background "auto" decided: declare one if label 0 never occurs."""
        if self.background != "auto":
            return replace(self.rule, background=self.background)
        used = self.tables.total()[0].any()
        return replace(self.rule, background="none" if used or self.rule.background_class else "largest")

    @property
    def score_names(self) -> tuple[str, ...]:
        """The scores that these settings report."""
        if self.foreground_only:
            return ("foreground_iou", "background_iou")
        names = [name for name in SCORES if name != "foreground_iou" or not self.partial_annotation]
        return (*names, "class_miou") if self.rule.background_class else tuple(names)

    def score(
        self, matchings: Mapping[str, Matching] | None = None
    ) -> tuple[list[str], np.ndarray, GroupedScores]:
        """Match and score every group of images.

        Returns:
            names of the groups, the group of every image, their scores.

        Raises:
            DataError: if no image was counted, or a group has no matching.
        """
        if not len(self.tables):
            raise DataError("Expected at least one image, but none was counted; call update first.")
        names, groups = group_images(self.tables, self.scope)
        rule = self.resolved_rule()
        return names, groups, score_groups(self.tables, names, groups, rule, matchings, self.score_names)

    def compute(
        self, matchings: Mapping[str, Matching] | None = None, *, fitted_on: str | None = None
    ) -> EvaluationResult:
        """All scores of what was counted so far.

        Args:
            matchings: group -> a matching fitted elsewhere; default: fitted here.
            fitted_on: where such matchings come from, for the record.

        Raises:
            DataError: if no image was counted, or a group has no matching.
        """
        names, groups, grouped = self.score(matchings)
        rule = self.resolved_rule()
        table = None if isinstance(self.num_parts, dict) else self.tables.total()
        return EvaluationResult(
            scores={name: float(value) for name, value in mean_over_groups(grouped.scores).items()},
            per_part=part_scores(grouped.confusion, grouped.matchings.values(), self.part_names),
            matchings=grouped.matchings,
            table=table,
            pooled={}
            if table is None or self.foreground_only
            else {name: float(score(table)) for name, score in UNMATCHED.items()},
            rule=rule,
            scope=self.scope,
            num_images=len(self.tables),
            num_parts=self.highest_part,
            fitted_on=fitted_on or "this split",
            groups=group_scores(names, groups, grouped.scores) if self.scope == "category" else {},
            notes=result_notes(self, rule, grouped.matchings.values()),
        )


def _counts(num_parts: int | Mapping[str, int]) -> int | dict[str, int]:
    """K, or that of each category, as plain numbers; `_check` says which can be."""
    if isinstance(num_parts, Mapping):
        return {name: check_count(f"num_parts of {name}", count, None) for name, count in num_parts.items()}
    return check_count("num_parts", num_parts, None)


def _each(name: str, value: str | Sequence[str | None] | None, size: int) -> list[str | None]:
    """One value for each image of a batch."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value] * size
    values = list(value)
    if len(values) != size:
        raise DataError(f"Expected one {name} for each of {size} images, but got {len(values)}.")
    return values
