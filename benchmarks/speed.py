"""Speed of `partdisc.NMF` against its peers on real features, at equal or lower error.

    python benchmarks/speed.py --data ../shared/data        # both settings, all peers that are installed
    python benchmarks/speed.py --data ../shared/data --settings last --peers scikit-learn

Two settings, from 150 images each of the sets carparts and ccp at 448 px through the embedded EfficientNet-Lite0:
"last": 30,000 locations of the last layer (1,280 channels, post-ReLU), K = 16; "joined": 100,000 locations of strides
16 and 32, standardised without shift and split into positive and negative halves (864 channels), K = 32. Every peer
runs with its own defaults and at most 200 iterations, scikit-learn as NMF(solver="cd", init="nndsvda"). partdisc runs
before and after each peer in the same process, and the ratio is the peer's time over the mean of these two, on the
clock and in processor time (which other work on the machine disturbs less). Errors ‖X − WH‖ / ‖X‖ are all computed
here, in float64. Peers: pip install partdisc[bench]. Writes results/speed_nmf.json and results/speed_nmf.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "numpy", "scikit-learn", "torchnmf", "overcomplete")
MAX_ITER = 200
Factors = tuple[np.ndarray, np.ndarray]  # W (M, K), H (K, C)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "speed_nmf.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    report = {"machine": machine(options.threads), "settings": []}
    for name in options.settings:
        X, rank = SETTINGS[name](options.data)
        runs: list[dict] = []
        report["settings"].append(
            {"setting": name, "shape": list(X.shape), "num_components": rank, "runs": runs}
        )
        for peer in options.peers:
            runs.append(compare(peer, X, rank))
            write(report, options.out)  # after every peer: a long run that is stopped keeps what it has
    print(markdown(report))


def write(report: dict, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(report), encoding="utf-8")


def compare(peer: str, X: torch.Tensor, rank: int) -> dict:
    """One peer between two runs of partdisc."""
    try:
        solve = PEERS[peer]()
    except ImportError as error:
        return {"peer": peer, "skipped": f"{error}. pip install partdisc[bench]"}
    before, ours = timed(with_partdisc, X, rank)
    theirs, factors = timed(solve, X, rank)
    after, _ = timed(with_partdisc, X, rank)
    run = {
        "peer": peer,
        "seconds": theirs.wall,
        "cpu_seconds": theirs.cpu,
        "error": relative_error(X, *factors),
        "partdisc_seconds": [before.wall, after.wall],
        "partdisc_cpu_seconds": [before.cpu, after.cpu],
        "partdisc_error": relative_error(X, *ours),
        "ratio": round(2 * theirs.wall / (before.wall + after.wall), 2),
        "cpu_ratio": round(2 * theirs.cpu / (before.cpu + after.cpu), 2),
    }
    print(run, flush=True)
    return run


class Seconds(NamedTuple):
    """What a run took: on the clock, and of the processors by this process alone."""

    wall: float
    cpu: float


def timed(
    solve: Callable[[torch.Tensor, int], Factors], X: torch.Tensor, rank: int
) -> tuple[Seconds, Factors]:
    wall, cpu = time.perf_counter(), time.process_time()
    factors = solve(X, rank)
    return Seconds(round(time.perf_counter() - wall, 3), round(time.process_time() - cpu, 3)), factors


def relative_error(X: torch.Tensor, W: np.ndarray, H: np.ndarray) -> float:
    rest = square = 0.0
    basis = H.astype(np.float64)
    for rows in np.array_split(np.arange(len(X)), 50):
        block = X[rows[0] : rows[-1] + 1].double().numpy()
        rest += np.square(block - W[rows].astype(np.float64) @ basis).sum()
        square += np.square(block).sum()
    return float(np.sqrt(rest / square))


# -- the solvers --------------------------------------------------------------------------------------------------


def with_partdisc(X: torch.Tensor, rank: int) -> Factors:
    from partdisc import non_negative_factorization

    found = non_negative_factorization(X.numpy(), rank)
    return found.W, found.H


def scikit_learn() -> Callable[[torch.Tensor, int], Factors]:
    from sklearn.decomposition import NMF

    def solve(X: torch.Tensor, rank: int) -> Factors:
        model = NMF(rank, solver="cd", init="nndsvda", max_iter=MAX_ITER, random_state=0)
        return model.fit_transform(X.numpy()), model.components_

    return solve


def torchnmf() -> Callable[[torch.Tensor, int], Factors]:
    from torchnmf.nmf import NMF

    def solve(X: torch.Tensor, rank: int) -> Factors:
        torch.manual_seed(0)
        model = NMF(X.shape, rank=rank)
        model.fit(X, beta=2, max_iter=MAX_ITER)
        return model.H.detach().numpy(), model.W.detach().numpy().T  # its H and W are W and Hᵀ here

    return solve


def overcomplete() -> Callable[[torch.Tensor, int], Factors]:
    import matplotlib
    import matplotlib.pyplot as plt

    if not hasattr(plt.cm, "get_cmap"):  # overcomplete 0.3 was written for a matplotlib that still had it
        plt.cm.get_cmap = matplotlib.colormaps.get_cmap
    from overcomplete.optimization import NMF

    def solve(X: torch.Tensor, rank: int) -> Factors:
        torch.manual_seed(0)
        Z, D = NMF(rank).fit(X, max_iter=MAX_ITER)
        return Z.detach().numpy(), D.detach().numpy()

    return solve


PEERS = {"scikit-learn": scikit_learn, "torchnmf": torchnmf, "overcomplete": overcomplete}


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


# -- the report ---------------------------------------------------------------------------------------------------


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
        f"{host['cores']} cores, load {host['load'][0]:.1f} at the start; {versions}.",
        "",
        "| X, K | against | seconds | error | partdisc, seconds | error | times faster | in processor time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for setting in report["settings"]:
        size = "{:,} × {:,}, {}".format(*setting["shape"], setting["num_components"])
        for run in setting["runs"]:
            if "skipped" in run:
                lines.append(f"| {size} | {run['peer']} | {run['skipped']} | | | | | |")
                continue
            ours = " and ".join(f"{seconds:.2f}" for seconds in run["partdisc_seconds"])
            lines.append(
                f"| {size} | {run['peer']} | {run['seconds']:.2f} | {run['error']:.5f} | {ours} | "
                f"{run['partdisc_error']:.5f} | {run['ratio']:.1f} | {run['cpu_ratio']:.1f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
