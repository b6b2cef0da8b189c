"""The report: every row on every set, comparisons, the leave-one-set-out check, as one JSON."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.quality import summary
from benchmarks.quality.features import DEFAULT, LAST, extraction_seconds
from benchmarks.quality.jobs import Job
from benchmarks.quality.rows import CANDIDATE_ROWS, OURS, ROWS, find_row, package_version
from benchmarks.quality.sets import open_set
from benchmarks.quality.tasks import Place

SCHEMA = "partdisc/quality"
PACKAGES = ("torch", "numpy", "scikit-learn", "timm", "grad-cam", "overcomplete")
RIVALS = ("peer", "control")  # what ours should be better than
Results = Mapping[Job, Mapping[str, Any]]


def build(results: Results, sets: Sequence[str], place: Place) -> dict[str, Any]:
    """Summaries of all rows on all sets, ours against every rival, and settings where they were tried."""
    report: dict[str, Any] = {"machine": machine(place), "limit": place.limit, "sets": {}, "comparisons": {}}
    for name in sets:
        by_row = results_by_row(results, name)
        report["sets"][name] = describe_set(name, place) | {
            "rows": {row: summarize_row(row, found) for row, found in by_row.items() if find_row(row) in ROWS}
        }
        report["comparisons"][name] = compare_rows(by_row, report["sets"][name]["headline"])
    report["verdict"] = verdict(report["comparisons"], report["sets"])
    tried = {n: tried_settings(results_by_row(results, n), report["sets"][n]["headline"]) for n in sets}
    if any(len(settings) > 1 for settings in tried.values()):
        report["settings"] = tried
        report["leave_one_out"] = check_settings(tried)
    return report


def results_by_row(results: Results, bench: str) -> dict[str, list[Mapping[str, Any]]]:
    """Results of a set by row, seeds in order."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for job in sorted(results, key=lambda j: j.seed):
        if job.bench == bench:
            found.setdefault(job.row, []).append(results[job])
    order = [row.name for row in (*ROWS, *CANDIDATE_ROWS)]
    return {row: found[row] for row in order if row in found}


def summarize_row(name: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row's summary with its title and kind, or the reason why there is none."""
    row = find_row(name)
    about = {"title": row.title, "kind": row.kind}
    failed = [r["failed"] for r in results if "failed" in r]
    return about | ({"failed": failed[0]} if failed else summary.summarize(results))


def compare_rows(
    by_row: Mapping[str, Sequence[Mapping[str, Any]]], headline: str
) -> dict[str, dict[str, Any]]:
    """Ours against every rival: score -> rival -> difference; the headline score first."""
    if OURS not in by_row or any("failed" in r for r in by_row[OURS]):
        return {}
    rivals = {
        name: found
        for name, found in by_row.items()
        if find_row(name).kind in RIVALS and not any("failed" in r for r in found)
    }
    names = dict.fromkeys([headline, *(s for s in by_row[OURS][0]["draws"])])
    return {
        score: {rival: summary.compare(by_row[OURS], found, score) for rival, found in rivals.items()}
        for score in names
    }


def verdict(comparisons: Mapping[str, Mapping[str, Any]], sets: Mapping[str, Any]) -> dict[str, Any]:
    """Whether ours is above every rival on every set, by each set's headline score and by all scores.

    A row that is missing or failed is no row that was beaten.
    """
    by_headline = {name: found.get(sets[name]["headline"], {}) for name, found in comparisons.items()}
    by_score = {
        f"{name}, {score}": rivals for name, found in comparisons.items() for score, rivals in found.items()
    }
    expected = {row.name for row in ROWS if row.kind in RIVALS}
    complete = bool(by_headline) and all(expected <= found.keys() for found in by_headline.values())
    left_out = summary.exceptions(by_headline)
    return {
        "all_above_zero": complete and not left_out,
        "exceptions": left_out,
        "exceptions_of_any_score": summary.exceptions(by_score),
    }


def tried_settings(by_row: Mapping[str, Sequence[Mapping[str, Any]]], headline: str) -> dict[str, Any]:
    """Scores of the default and of every candidate with seed 0."""
    rows = {"default": OURS} | {row.title: row.name for row in CANDIDATE_ROWS}
    return {
        title: {"headline": by_row[row][0]["scores"][headline], **by_row[row][0]["scores"]}
        for title, row in rows.items()
        if row in by_row and "failed" not in by_row[row][0]
    }


def check_settings(tried: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The leave-one-set-out check, among settings that were tried on all sets."""
    shared = [s for s in next(iter(tried.values())) if all(s in settings for settings in tried.values())]
    scores = {name: {s: settings[s]["headline"] for s in shared} for name, settings in tried.items()}
    return summary.leave_one_out(scores, "default") if len(scores) > 1 and "default" in shared else []


def describe_set(name: str, place: Place) -> dict[str, Any]:
    """Number of images and parts, the headline score, seconds of extraction."""
    bench = open_set(name, place.data, place.work, place.limit)
    seconds = {
        title: [extraction_seconds(kind, group, place.work) for group in bench.groups]
        for title, kind in (("default", DEFAULT), ("last", LAST))
    }
    return {
        "images": sum(len(group.images) for group in bench.groups),
        "num_parts": {group.name: group.num_parts for group in bench.groups},
        "headline": bench.headline,
        "extraction_seconds": {k: sum(v) for k, v in seconds.items() if None not in v},
    }


def machine(place: Place) -> dict[str, Any]:
    """What the numbers were made with."""
    return {
        "command": " ".join(["python -m benchmarks.quality", *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": place.threads,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "packages": {package: package_version(package) for package in PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
