"""Speed of partdisc's NMF, k-means and DFF against their peers on real features, at equal or lower error.

    python benchmarks/speed.py --data ../shared/data           # everything, about twenty minutes on two quiet cores
    python benchmarks/speed.py --data ../shared/data --quick   # the smaller setting only, about four minutes

Two settings, from 150 images each of the sets carparts and ccp at 448 px through the embedded EfficientNet-Lite0:
"last": 30,000 locations of the last layer (1,280 channels, post-ReLU), K = 16; "joined": 100,000 locations of strides
16 and 32, standardised without shift and split into positive and negative halves (864 channels), K = 32. Every peer
runs with its own defaults and at most 200 iterations, scikit-learn's NMF from "nndsvda". All run in one process, each
with the seeds 0 to `--seeds` - 1, partdisc before and after each peer; times are medians over the seeds. Where a
minimum is one of many, a single seed tells little: errors ‖X − WH‖ / ‖X‖, all computed here in float64, are compared
as means over the seeds and seed by seed. "To its error" is the peer's time over the seconds after which partdisc's
own loss had fallen to the peer's mean error. Peers: pip install partdisc[bench]. Writes results/speed.json and
results/speed.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from speed_curves import cost_curves, measure_machine, roofline
from speed_peers import (
    KMEANS_PEERS,
    NMF_PEERS,
    Found,
    Solver,
    grad_cam_dff,
    partdisc_dff,
    partdisc_kmeans,
    partdisc_nmf,
)
from speed_report import machine, markdown

from partdisc import NMF

RESULTS = Path(__file__).parent / "results"
SPREAD = 1e-5  # of the error: rounding


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--peers", nargs="+", choices=[*NMF_PEERS, *KMEANS_PEERS, "grad-cam"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="the smaller setting, without the slowest peers")
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    peers = options.peers or [*NMF_PEERS, *KMEANS_PEERS, "grad-cam"]
    report = {
        "machine": machine(options.threads) | measure_machine(),
        "settings": [],
        "curves": [],
        "dff": None,
    }
    for name in ["last"] if options.quick else options.settings:
        X, rank = SETTINGS[name](options.data)
        entry = {"setting": name, "shape": list(X.shape), "num_components": rank, "nmf": [], "kmeans": []}
        report["settings"].append(entry)
        for kind, ours, known in (
            ("nmf", partdisc_nmf, NMF_PEERS),
            ("kmeans", partdisc_kmeans, KMEANS_PEERS),
        ):
            chosen = {peer: known[peer] for peer in peers if peer in known}
            for run in compare(ours, chosen, X, rank, range(options.seeds)):
                entry[kind].append(run)
                print(run, flush=True)
                write(report, options.out)  # after every peer: a long run that is stopped keeps what it has
        entry["roofline"] = roofline(X, rank, report["machine"])
        if name == "last":
            report["curves"] = cost_curves(X, options.quick)
    if "grad-cam" in peers:
        report["dff"] = compare_dff(options.data, 12 if options.quick else 32)
    write(report, options.out)
    print(markdown(report))


def write(report: dict, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(report), encoding="utf-8")


def compare(ours: Solver, peers: dict[str, Callable[[], Solver]], X: torch.Tensor, rank: int, seeds: range):
    """Yield a record for each peer; partdisc runs with every seed before the first and after every peer."""
    if not peers:
        return
    before = [timed(ours, X, rank, seed) for seed in seeds]
    for peer, load in peers.items():
        try:
            solve = load()
        except ImportError as error:
            yield {"peer": peer, "skipped": f"{error}. pip install partdisc[bench]"}
            continue
        theirs = [timed(solve, X, rank, seed) for seed in seeds]
        after = [timed(ours, X, rank, seed) for seed in seeds]
        yield record(peer, theirs, before, after)
        before = after


def record(peer: str, theirs: list[dict], before: list[dict], after: list[dict]) -> dict:
    """Each list holds a run of each seed, in one order; partdisc's errors are the same before and after."""
    ours, error = before + after, mean(run["error"] for run in theirs)
    reached = [seconds_to(run, error) for run in ours]
    seconds = median(run["seconds"] for run in theirs)
    found = {
        "peer": peer,
        "seconds": [run["seconds"] for run in theirs],
        "errors": [run["error"] for run in theirs],
        "partdisc_seconds": [run["seconds"] for run in ours],
        "partdisc_errors": [run["error"] for run in after],
        "as_good": sum(
            own["error"] <= run["error"] * (1 + SPREAD) for own, run in zip(after, theirs, strict=True)
        ),
        "ratio": round(seconds / median(run["seconds"] for run in ours), 2),
        "cpu_ratio": round(
            median(run["cpu_seconds"] for run in theirs) / median(run["cpu_seconds"] for run in ours), 2
        ),
        "ratio_to_its_error": None,
    }
    if all(end is not None for end in reached):
        found["ratio_to_its_error"] = round(seconds / median(reached), 2)
    return found


def seconds_to(run: dict, error: float) -> float | None:
    """Seconds after which a run's error had fallen to `error`; None where it never did."""
    return next(
        (end for end, reached in zip(run["ends"], run["errors"], strict=True) if reached <= error), None
    )


def timed(solve: Solver, X: torch.Tensor, rank: int, seed: int) -> dict:
    wall, cpu = time.perf_counter(), time.process_time()
    found = solve(X, rank, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "seconds": round(wall, 3), "cpu_seconds": round(cpu, 3), "error": relative_error(X, found),
        "ends": found.ends, "errors": found.errors,
    }  # fmt: skip


def relative_error(X: torch.Tensor, found: Found) -> float:
    """‖X − WH‖ / ‖X‖, for a clustering with a 1 for each row's centre."""
    rest = square = 0.0
    basis = found.H.astype(np.float64)
    for rows in np.array_split(np.arange(len(X)), 50):
        block = X[rows[0] : rows[-1] + 1].double().numpy()
        model = basis[found.labels[rows]] if found.W is None else found.W[rows].astype(np.float64) @ basis
        rest += np.square(block - model).sum()
        square += np.square(block).sum()
    return float(np.sqrt(rest / square))


def compare_dff(data: Path, count: int, rank: int = 8) -> dict:
    """From image files to heat maps of the images' size, and the error of both on the peer's own features.

    The peer stretches its images to one size, so the features of the two runs are not the same.
    """
    images = sorted((data / "ccp/images").glob("*"))[:count]
    try:
        peer = grad_cam_dff()
    except ImportError as error:
        return {"skipped": f"{error}. pip install partdisc[bench]"}
    runs = []
    for solve in (partdisc_dff, peer, partdisc_dff):
        start = time.perf_counter()
        X, basis = solve(images, rank, 0)
        runs.append((time.perf_counter() - start, X, basis))
    (before, _, _), (theirs, X, basis), (after, _, _) = runs
    model = NMF(rank, seed=0).fit(X)
    errors = {"partdisc_error": features_error(model, X)}
    model.components_ = basis.astype(X.dtype)
    errors["error"] = features_error(model, X)
    return {
        "images": count, "num_components": rank, "seconds": theirs, "partdisc_seconds": [before, after], **errors,
        "ratio": round(2 * theirs / (before + after), 2),
    }  # fmt: skip


def features_error(model: NMF, X: np.ndarray) -> float:
    """With the best activations for the model's basis."""
    return relative_error(torch.from_numpy(X), Found(model.transform(X), model.components_))


# -- the features -------------------------------------------------------------------------------------------------


def last_layer(data: Path) -> tuple[torch.Tensor, int]:
    return draw_rows(features(data, ["bn2"]), 30_000).clamp_(min=0), 16


def joined_layers(data: Path) -> tuple[torch.Tensor, int]:
    X = draw_rows(features(data, None), 100_000)
    X /= X.std(dim=0)
    return torch.cat([X.clamp(min=0), (-X).clamp(min=0)], dim=1), 32


SETTINGS = {"last": last_layer, "joined": joined_layers}


def features(data: Path, layers: list[str] | None) -> torch.Tensor:
    import partdisc

    images = (
        sorted((data / "carparts").glob("*/images/*"))[:150] + sorted((data / "ccp/images").glob("*"))[:150]
    )
    backbone = partdisc.create_backbone("tf_efficientnet_lite0", layers=layers)
    return partdisc.extract_features(backbone, images, dtype="float32").matrix()


def draw_rows(X: torch.Tensor, count: int) -> torch.Tensor:
    chosen = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))[:count].sort().values
    return X[chosen]


if __name__ == "__main__":
    main()
