"""Evaluates a collection: each member by itself, then a table of all with their mean."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path

from partdisc.cli.evaluation.prediction import Prediction
from partdisc.cli.evaluation.scorer import RunScorer
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.averaging import mean_result
from partdisc.metrics.pairing import pair_groups
from partdisc.metrics.report import comparison_table, summary_line
from partdisc.metrics.result import EvaluationResult
from partdisc.store import files
from partdisc.store.collection import members_of

SCHEMA = "partdisc/member-metrics"
VERSION = 1


def evaluate_members(
    scorer: RunScorer, folder: Path, place: Path, *, within: bool
) -> Generator[str, None, tuple[str, EvaluationResult]]:
    """Score each member of a collection with a matching of its own.

    Args:
        scorer: of the annotated set.
        folder: the collection.
        place: where members.md and members.json go.
        within: whether each member's results go to its own folder in `place`, else to `evaluation` in the member.

    Yields:
        one line for each member as soon as it is scored, and a table.

    Returns:
        A name for the collection's row, and the unweighted mean over the members.

    Raises:
        DataError: if no member can be scored.
        ConfigError: if one matching is given for all.
    """
    if scorer.matching:
        raise ConfigError(f"Expected --matching with one run, but {folder} holds several: name one of these.")
    predictions = {run.name: Prediction.open(run) for run in members_of([folder])}
    ids = {name: [entry.id for _, entry in found.entries] for name, found in predictions.items()}
    pairings = pair_groups(ids, [image.id for image in scorer.truth.images])
    results: dict[str, EvaluationResult] = {}
    left_out: dict[str, str] = {}
    for name, prediction in predictions.items():
        own = place / name if within else folder / name / "evaluation"
        try:
            if not pairings[name].pairs:
                raise DataError("None of its images is annotated.")
            results[name] = scorer.score(prediction, own, pairings[name])
        except DataError as error:
            left_out[name] = str(error)
            yield f"{prediction.name}: left out. {error}"
        else:
            yield f"{summary_line(prediction.name, results[name])}; see {own / 'report.md'}"
    if not results:
        raise DataError(f"None of the {len(left_out)} runs in {folder} can be scored.")
    mean = mean_result(list(results.values()))
    title = f"mean of {len(results)}"
    table = comparison_table({**results, title: mean}, controls_of=mean)
    _write(place, scorer.command, table, results, mean, left_out)
    yield f"\n{table}\n"
    return f"{folder} ({title})", mean


def _write(
    place: Path,
    command: str,
    table: str,
    results: Mapping[str, EvaluationResult],
    mean: EvaluationResult,
    left_out: Mapping[str, str],
) -> None:
    lines = "".join(f"\n- {name} is left out: {reason}" for name, reason in left_out.items())
    files.write_text(place / "members.md", f"```\n{command}\n```\n\n{table}\n{lines}\n")
    content = {
        "command": command,
        "protocol": mean.protocol,
        "scope": mean.scope,
        "mean": mean.scores,
        "controls": mean.controls,
        "num_images": mean.num_images,
        "members": {
            name: {**result.scores, "num_images": result.num_images, "num_parts": result.num_parts}
            for name, result in results.items()
        },
        "left_out": dict(left_out),
    }
    files.write_json(place / "members.json", content, schema=SCHEMA, version=VERSION)
