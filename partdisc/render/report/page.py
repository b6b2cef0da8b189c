"""What index.html says, gathered from the runs; every text is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from partdisc.render.runs import RunView
from partdisc.render.shown_parts import ShownParts
from partdisc.scores import SCORE_NAMES, format_score, score_name


def render_page(context: Mapping[str, Any], template: str = "index.html") -> str:
    """A page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)


def page_context(
    runs: Sequence[RunView],
    shown: ShownParts,
    *,
    version: str,
    frequencies: Sequence[float],
    patches: Sequence[Sequence[str]],
    problems: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Everything the template shows."""
    run = runs[0]
    return {
        "title": run.name,
        "version": version,
        "num_images": len(run.masks.entries),
        "num_parts": run.masks.num_parts,
        "runs": [run_facts(each) for each in runs],
        "parts": part_facts(run, shown, frequencies, patches),
        "shown": shown.parts,
        "scores": score_rows(runs),
        "controls": control_table(run),
        "notes": [str(note) for note in run.metrics.get("notes", [])],
        "part_scores": part_score_rows(runs),
        "equivariance": equivariance_table(run),
        "run_names": [each.name for each in runs],
        "problems": list(problems),
        "format_score": format_score,
    }


def run_facts(run: RunView) -> dict[str, Any]:
    """Name and settings of a run, nested settings written as a.b."""
    about = {k: v for k, v in run.about.items() if k not in ("schema", "skipped")}
    skipped = [
        (str(item.get("id", "")), str(item.get("reason", "")))
        for item in run.about.get("skipped", [])
        if isinstance(item, dict)
    ]
    return {"name": run.name, "folder": str(run.folder), "facts": list(flatten(about)), "skipped": skipped}


def flatten(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (name, text) pairs.

    >>> flatten({"seed": 0, "settings": {"k": [1, 2], "x": None}})
    [('seed', '0'), ('settings.k', '1, 2'), ('settings.x', '–')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            rows.append((prefix + key, ", ".join(str(item) for item in value)))
        else:
            rows.append((prefix + key, "–" if value is None else str(value)))
    return rows


def part_facts(
    run: RunView, shown: ShownParts, frequencies: Sequence[float], patches: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """One entry for each discovered part of the run."""
    facts = []
    for label in range(1, run.masks.num_parts + 1):
        key = shown.runs[0].of()[label]
        matched = shown.parts[key - 1] if 0 < key <= shown.num_annotated else None
        facts.append(
            {
                "label": label,
                "key": key,
                "name": run.masks.names.of(label),
                "matched": matched.name if matched else "",
                "color": shown.palette[key],
                "share": frequencies[label - 1],
                "iou": run.part_ious[label - 1],
                "patches": list(patches[label - 1]),
            }
        )
    return facts


def score_rows(runs: Sequence[RunView]) -> list[dict[str, Any]]:
    """Score, then value and interval of each run; scores no run has are left out."""
    known = [key for key in SCORE_NAMES if any(key in run.metrics for run in runs)]
    return [
        {"name": score_name(key), "values": [(run.metrics.get(key), _interval(run, key)) for run in runs]}
        for key in known
    ]


def _interval(run: RunView, key: str) -> tuple[float, float] | None:
    bounds = run.metrics.get("intervals", {}).get(key)
    return (bounds[0], bounds[1]) if isinstance(bounds, list) and None not in bounds else None


def control_table(run: RunView) -> dict[str, Any]:
    """What labellings without any learning score, or why there is no number."""
    controls = run.metrics.get("controls", {})
    scored = [value for value in controls.values() if isinstance(value, Mapping)]
    keys = [key for key in SCORE_NAMES if any(key in value for value in scored)]
    rows = []
    for name, value in controls.items():
        numbers = [value.get(key) for key in keys] if isinstance(value, Mapping) else []
        text = "" if isinstance(value, Mapping) else str(value)
        rows.append({"name": name.replace("_", " "), "numbers": numbers, "text": text})
    return {"columns": [score_name(key) for key in keys], "rows": rows}


def part_score_rows(runs: Sequence[RunView]) -> list[dict[str, Any]]:
    """IoU of each annotated part in each run; parts that never occur have none and are left out."""
    by_run = [{p.get("name"): p for p in run.metrics.get("per_part", [])} for run in runs]
    names = list(dict.fromkeys(name for parts in by_run for name in parts))
    rows = [{"name": name, "ious": [parts.get(name, {}).get("iou") for parts in by_run]} for name in names]
    return [row for row in rows if any(iou is not None for iou in row["ious"])]


def equivariance_table(run: RunView) -> dict[str, Any]:
    """How many pixels change their part in each view of an image, beside the controls; {} if nobody measured it."""
    measured, parts = run.equivariance, "part_error"
    if not isinstance(measured.get("views"), Mapping):
        return {}
    controls = {name: _all_views(found) for name, found in measured.get("controls", {}).items()}
    rows = [
        {
            "name": view,
            "numbers": [
                found.get("error"),
                found.get(parts),
                *(c.get(view, {}).get(parts) for c in controls.values()),
            ],
        }
        for view, found in _all_views(measured).items()
    ]
    columns = ["of the object", "between parts", *(f"{name}, between parts" for name in controls)]
    return {"columns": columns, "rows": rows, "num_images": measured.get("num_images")}


def _all_views(measured: Mapping[str, Any]) -> dict[str, Any]:
    return {**measured.get("views", {}), "overall": measured.get("overall", {})}
