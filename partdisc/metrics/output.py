"""The files of one evaluation: metrics.json, matching.json, confusion.csv, per_part.csv, per_image.csv, report.md."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.errors import ConfigError
from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.grouping import group_images
from partdisc.metrics.matching import Matching
from partdisc.metrics.report import report_text
from partdisc.metrics.result import EvaluationResult
from partdisc.metrics.scoring import CHUNK, score_tables, targets_of
from partdisc.parts import PartNames
from partdisc.store import files
from partdisc.store.matching import GroupMatching, MatchingRecord, read_matching, write_matching

SCHEMA = "partdisc/metrics"
VERSION = 1
PER_PART = ("id", "name", "matched", "iou", "precision", "recall", "accuracy", "pixels")


def write_evaluation(
    folder: str | os.PathLike[str],
    evaluator: PartEvaluator,
    result: EvaluationResult,
    *,
    title: str,
    command: str,
    part_names: Sequence[str],
    source: Mapping[str, Any],
    details: Mapping[str, Any] | None = None,
    run_ids: Mapping[str, str] | None = None,
) -> None:
    """Write all files of an evaluation into `folder`.

    Args:
        folder: made if it is not there; files of an earlier evaluation are replaced.
        evaluator: that counted the images; without any, only keypoints are written.
        result: what it found.
        title: of the run, for the report.
        command: that made it.
        part_names: names of the discovered parts 1..K.
        source: facts about run and annotation, for metrics.json and the report.
        details: more of metrics.json, too long for the report.
        run_ids: what the run calls each image, where the evaluator knows it by another id.
    """
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"Cannot make the folder {root}: {error.strerror or error}.") from error
    # an earlier evaluation may have written files that this one has no use for
    for name in ("matching.json", "confusion.csv", "per_part.csv", "per_image.csv"):
        (root / name).unlink(missing_ok=True)
    content = {"command": command, **result.to_dict(), "source": dict(source), **(details or {})}
    files.write_json(root / "metrics.json", content, schema=SCHEMA, version=VERSION)
    if len(evaluator.tables):
        write_matching(root / "matching.json", matching_record(result, evaluator.part_names))
        _write_csv(root / "confusion.csv", confusion_rows(evaluator, result, PartNames(part_names)))
        _write_csv(root / "per_part.csv", part_rows(result))
        _write_csv(root / "per_image.csv", image_rows(evaluator, result.matchings, run_ids or {}))
    text = report_text(result, title=title, command=command, part_names=part_names, source=source)
    files.write_text(root / "report.md", text)


def matching_record(result: EvaluationResult, names: PartNames) -> MatchingRecord:
    """A result's matching as it is stored."""
    groups = {name: GroupMatching(m.targets, m.background) for name, m in result.matchings.items()}
    return MatchingRecord(
        assignment=result.rule.assignment,
        matched_by=result.rule.criterion,
        scope=result.scope,
        num_parts=result.num_parts,
        annotated_names=tuple(names),
        groups=groups,
        fitted_on=result.fitted_on,
    )


def load_matchings(path: str | os.PathLike[str], names: Sequence[str], scope: str) -> dict[str, Matching]:
    """The matchings of a matching.json, for `PartEvaluator.compute`.

    Raises:
        ArtifactError: if the file is missing or damaged.
        ConfigError: if it was fitted to other annotated parts or in another scope.
    """
    record = read_matching(path)
    if record.annotated_names != tuple(names):
        raise ConfigError(
            f"Expected {os.fspath(path)} to match the annotated parts {', '.join(names)}, but it knows "
            f"{', '.join(record.annotated_names)}."
        )
    if record.scope != scope:
        raise ConfigError(
            f"Expected {os.fspath(path)} to be of scope {scope!r}, but it is of {record.scope!r}; "
            f"add --scope {record.scope}."
        )
    return {
        name: Matching(group.targets, len(names), group.background) for name, group in record.groups.items()
    }


def confusion_rows(
    evaluator: PartEvaluator, result: EvaluationResult, part_names: PartNames
) -> Iterator[list[Any]]:
    """The contingency table of every group, discovered labels down, annotated across, with what was matched."""
    if result.scope == "image":  # a matching for each image does not fit one table
        names, groups = ["all"], np.zeros(len(evaluator.tables), np.int64)
    else:
        names, groups = group_images(evaluator.tables, result.scope)
    annotated = evaluator.part_names
    yield ["group", "discovered", "name", "matched to", "background", *annotated]
    for name, table in zip(names, evaluator.tables.grouped(groups, len(names)), strict=True):
        matching = result.matchings.get(name)
        for label, row in enumerate(table):
            target = matching.targets[label] if matching else -1
            shown = annotated.of(target) if target >= 0 else ""
            yield [name, label, part_names.of(label), shown, *row.tolist()]


def part_rows(result: EvaluationResult) -> Iterator[list[Any]]:
    """One row for each annotated part; empty cells where undefined."""
    yield list(PER_PART)
    for part in result.per_part:
        values = [getattr(part, name) for name in PER_PART]
        yield [" ".join(map(str, v)) if isinstance(v, tuple) else _cell(v) for v in values]


def image_rows(
    evaluator: PartEvaluator, matchings: Mapping[str, Matching], run_ids: Mapping[str, str]
) -> Iterator[list[Any]]:
    """One row for each image, scored with the matching of its group."""
    tables, scores = evaluator.tables, evaluator.score_names
    names, groups = group_images(tables, evaluator.scope)
    targets = targets_of([matchings[name] for name in names])
    matrix = tables.matrix()
    yield ["image", "annotated image", "category", "unit", "pixels", *scores]
    for start in range(0, len(tables), CHUNK):
        chunk = slice(start, min(start + CHUNK, len(tables)))
        dense = matrix[chunk].toarray().reshape(-1, *tables.shape)
        found = score_tables(dense, targets[groups[chunk]], scores)
        for i, n in enumerate(range(chunk.start, chunk.stop)):
            image_id = tables.ids[n] or ""
            facts = [image_id, tables.categories[n] or "", tables.units[n] or "", int(dense[i].sum())]
            yield [
                run_ids.get(image_id, image_id),
                *facts,
                *(_cell(float(found[name][i])) for name in scores),
            ]


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value


def _write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    files.write_text(path, buffer.getvalue())
