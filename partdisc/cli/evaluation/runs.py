"""Evaluates runs one after the other, writes what was found, and sets them beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from partdisc.cli.evaluation.members import evaluate_members
from partdisc.cli.evaluation.plan import Plan
from partdisc.cli.evaluation.prediction import Prediction
from partdisc.cli.evaluation.scorer import RunScorer
from partdisc.data.annotations import read_annotations
from partdisc.errors import ConfigError
from partdisc.metrics.report import comparison_table, summary_line
from partdisc.metrics.result import EvaluationResult
from partdisc.store import files
from partdisc.store.collection import is_collection, members_of


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
        runs: run directories, folders of masks, or collections, whose members are scored one by one.
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
        one line for each run as soon as it is scored, a table of each collection's members, and one of all runs if
        there are several.
    """
    how = Plan(**plan)
    places = _places_together(runs, out) if together else places_of(runs, out)
    truth = read_annotations(annotations, **{"overlap": how.rules.overlap, **reading})
    images = Path(reading["images"]) if reading.get("images") else None
    scorer = RunScorer(truth, how, images, matching, against, command, verbosity)
    results: dict[str, EvaluationResult] = {}
    for group, place in zip([list(runs)] if together else [[run] for run in runs], places, strict=True):
        if not together and is_collection(group[0]):
            name, result = yield from evaluate_members(scorer, group[0], place, within=out is not None)
        else:
            prediction = Prediction.open(*members_of(group), name=" + ".join(map(str, group)))
            name, result = prediction.name, scorer.score(prediction, place)
            yield f"{summary_line(name, result)}; see {place / 'report.md'}"
        results[name] = result
    if len(results) > 1:
        table = comparison_table(results)
        if out is not None:
            files.write_text(Path(out) / "comparison.md", f"```\n{command}\n```\n\n{table}\n")
        yield f"\n{table}"


def _places_together(runs: Sequence[Path], out: str | None) -> list[Path]:
    """Where the results of several runs go that are one prediction."""
    if len(runs) == 1 and not is_collection(runs[0]):
        raise ConfigError("Expected several RUNs with --together, one for each category, but got one.")
    if len(runs) > 1 and out is None:
        raise ConfigError("Expected --out DIR with --together: the scores belong to no single run.")
    return places_of(runs, None) if out is None else [Path(out)]


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
