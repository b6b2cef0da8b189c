"""Results as text: report.md, the line on stdout, the table that compares several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partdisc.metrics.result import EvaluationResult
from partdisc.scores import SCORE_NAMES, format_score

HEADLINE = ("part_miou", "nmi", "ari")
# with a foreground the first is there, without one the second
CONTROLS_TO_BEAT = {
    "grid_in_foreground": "a plain grid in the same foreground",
    "grid": "a plain grid",
}
LEGEND = {
    "grid": "the image cut into K cells",
    "random_patches": "K random patches in each image",
    "color_kmeans": "k-means on the colours of each image",
    "grid_in_foreground": "K cells over the bounding box of the run's own foreground",
    "resolution_ceiling": "the annotation itself through the grid of the run's maps: what its resolution allows",
}


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table, first column left-aligned, all others right-aligned; columns padded to be read as text."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    lines = [
        "| "
        + " | ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = (
        "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def headline(result: EvaluationResult) -> list[str]:
    """The scores that one line has room for."""
    if result.num_parts == 1 and "foreground_iou" in result.scores:
        return ["foreground_iou", "background_iou"]
    wanted = [name for name in (*HEADLINE, "class_miou") if name in result.scores]
    return wanted or list(result.scores)


def summary_line(name: str, result: EvaluationResult) -> str:
    """One line for stdout: scores with intervals, those of the control to beat, how many images."""
    parts = []
    for score in headline(result):
        text = f"{SCORE_NAMES[score]} {format_score(result.scores[score])}"
        if score in result.intervals:
            low, high = result.intervals[score]
            text += f" [{format_score(low)}, {format_score(high)}]"
        parts.append(text)
    if result.keypoints:
        parts.append(f"keypoint error {format_score(result.keypoints.get('error'))}")
    images = f"{result.num_images} image{'s' * (result.num_images != 1)}"
    line = f"{name}: {', '.join(parts)}; {images}, protocol {result.protocol}"
    for control, told in CONTROLS_TO_BEAT.items():
        scores = result.controls.get(control)
        same_foreground = control == "grid_in_foreground" and "part_miou" not in headline(result)
        if isinstance(scores, dict) and not same_foreground:
            line += f"; {told} has {', '.join(format_score(scores[score]) for score in headline(result))}"
            break
    if result.against:
        found = result.against["scores"][headline(result)[0]]
        line += (
            f"; against {result.against['run']} {SCORE_NAMES[headline(result)[0]]} {found['difference']:+.3f} "
            f"[{found['low']:+.3f}, {found['high']:+.3f}]"
        )
    return line


def comparison_table(
    results: Mapping[str, EvaluationResult], controls_of: EvaluationResult | None = None
) -> str:
    """Several runs beside each other, one row each, with the controls of one, by default the first, below."""
    scores = [name for name in SCORE_NAMES if any(name in r.scores for r in results.values())]
    rows = [
        [name, *(format_score(result.scores.get(score)) for score in scores), str(result.num_images)]
        for name, result in results.items()
    ]
    for name, found in (controls_of or next(iter(results.values()))).controls.items():
        if isinstance(found, dict):
            rows.append([f"({name})", *(format_score(found.get(score)) for score in scores), ""])
    return markdown_table(["run", *(SCORE_NAMES[score] for score in scores), "images"], rows)


def report_text(
    result: EvaluationResult,
    *,
    title: str,
    command: str,
    part_names: Sequence[str],
    source: Mapping[str, Any],
) -> str:
    """The text of report.md.

    Args:
        result: what was found.
        title: of the run.
        command: that made the report.
        part_names: names of the discovered parts 1..K.
        source: facts about run and annotation, name -> value, shown as a list.
    """
    sections = [
        f"# Evaluation of {title}\n",
        f"```\n{command}\n```\n",
        "\n".join(f"- {name}: {value}" for name, value in (_rules(result) | dict(source)).items()) + "\n",
    ]
    if result.scores:
        sections += ["## Scores\n", _score_table(result), _control_legend(result)]
    if result.keypoints:
        sections += ["## Keypoints\n", _keypoint_section(result.keypoints)]
    if result.groups:
        sections += ["## Categories\n", _category_table(result)]
    if any(part.pixels for part in result.per_part) and "part_miou" in result.scores:
        sections += ["## Parts\n", _part_table(result, part_names)]
    if result.against:
        sections += [f"## Against {result.against['run']}\n", _against_table(result.against)]
    if result.notes or result.absent:
        absent = (
            [f"Never annotated here, so in no mean: {', '.join(result.absent)}."] if result.absent else []
        )
        sections += ["## Notes\n", "\n".join(f"- {note}" for note in (*result.notes, *absent)) + "\n"]
    return "\n".join(sections)


def _rules(result: EvaluationResult) -> dict[str, Any]:
    whose = "all images" if result.scope == "dataset" else f"each {result.scope}"
    return {
        "protocol": result.protocol,
        "matching": f"{result.rule.assignment} by {result.rule.criterion}, one for {whose}",
        "matching fitted on": result.fitted_on,
        "images": result.num_images,
        "discovered parts": result.num_parts,
        "annotated parts": f"{len(result.per_part)}, of which {len(result.absent)} never occur",
    }


def _score_table(result: EvaluationResult) -> str:
    controls = {name: found for name, found in result.controls.items() if isinstance(found, dict)}
    level = f"{result.resampling.get('level', 0.95):.0%} interval"
    header = [
        "",
        "score",
        *([level] if result.intervals else []),
        *(name.replace("_", " ") for name in controls),
    ]
    rows = []
    for score, value in result.scores.items():
        interval = result.intervals.get(score)
        shown = f"{format_score(interval[0])} to {format_score(interval[1])}" if interval else "–"
        beside = [format_score(found.get(score)) for found in controls.values()]
        rows.append(
            [SCORE_NAMES[score], format_score(value), *([shown] if result.intervals else []), *beside]
        )
    return markdown_table(header, rows) + "\n"


def _control_legend(result: EvaluationResult) -> str:
    lines = []
    for name, found in result.controls.items():
        text = LEGEND[name] if isinstance(found, dict) else f"not scored: {found}"
        lines.append(f"- {name.replace('_', ' ')}: {text}.")
    if result.resampling:
        drawn = result.resampling
        lines.append(
            f"- interval: bootstrap, {drawn['draws']} draws of {drawn['num_units']} {drawn['by']}s, "
            f"seed {drawn['seed']}."
        )
    return "\n".join(lines) + "\n"


def _keypoint_section(keypoints: Mapping[str, Any]) -> str:
    rows = [
        ["regression error", format_score(keypoints.get("error"), 4)],
        ["the mean position instead", format_score(keypoints.get("mean_position_error"), 4)],
        *(
            [name.upper().replace("_", "-"), format_score(keypoints[name])]
            for name in ("nmi", "ari", "fg_nmi", "fg_ari")
            if name in keypoints
        ),
    ]
    fitted_on = keypoints.get("fitted_on", "–")
    text = f"Rule: {keypoints['rule']}; {keypoints['num_images']} images, fitted on {fitted_on}.\n\n"
    text += markdown_table(["", "value"], rows) + "\n"
    if keypoints.get("per_landmark"):
        rows = [[name, format_score(value, 4)] for name, value in keypoints["per_landmark"].items()]
        text += "\n" + markdown_table(["landmark", "error"], rows) + "\n"
    return text + "".join(f"\n- {note}" for note in keypoints["notes"]) + "\n"


def _category_table(result: EvaluationResult) -> str:
    names = headline(result)
    rows = [
        [category, str(group.num_images), *(format_score(group.scores[name]) for name in names)]
        for category, group in result.groups.items()
    ]
    return markdown_table(["category", "images", *(SCORE_NAMES[name] for name in names)], rows) + "\n"


def _part_table(result: EvaluationResult, part_names: Sequence[str]) -> str:
    total = sum(part.pixels for part in result.per_part)
    rows = []
    for part in result.per_part:
        if part.pixels:
            matched = _matched(part.matched, part_names)
            values = (part.iou, part.precision, part.recall, part.accuracy, part.pixels / total)
            rows.append([part.name, matched, *map(format_score, values)])
    return markdown_table(["part", "matched", "IoU", "precision", "recall", "accuracy", "share"], rows) + "\n"


def _matched(parts: Sequence[int], names: Sequence[str]) -> str:
    """What a part was matched to; only counted where categories or images differ in it."""
    if len(parts) > 3:
        return f"{len(parts)} parts"
    return ", ".join(names[part - 1] if part else "background" for part in parts) or "nothing"


def _against_table(against: Mapping[str, Any]) -> str:
    rows = []
    for name, found in against["scores"].items():
        interval = f"{format_score(found['low'])} to {format_score(found['high'])}"
        rows.append(
            [SCORE_NAMES[name], format_score(found["difference"]), interval, f"{found['share_better']:.1%}"]
        )
    table = markdown_table(["", "difference", "interval", "draws in which this run is better"], rows)
    return f"{table}\n\nPaired bootstrap over {against['num_images']} common images.\n"
