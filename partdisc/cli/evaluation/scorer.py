"""Scores one prediction after the other against one annotated set, and writes what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partdisc.cli.evaluation.plan import Plan
from partdisc.cli.evaluation.prediction import Prediction
from partdisc.cli.evaluation.scoring import Scored, Scoring
from partdisc.data.annotations import AnnotationSet
from partdisc.errors import ConfigError
from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.intervals import paired_bootstrap
from partdisc.metrics.output import load_matchings, write_evaluation
from partdisc.metrics.pairing import Pairing
from partdisc.metrics.result import EvaluationResult
from partdisc.store.collection import members_of


@dataclass
class RunScorer:
    """What all predictions of one command share.

    Attributes:
        truth: the annotated set.
        plan: how to score.
        images: where the images are, or None for where annotation or run say.
        matching: matching.json of another split, or None.
        against: a run, or a collection, that is compared with.
        command: for the record.
        verbosity: 0 shows no progress.
    """

    truth: AnnotationSet
    plan: Plan
    images: Path | None = None
    matching: str | None = None
    against: str | None = None
    command: str = ""
    verbosity: int = 1
    _other: PartEvaluator | None = field(default=None, init=False, repr=False)

    def score(self, prediction: Prediction, place: Path, pairing: Pairing | None = None) -> EvaluationResult:
        """Score one prediction and write the files of its evaluation to `place`.

        Raises:
            DataError: if nothing of it can be scored.
            ConfigError: if matching or the run to compare with do not fit.
        """
        scoring = self._scoring(prediction, pairing)
        evaluator = scoring.evaluator
        given = None
        if self.matching:
            given = load_matchings(self.matching, evaluator.part_names, evaluator.scope)
        other = None if self.against is None else self._count_other(Path(self.against))
        scored = scoring.run(given, self.matching)
        if other is not None:
            scored.result.against = self._against(scored, other)
        write_evaluation(
            place,
            scored.evaluator,
            scored.result,
            title=prediction.name,
            command=self.command,
            part_names=prediction.part_names,
            source=scored.source,
            details={"quirks": self.truth.report.to_json()},
            run_ids=scored.run_ids,
        )
        return scored.result

    def _scoring(self, prediction: Prediction, pairing: Pairing | None = None) -> Scoring:
        return Scoring(
            prediction, self.truth, self.plan, images=self.images, verbosity=self.verbosity, pairing=pairing
        )

    def _count_other(self, folder: Path) -> PartEvaluator:
        """The run to compare with, counted once; before the other, so that a wrong name is told at once."""
        if not self.plan.bootstrap:
            raise ConfigError("Expected --bootstrap draws above 0 with --against.")
        if self._other is None:
            self._other = self._scoring(Prediction.open(*members_of([folder]), name=str(folder))).run_alone()
        return self._other

    def _against(self, scored: Scored, other: PartEvaluator) -> dict[str, Any]:
        """Paired differences from another run on the images that both share with the annotation."""
        plan = self.plan
        common = set(map(str, scored.evaluator.tables.ids)) & set(map(str, other.tables.ids))
        if not common:
            raise ConfigError(
                f"{self.against} and the run share no annotated image; they cannot be compared."
            )
        found = paired_bootstrap(
            scored.evaluator.subset(common),
            other.subset(common),
            plan.bootstrap,
            seed=plan.seed,
            by_unit=plan.unit == "declared",
        )
        return {
            "run": str(Path(self.against or "")),
            "num_images": len(common),
            "scores": {name: {**vars(item), "clear": item.clear} for name, item in found.items()},
        }
