"""Scores one prediction: pairs its images with the annotation's, reads both, hands them to the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.cli.evaluation.plan import Plan
from partdisc.cli.evaluation.prediction import Prediction
from partdisc.data.annotations import AnnotatedImage, AnnotationSet, Keypoints
from partdisc.data.decoding import decode_image
from partdisc.data.remote import to_url
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.assessment import Assessment, Sample
from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.landmarks import LandmarkAssessment, LandmarkSample
from partdisc.metrics.matching import Matching
from partdisc.metrics.pairing import Pairing, pair_images
from partdisc.metrics.result import EvaluationResult
from partdisc.parts import PartMaps
from partdisc.progress import Progress
from partdisc.store.masks import MaskEntry


@dataclass
class Scored:
    """What was found for one prediction.

    Attributes:
        evaluator: with the tables of all images.
        result: all scores.
        source: facts for the report.
        run_ids: annotated image id -> id in the run.
    """

    evaluator: PartEvaluator
    result: EvaluationResult
    source: dict[str, Any]
    run_ids: dict[str, str] = field(default_factory=dict)


class Scoring:
    """Scores one prediction against an annotated set by a plan.

    Args:
        prediction: masks and, if kept, soft maps.
        annotations: an annotated set.
        plan: how.
        images: where the images are, for the colour control; default: where annotation or run say.
        verbosity: 0 shows no progress.
        pairing: which image is which, where it is known already.
    """

    def __init__(
        self,
        prediction: Prediction,
        annotations: AnnotationSet,
        plan: Plan,
        *,
        images: Path | None = None,
        verbosity: int = 1,
        pairing: Pairing | None = None,
    ) -> None:
        self.prediction, self.annotations, self.plan = prediction, annotations, plan
        self.images, self.verbosity = images, verbosity
        self.entries = prediction.entries
        self.scope = plan.scope_for(annotations)
        self.pairing = pairing or pair_images(
            [entry.id for _, entry in self.entries], [image.id for image in annotations.images]
        )
        self.pairs = self.pairing.pairs[: plan.limit]
        self.unreadable: list[str] = []
        self.assessment: Assessment | None = None
        self.landmarks: LandmarkAssessment | None = None
        self.evaluator = self._evaluator()

    def _evaluator(self) -> PartEvaluator:
        plan, rule, masks = self.plan, self.plan.match_rule, self.annotations.has_masks
        if masks and not self.annotations.num_parts:
            raise DataError(f"{self.annotations.path} declares no parts; there is nothing to score.")
        scope = "category" if self.scope == "class" else self.scope
        return PartEvaluator(
            self._num_parts(),
            self.annotations.part_names if masks else ["object"],
            assignment=rule.assignment,
            by=rule.by,
            scope=scope,
            background=plan.background,
            background_class=rule.background_class and masks,
            ignore_unlabelled=plan.ignore_unlabelled and masks,
            partial_annotation=plan.partial_annotation and masks,
            foreground_only=not masks,
        )

    def _num_parts(self) -> int | dict[str, int]:
        """K; where several runs are scored together, the K of each category, found in one run alone."""
        if len(self.prediction.sets) == 1:
            return self.prediction.sets[0].num_parts
        if self.scope not in ("category", "class"):
            raise ConfigError(
                f"Expected the scope 'category' for several runs scored together, but got {self.scope!r}."
            )
        found: dict[str, int] = {}
        for r, a in self.pairs:
            category, number = self._category(self.annotations.images[a]), self.entries[r][0]
            if category is not None and found.setdefault(category, number) != number:
                raise ConfigError(
                    f"Expected each category in one of the runs scored together, but {category!r} of "
                    f"{self.annotations.images[a].id!r} is in several. Folders of classes need --scope class."
                )
        return {category: self.prediction.sets[number].num_parts for category, number in found.items()}

    def _category(self, image: AnnotatedImage) -> str | None:
        if self.scope == "class" or image.super_category is None:
            return image.category
        return image.super_category

    def run(self, matchings: Mapping[str, Matching] | None = None, fitted_on: str | None = None) -> Scored:
        """Score all images.

        Raises:
            DataError: if no image can be scored, or sizes differ; the image is named.
        """
        run_ids = self._add_all()
        return Scored(self.evaluator, self._result(matchings, fitted_on), self._source(), run_ids)

    def run_alone(self) -> PartEvaluator:
        """Count all images without controls; for comparisons."""
        self.plan = replace(self.plan, controls=False)
        self._add_all()
        return self.evaluator

    def _add_all(self) -> dict[str, str]:
        """Add every shared image; {annotated image id: id in the run}."""
        run_ids = {}
        with Progress("evaluation", len(self.pairs), verbosity=self.verbosity) as progress:
            for r, a in self.pairs:
                number, entry = self.entries[r]
                image = self.annotations.images[a]
                run_ids[image.id] = entry.id
                self._add(number, entry, image)
                progress.advance()
        return run_ids

    def _add(self, number: int, entry: MaskEntry, image: AnnotatedImage) -> None:
        maps = self.prediction.maps[number].get(entry.id)
        try:
            target, points = self._target(image), self.annotations.keypoints(image)
        except DataError as error:  # the annotation's fault: counted, left out; a damaged run is an error
            self.unreadable.append(str(error))
            return
        labels = self.prediction.sets[number].labels(entry)
        if target is not None:
            if self.assessment is None:
                self.assessment = Assessment(
                    self.evaluator, self.plan.rules, controls=self.plan.controls, seed=self.plan.seed
                )
            self.assessment.add(
                Sample(
                    image.id,
                    labels,
                    target,
                    maps,
                    self._category(image),
                    image.unit,
                    self._image_loader(number, entry, image),
                )
            )
        if points is not None:
            self._add_points(image, labels, maps, points, target)

    def _add_points(
        self,
        image: AnnotatedImage,
        labels: np.ndarray,
        maps: PartMaps | None,
        points: Keypoints,
        target: np.ndarray | None,
    ) -> None:
        if self.landmarks is None:
            self.landmarks = LandmarkAssessment(self.evaluator.highest_part, points.names, self.plan.rules)
        outline = (
            None if self.annotations.has_masks else target
        )  # a union of parts is no outline of the object
        self.landmarks.add(
            LandmarkSample(
                image.id,
                labels,
                points.xy,
                points.visible,
                maps,
                points.box,
                outline,
                image.split,
                image.unit,
            )
        )

    def _target(self, image: AnnotatedImage) -> np.ndarray | None:
        if self.annotations.has_masks:
            return self.annotations.labels(image)
        foreground = self.annotations.foreground(image)
        return None if foreground is None else foreground.astype(np.uint8)

    def _image_loader(
        self, number: int, entry: MaskEntry, image: AnnotatedImage
    ) -> Callable[[], np.ndarray | None]:
        def load() -> np.ndarray | None:
            for path in self._image_paths(number, entry, image):
                if path.is_file() or to_url(path):
                    return decode_image(path)
            return None

        return load

    def _image_paths(self, number: int, entry: MaskEntry, image: AnnotatedImage) -> Iterator[Path]:
        if self.images is not None:
            yield from (self.images / image.file_name, self.images / entry.id)
        annotated = self.annotations.image_path(image)
        if annotated is not None:
            yield annotated
        yield self.prediction.sets[number].image_path(entry)

    def _result(self, matchings: Mapping[str, Matching] | None, fitted_on: str | None) -> EvaluationResult:
        if self.assessment is not None:
            draws, by_unit = self.plan.bootstrap, self.plan.unit == "declared"
            result = self.assessment.result(matchings, fitted_on=fitted_on, draws=draws, by_unit=by_unit)
            if not any(part.pixels for part in result.per_part):
                raise DataError(
                    f"Expected parts in the annotation, but {self.annotations.path} has none on the "
                    f"{result.num_images} images that the run shares with it."
                )
        elif self.landmarks is not None:
            num_parts = self.evaluator.highest_part
            result = EvaluationResult.without_masks(num_parts=num_parts, protocol=self.plan.protocol)
        else:
            reason = self.unreadable[0] if self.unreadable else "Nothing is annotated on them."
            raise DataError(f"None of the {len(self.pairs)} shared images can be scored. {reason}")
        if self.landmarks is not None:
            result.keypoints = self.landmarks.result()
            result.num_images = max(result.num_images, len(self.landmarks.samples))
        result.notes += self._notes()
        return result

    def _notes(self) -> list[str]:
        rules, rule, notes = self.plan.rules, self.plan.match_rule, []
        if (rule.assignment, rule.by) != (rules.assignment, rules.by):
            notes.append(
                f"The matching was asked for on the command line; protocol {rules.name} has another."
            )
        notes += [f"The run is not finished: {run}." for run in self.prediction.unfinished]
        if self.unreadable:
            notes.append(
                f"{len(self.unreadable)} annotated images could not be read and were left out, first: "
                f"{self.unreadable[0]}"
            )
        if self.pairing.ambiguous:
            notes.append(
                f"{self.pairing.ambiguous} annotated images share their file name with several others and were "
                "left out."
            )
        return notes + [f"Annotation: {line}" for line in self.annotations.report.lines()]

    def _source(self) -> dict[str, Any]:
        pairing: Pairing = self.pairing
        return {
            "run": self.prediction.name,
            "annotation": str(self.annotations.path),
            "format": getattr(self.annotations, "source", self.annotations).format,
            "overlaps painted": self.annotations.overlap,
            "images shared": len(pairing.pairs),
            "annotated images without prediction": len(pairing.annotated_only),
            "predicted images without annotation": len(pairing.run_only),
            "annotated images that could not be read": len(self.unreadable),
        }
