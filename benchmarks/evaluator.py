"""Speed and memory of `PartEvaluator` against scikit-learn's NMI and ARI on the concatenated labels.

    python benchmarks/evaluator.py                # 10^8 pixels, 51 x 41 labels; minutes, for scikit-learn some GiB
    python benchmarks/evaluator.py --pixels 1e6   # a quick look

Both sides get the same labels, image by image from one generator; drawing them is not timed. Each side runs in a
process of its own, so that its peak memory is its own. Writes results/evaluator.json and prints a table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

SHAPE = (500, 400)
NUM_PARTS, NUM_TARGETS = 50, 40


def draw_images(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predicted labels 0..50 and annotated labels 0..40 in blocks of 20 pixels, agreeing on about half."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        target = rng.integers(0, NUM_TARGETS + 1, (25, 20))
        noise = rng.integers(0, NUM_PARTS + 1, (25, 20))
        predicted = np.where(rng.random((25, 20)) < 0.5, target, noise)
        yield tuple(np.kron(labels, np.ones((20, 20))).astype(np.uint8) for labels in (predicted, target))


def with_partdisc(count: int) -> dict[str, float]:
    from partdisc.metrics import PartEvaluator

    evaluator, seconds = PartEvaluator(NUM_PARTS, [""] * NUM_TARGETS), 0.0
    for predicted, target in draw_images(count):
        start = time.perf_counter()
        evaluator.update(predicted, target)
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    result = evaluator.compute()
    seconds += time.perf_counter() - start
    return {"seconds": seconds, "nmi": result.nmi, "ari": result.ari, "part_miou": result.part_miou}


def with_scikit_learn(count: int) -> dict[str, float]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    predicted = np.empty(count * SHAPE[0] * SHAPE[1], np.uint8)
    target = np.empty_like(predicted)
    size = SHAPE[0] * SHAPE[1]
    for n, (p, t) in enumerate(draw_images(count)):
        predicted[n * size : (n + 1) * size], target[n * size : (n + 1) * size] = p.ravel(), t.ravel()
    start = time.perf_counter()
    nmi, ari = normalized_mutual_info_score(target, predicted), adjusted_rand_score(target, predicted)
    return {"seconds": time.perf_counter() - start, "nmi": float(nmi), "ari": float(ari)}


SIDES = {"partdisc": with_partdisc, "scikit-learn": with_scikit_learn}


def _measure(side: str, count: int, queue: multiprocessing.Queue) -> None:
    found = SIDES[side](count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put({**found, "peak_mib": peak})


def measure(side: str, count: int) -> dict[str, float]:
    """Run one side in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measure, args=(side, count, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pixels", type=float, default=1e8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "evaluator.json")
    options = parser.parse_args()
    count = max(1, round(options.pixels / (SHAPE[0] * SHAPE[1])))
    rows = [("partdisc", max(1, count // 10)), ("partdisc", count), ("scikit-learn", count)]
    runs = [{"side": side, "pixels": n * SHAPE[0] * SHAPE[1], **measure(side, n)} for side, n in rows]
    full, reference = runs[1], runs[2]
    difference = max(abs(full[name] - reference[name]) for name in ("nmi", "ari"))
    summary = {
        "command": f"python benchmarks/evaluator.py --pixels {options.pixels:g}",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {multiprocessing.cpu_count()} CPUs, Python {platform.python_version()}",
        "times_faster": reference["seconds"] / full["seconds"],
        "largest_difference": difference,
        "runs": runs,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(summary, indent=1) + "\n")
    print("|              |    pixels | seconds | peak MiB |      NMI |      ARI |")
    print("|--------------|----------:|--------:|---------:|---------:|---------:|")
    for run in runs:
        print(
            f"| {run['side']:<12} | {run['pixels']:>9} | {run['seconds']:>7.2f} | {run['peak_mib']:>8.0f} "
            f"| {run['nmi']:.6f} | {run['ari']:.6f} |"
        )
    print(f"{summary['times_faster']:.0f} times faster; largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
