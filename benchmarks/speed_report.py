"""The report of `speed.py`: where it ran, and its tables."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import date
from pathlib import Path
from statistics import mean, median

PACKAGES = ("torch", "numpy", "scikit-learn", "torchnmf", "overcomplete", "faiss-cpu", "grad-cam")


def machine(threads: int) -> dict:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": list(os.getloadavg()),
        "python": platform.python_version(),
        "versions": versions,
        "date": date.today().isoformat(),
    }


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def markdown(report: dict) -> str:
    host = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items() if version)
    lines = [
        f"`python benchmarks/speed.py`, {host['date']}, {host['processor']}, {host['threads']} threads of "
        f"{host['cores']} cores, load {host['load'][0]:.1f} at the start; copies "
        f"{host['copy_bytes_per_s'] / 1e9:.1f} GB/s, products {host['gemm_flops_per_s'] / 1e9:.0f} GFLOP/s; "
        f"{versions}.",
        "",
        "| X, K | against | seconds | errors | their mean | partdisc, seconds | errors | their mean | seeds as "
        "good | times faster | in processor time | to its error |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for setting in report["settings"]:
        size = "{:,} × {:,}, {}".format(*setting["shape"], setting["num_components"])
        lines += [row(size, run) for kind in ("nmf", "kmeans") for run in setting[kind]]
    lines += ["", *roofline_table(report), "", *curve_table(report)]
    if dff := report["dff"]:
        lines += ["", dff.get("skipped") or dff_sentence(dff)]
    return "\n".join(lines) + "\n"


def row(size: str, run: dict) -> str:
    if "skipped" in run:
        return f"| {size} | {run['peer']} | {run['skipped']} | | | | | | | | | |"
    to_error = run["ratio_to_its_error"]
    return (
        f"| {size} | {run['peer']} | {median(run['seconds']):.2f} | {errors(run['errors'])} | "
        f"{median(run['partdisc_seconds']):.2f} | {errors(run['partdisc_errors'])} | "
        f"{run['as_good']} of {len(run['errors'])} | {run['ratio']:.1f} | {run['cpu_ratio']:.1f} | "
        f"{'–' if to_error is None else f'{to_error:.1f}'} |"
    )


def errors(found: list[float]) -> str:
    """Two cells: each seed's, and their mean."""
    return f"{' '.join(f'{error:.5f}' for error in found)} | {mean(found):.5f}"


def roofline_table(report: dict) -> list[str]:
    lines = [
        "| a pass over X, K | seconds | bytes / copy bandwidth | operations / product rate | share of the slower |",
        "|---|---|---|---|---|",
    ]
    for setting in report["settings"]:
        if found := setting.get("roofline"):
            size = "{:,} × {:,}, {}".format(*setting["shape"], setting["num_components"])
            lines.append(
                f"| {size} | {found['pass_seconds']:.3f} | {found['memory_seconds']:.3f} | "
                f"{found['compute_seconds']:.3f} | {found['share_of_roofline']:.0%} |"
            )
    return lines


def curve_table(report: dict) -> list[str]:
    lines = ["| over | X, K | seconds of a fit | of a pass |", "|---|---|---|---|"]
    for point in report["curves"]:
        size = "{:,} × {:,}, {}".format(*point["shape"], point["num_components"])
        lines.append(f"| {point['over']} | {size} | {point['seconds']:.2f} | {point['pass_seconds']:.3f} |")
    return lines


def dff_sentence(dff: dict) -> str:
    ours = " and ".join(f"{seconds:.1f}" for seconds in dff["partdisc_seconds"])
    return (
        f"From {dff['images']} image files to heat maps, K = {dff['num_components']}: pytorch-grad-cam "
        f"{dff['seconds']:.1f} s, partdisc {ours} s: {dff['ratio']:.1f} times. On the features of "
        f"pytorch-grad-cam its error is {dff['error']:.5f}, that of partdisc's NMF {dff['partdisc_error']:.5f}."
    )
