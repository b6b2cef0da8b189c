"""One evaluation from end to end: a protocol's view of every image, the run's scores, controls and intervals.

It knows nothing of runs or formats on disk: whoever has predictions and an annotation hands in samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from partdisc.errors import DataError
from partdisc.metrics import controls as C
from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.intervals import LEVEL, bootstrap
from partdisc.metrics.matching import Matching
from partdisc.metrics.protocols import PROTOCOLS, EvaluationProtocol
from partdisc.metrics.result import EvaluationResult
from partdisc.parts import PartMaps

LoadImage = Callable[[], np.ndarray | None]


@dataclass(frozen=True)
class Sample:
    """One image with its prediction and its annotation.

    Attributes:
        image_id: names the image in messages and files.
        labels: predicted labels 0..K or 255, (H, W).
        target: annotated labels 0..P or 255, (H, W).
        maps: soft maps of the prediction, if they were kept.
        category: for scope "category".
        unit: sampling unit for intervals.
        image: gives uint8 RGB (H, W, 3), or None where the file is not there; asked only for controls.
    """

    image_id: str
    labels: np.ndarray
    target: np.ndarray
    maps: PartMaps | None = None
    category: str | None = None
    unit: str | None = None
    image: LoadImage | None = None


class Assessment:
    """Scores samples one by one, and beside the run the controls.

    Args:
        evaluator: holds the settings and counts the run's own labels.
        protocol: how images, predictions and annotations are seen.
        controls: also score what knows nothing of parts.
        seed: of the controls and the bootstrap.
    """

    def __init__(
        self,
        evaluator: PartEvaluator,
        protocol: EvaluationProtocol = PROTOCOLS["partdisc"],
        *,
        controls: bool = True,
        seed: int = 0,
    ) -> None:
        self.evaluator, self.protocol, self.seed = evaluator, protocol, seed
        num_targets = len(evaluator.part_names)
        self.controls: dict[str, PartEvaluator] = {}
        self.left_out: dict[str, str] = {}
        self.num_without_maps = 0
        if controls:
            self.controls = {
                name: evaluator.like(num_targets if name == "resolution_ceiling" else None)
                for name in C.CONTROLS
            }

    def add(self, sample: Sample) -> None:
        """Count one sample.

        Raises:
            DataError: if sizes differ or a label is out of range; the image is named.
        """
        check_sizes(sample)
        self.num_without_maps += sample.maps is None
        target = self.protocol.annotated(sample.target)
        self._count(self.evaluator, sample, self.protocol.predicted(sample.labels, sample.maps), target)
        for name in list(self.controls):
            labels = self._control_labels(name, sample)
            if isinstance(labels, str):
                self.left_out[name] = labels
                del self.controls[name]
            else:
                self._count(self.controls[name], sample, self.protocol.annotated(labels), target)

    def _count(
        self, evaluator: PartEvaluator, sample: Sample, labels: np.ndarray, target: np.ndarray
    ) -> None:
        evaluator.update(labels, target, image_id=sample.image_id, category=sample.category, unit=sample.unit)

    def _control_labels(self, name: str, sample: Sample) -> np.ndarray | str:
        """Labels of a control, or why there are none."""
        size, num_parts = sample.target.shape, self.evaluator.parts_of(sample.category)
        seed = C.image_seed(self.seed, sample.image_id)
        if name == "grid":
            return C.grid_labels(size, num_parts)
        if name == "random_patches":
            return C.patch_labels(size, num_parts, seed)
        if name == "grid_in_foreground":
            return C.foreground_grid_labels(sample.labels, num_parts)
        if name == "resolution_ceiling":
            if sample.maps is None:
                return "the run keeps no soft maps, so the resolution of its method is not known"
            return C.ceiling_labels(sample.target, sample.maps.maps.shape[1:], sample.maps.content)
        image = sample.image() if sample.image is not None else None
        if image is None:
            return f"the image {sample.image_id} is not there; say where with --images"
        if image.shape[:2] != size:
            return f"the image {sample.image_id} is not of its annotation's size"
        return C.color_labels(image, num_parts, seed)

    def result(
        self,
        matchings: Mapping[str, Matching] | None = None,
        *,
        fitted_on: str | None = None,
        draws: int = 0,
        by_unit: bool = True,
    ) -> EvaluationResult:
        """Scores, controls and intervals of all samples so far.

        Args:
            matchings: group -> a matching fitted elsewhere; controls are always matched on these samples.
            fitted_on: where such matchings come from.
            draws: of the bootstrap; 0 for no intervals.
            by_unit: draw declared sampling units instead of images.
        """
        result = self.evaluator.compute(matchings, fitted_on=fitted_on)
        result.protocol = self.protocol.name
        result.controls = self._control_scores()
        result.notes += self._protocol_notes()
        if draws:
            try:
                drawn = bootstrap(self.evaluator, draws, seed=self.seed, by_unit=by_unit, matchings=matchings)
            except DataError as error:
                result.notes.append(f"No confidence intervals: {error}")
            else:
                result.intervals = drawn.intervals()
                result.resampling = {
                    "draws": draws,
                    "seed": self.seed,
                    "by": drawn.by,
                    "num_units": drawn.num_units,
                    "level": LEVEL,
                }
        return result

    def _control_scores(self) -> dict[str, dict[str, float] | str]:
        rule = self.evaluator.resolved_rule()
        scores: dict[str, dict[str, float] | str] = dict(self.left_out)
        for name, evaluator in self.controls.items():
            own = name in ("resolution_ceiling", "grid_in_foreground")  # these use label 0 themselves
            evaluator.background = "none" if own or rule.background == "none" else "largest"
            scores[name] = evaluator.compute().scores
        if rule.background != "none" and "grid_in_foreground" in scores:
            scores["grid_in_foreground"] = "the run has no background of its own"
        return {name: scores[name] for name in C.CONTROLS if name in scores}

    def _protocol_notes(self) -> list[str]:
        notes = [f"Protocol {self.protocol.name}: {text}." for text in self.protocol.unknown]
        if self.protocol.needs_maps and self.num_without_maps:
            notes.append(
                f"{self.num_without_maps} images have no soft maps; their hard masks were resampled instead."
            )
        return notes


def check_sizes(sample: Sample) -> None:
    """Check that prediction and annotation are of one size.

    Raises:
        DataError: naming the image, and the likely reason where the sides are swapped.
    """
    predicted, annotated = sample.labels.shape, sample.target.shape
    if predicted != annotated:
        swapped = ", sides swapped: one of them is turned by the image's EXIF orientation, the other is not"
        raise DataError(
            f"Image {sample.image_id!r}: expected prediction and annotation of one size, but got "
            f"{predicted[1]} x {predicted[0]} and {annotated[1]} x {annotated[0]} pixels"
            f"{swapped if predicted == annotated[::-1] else ''}."
        )
    if sample.maps is not None and tuple(sample.maps.size) != predicted:
        raise DataError(
            f"Image {sample.image_id!r}: the soft maps are of an image of {sample.maps.size[1]} x "
            f"{sample.maps.size[0]} pixels, but its mask is {predicted[1]} x {predicted[0]}."
        )
