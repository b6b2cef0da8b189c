"""The report as Markdown, and its place in README.md and docs/quality.md between two marker comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Report = Mapping[str, Any]
LABELS = {
    "part_miou": "part mIoU",
    "nmi": "NMI",
    "ari": "ARI",
    "foreground_iou": "foreground IoU",
    "boundary_f": "boundary F",
}
SHORT = ("part_miou", "nmi", "ari", "foreground_iou")
SUMMARY_KINDS = ("peer", "control", "supervised", "ceiling")


def fill(text: str, report: Report) -> str:
    """Put every table into its place: between `<!-- quality: NAME -->` and `<!-- end -->`."""

    def replace(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]](report)}\n{found[3]}"

    return re.sub(r"(<!-- quality: ([a-z_]+) -->)\n.*?(<!-- end -->)", replace, text, flags=re.S)


def readme_table(report: Report) -> str:
    """Ours beside peers, controls and supervision: the scores of every set in one cell."""
    sets = report["sets"]
    lines = [
        table_line(["", *(f"{name}: {_names(sets[name])}" for name in sets)]),
        table_line(["---"] * (1 + len(sets))),
    ]
    for row, title in _rows(report):
        kind = next(s["rows"][row]["kind"] for s in sets.values() if row in s["rows"])
        if row == "ours" or kind in SUMMARY_KINDS:
            lines.append(table_line([title, *(_short_cell(sets[name], row) for name in sets)]))
    return "\n".join([*lines, "", provenance(report)])


def scores_table(report: Report) -> str:
    """One table for each set: every row with intervals, outlines, keypoints."""
    found = []
    for name, bench in report["sets"].items():
        names = _score_names(bench)
        points = any(row.get("keypoints") for row in bench["rows"].values())
        header = ["row", "seeds", *(LABELS[s] for s in names), *(["keypoint error"] if points else [])]
        lines = [
            f"**{name}** ({bench['images']} images)",
            "",
            table_line(header),
            table_line(["---"] * len(header)),
        ]
        for row in bench["rows"].values():
            if "failed" in row:
                lines.append(table_line([row["title"], row["failed"], *[""] * (len(header) - 2)]))
                continue
            cells = [with_interval(row["scores"].get(s), row["intervals"].get(s)) for s in names]
            error = [number((row["keypoints"] or {}).get("error"))] if points else []
            lines.append(table_line([row["title"], str(row["seeds"]), *cells, *error]))
        found.append("\n".join(lines))
    return "\n\n".join([*found, provenance(report)])


def comparisons_table(report: Report) -> str:
    """Ours minus every rival by the headline score, with the interval of the paired bootstrap."""
    sets = report["sets"]
    lines = [
        table_line(["ours minus", *(f"{n}, {LABELS[s['headline']]}" for n, s in sets.items())]),
        table_line(["---"] * (1 + len(sets))),
    ]
    for row, title in _rows(report):
        cells = [report["comparisons"][n].get(s["headline"], {}).get(row) for n, s in sets.items()]
        if any(cells):
            lines.append(table_line([title, *map(_difference_cell, cells)]))
    others = report["verdict"]["exceptions_of_any_score"]
    by_any = f"By every score (those above, NMI, ARI, foreground IoU): {len(others)} exceptions"
    return "\n".join(
        [*lines, "", verdict_line(report), f"{by_any}{': ' if others else ''}{'; '.join(others)}."]
    )


def verdict_line(report: Report) -> str:
    """All above zero: yes, or no with the exceptions."""
    verdict = report["verdict"]
    if verdict["all_above_zero"]:
        return "All above zero: yes."
    return f"All above zero: no; exceptions: {'; '.join(verdict['exceptions']) or 'rows are missing'}."


def settings_table(report: Report) -> str:
    """Every setting tried, by the headline score of each set, and the leave-one-set-out check."""
    tried = report.get("settings")
    if not tried:
        return "Not run: `--leave-one-out`."
    names = list(dict.fromkeys(s for settings in tried.values() for s in settings))
    lines = [table_line(["setting", *tried]), table_line(["---"] * (1 + len(tried)))]
    for name in names:
        cells = [number(settings.get(name, {}).get("headline")) for settings in tried.values()]
        lines.append(table_line([name, *cells]))
    lines += ["", table_line(["left out", "chosen on the others", "its score", "default", "best here"])]
    lines.append(table_line(["---"] * 5))
    for one in report.get("leave_one_out", []):
        best = f"{one['best']}, {number(one['best_score'])}"
        cells = [one["held_out"], one["chosen"], number(one["score"]), number(one["default"]), best]
        lines.append(table_line(cells))
    return "\n".join(lines)


def refinement_table(report: Report) -> str:
    """Time and scores of every way to refine masks."""
    found = report.get("refinement")
    if not found:
        return "Not run: `--refinement`."
    lines = [
        table_line(["set", "refinement", "ms an image", "part mIoU", "foreground IoU", "boundary F"]),
        table_line(["---"] * 6),
    ]
    for name, variants in found.items():
        for variant, scores in variants.items():
            cells = [number(scores.get(s)) for s in ("part_miou", "foreground_iou", "boundary_f")]
            lines.append(table_line([name, variant, f"{scores['milliseconds']:.1f}", *cells]))
    return "\n".join(lines)


def cost_table(report: Report) -> str:
    """Seconds from features to masks and peak memory of every row, and the seconds of extraction."""
    sets = report["sets"]
    lines = [
        table_line(["seconds / peak MiB", *sets]),
        table_line(["---"] * (1 + len(sets))),
        table_line(["*extraction of the default features*", *(_extraction_cell(s) for s in sets.values())]),
    ]
    for row, title in _rows(report):
        lines.append(table_line([title, *(_cost_cell(sets[name]["rows"].get(row)) for name in sets)]))
    return "\n".join(lines)


def provenance(report: Report) -> str:
    """The command, the machine, the date."""
    made = report["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in made["packages"].items() if version)
    limit = f" Only {report['limit']} images of each set." if report["limit"] else ""
    return (
        f"`{made['command']}`, {made['date']}, {made['threads']} of {made['cores']} cores of {made['processor']}; "
        f"{packages}.{limit}"
    )


BLOCKS: dict[str, Callable[[Report], str]] = {
    "readme": readme_table,
    "scores": scores_table,
    "comparisons": comparisons_table,
    "verdict": verdict_line,
    "settings": settings_table,
    "refinement": refinement_table,
    "cost": cost_table,
}


def table_line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def number(value: float | None, digits: int = 3) -> str:
    """A fraction without its leading zero, as tables of scores have it; a dash where undefined.

    >>> number(0.28), number(-0.0312), number(1.0), number(None)
    ('.280', '-.031', '1.000', '–')
    """
    return (
        "–"
        if value is None
        else f"{value:.{digits}f}".replace("0.", ".", 1)
        if abs(value) < 1
        else f"{value:.{digits}f}"
    )


def with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """A score and its interval."""
    return (
        number(value)
        if interval is None
        else f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"
    )


def _rows(report: Report) -> list[tuple[str, str]]:
    """Names and titles of all rows of all sets, in order."""
    return list({row: r["title"] for s in report["sets"].values() for row, r in s["rows"].items()}.items())


def _score_names(bench: Mapping[str, Any]) -> list[str]:
    return [s for s in LABELS if any(s in row.get("scores", {}) for row in bench["rows"].values())]


def _names(bench: Mapping[str, Any]) -> str:
    return " / ".join(LABELS[s] for s in SHORT if s in _score_names(bench))


def _short_cell(bench: Mapping[str, Any], row: str) -> str:
    found = bench["rows"].get(row, {})
    if "scores" not in found:
        return "–"
    return " / ".join(number(found["scores"].get(s), 2) for s in SHORT if s in _score_names(bench))


def _difference_cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    return with_interval(found["difference"], (found["low"], found["high"])) + (
        "" if found["better"] else " (!)"
    )


def _extraction_cell(bench: Mapping[str, Any]) -> str:
    seconds = bench["extraction_seconds"].get("default")
    return "–" if seconds is None else f"{seconds:.0f}"


def _cost_cell(row: Mapping[str, Any] | None) -> str:
    if row is None or not row.get("peak_mib"):  # failed, or made from what another row left
        return "–"
    return f"{row['seconds']:.1f} / {row['peak_mib']:.0f}"
