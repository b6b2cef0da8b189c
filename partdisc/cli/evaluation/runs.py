"""Evaluates runs one after the other, writes what was found, and sets them beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from partdisc.cli.evaluation.plan import Plan
from partdisc.cli.evaluation.prediction import Prediction
from partdisc.cli.evaluation.scoring import Scored, Scoring
from partdisc.data.annotations import AnnotationSet, read_annotations
from partdisc.errors import ConfigError
from partdisc.metrics.intervals import paired_bootstrap
from partdisc.metrics.output import load_matchings, write_evaluation
from partdisc.metrics.report import comparison_table, summary_line
from partdisc.metrics.result import EvaluationResult
from partdisc.store import files


def evaluate_runs(
    runs: Sequence[Path],
    annotations: str,
    *,
    plan: Mapping[str, Any],
    reading: Mapping[str, Any],
    matching: str | None = None,
    against: str | None = None,
    together: bool = False,
    out: str | None = None,
    command: str = "",
    verbosity: int = 1,
) -> Iterator[str]:
    """Evaluate runs against one annotated set.

    Args:
        runs: run directories or folders of masks.
        annotations: path of the annotated set.
        plan: fields of `Plan`.
        reading: options of `read_annotations`.
        matching: matching.json of another split.
        against: a run that the first is compared with.
        together: the runs are one prediction, each run some of the categories.
        out: where results go; default: `evaluation` in each run.
        command: for the record.
        verbosity: 0 shows no progress.

    Yields:
        one line for each run as soon as it is scored, and a table at the end if there are several.
    """
    how = Plan(**plan)
    predictions = _open(runs, together)
    places = [Path(out)] if together and out is not None else places_of(runs, out)
    truth = read_annotations(annotations, **{"overlap": how.rules.overlap, **reading})
    images = Path(reading["images"]) if reading.get("images") else None
    results: dict[str, EvaluationResult] = {}
    for prediction, place in zip(predictions, places, strict=True):
        scoring = Scoring(prediction, truth, how, images=images, verbosity=verbosity)
        given = (
            load_matchings(matching, scoring.evaluator.part_names, scoring.evaluator.scope)
            if matching
            else None
        )
        scored = scoring.run(given, matching)
        if against is not None:
            scored.result.against = _against(scored, Path(against), truth, how, images, verbosity)
        _write(place, prediction, scored, truth, command)
        results[prediction.name] = scored.result
        yield f"{summary_line(prediction.name, scored.result)}; see {place / 'report.md'}"
    if len(results) > 1:
        table = comparison_table(results)
        if out is not None:
            files.write_text(Path(out) / "comparison.md", f"```\n{command}\n```\n\n{table}\n")
        yield f"\n{table}"


def _open(runs: Sequence[Path], together: bool) -> list[Prediction]:
    if len(set(runs)) < len(runs):
        raise ConfigError("Expected every RUN once, but one is named twice.")
    return [Prediction.open(*runs)] if together else [Prediction.open(folder) for folder in runs]


def places_of(runs: Sequence[Path], out: str | None) -> list[Path]:
    """Where the results of each run go.

    Raises:
        ConfigError: if several would go to one place.
    """
    if out is None:
        return [(run.parent if run.name == "parts" else run) / "evaluation" for run in runs]
    if len(runs) == 1:
        return [Path(out)]
    places = [Path(out) / run.resolve().name for run in runs]
    if len(set(places)) < len(places):
        raise ConfigError("Expected RUNs with different names to be written below one --out.")
    return places


def _against(
    scored: Scored, folder: Path, truth: AnnotationSet, plan: Plan, images: Path | None, verbosity: int
) -> dict[str, Any]:
    """Paired differences from another run on the images that both share with the annotation."""
    if not plan.bootstrap:
        raise ConfigError("Expected --bootstrap draws above 0 with --against.")
    other = Scoring(Prediction.open(folder), truth, plan, images=images, verbosity=verbosity)
    evaluator = other.run_alone()
    common = set(map(str, scored.evaluator.tables.ids)) & set(map(str, evaluator.tables.ids))
    if not common:
        raise ConfigError(f"{folder} and the run share no annotated image; they cannot be compared.")
    found = paired_bootstrap(
        scored.evaluator.subset(common),
        evaluator.subset(common),
        plan.bootstrap,
        seed=plan.seed,
        by_unit=plan.unit == "declared",
    )
    return {
        "run": str(folder),
        "num_images": len(common),
        "scores": {name: {**vars(item), "clear": item.clear} for name, item in found.items()},
    }


def _write(place: Path, prediction: Prediction, scored: Scored, truth: AnnotationSet, command: str) -> None:
    write_evaluation(
        place,
        scored.evaluator,
        scored.result,
        title=prediction.name,
        command=command,
        part_names=prediction.part_names,
        source=scored.source,
        details={"quirks": truth.report.to_json()},
        run_ids=scored.run_ids,
    )
