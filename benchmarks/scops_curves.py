"""How training goes: every loss, and what the masks score, over the steps; as JSON and as one figure.

    python benchmarks/scops_curves.py --data ../shared/data [--only carparts synthetic] [--training '{"steps": 400}']
    python benchmarks/scops_curves.py --only        # draws the figure anew from results/scops_curves.json

Losses are those of log.jsonl, times their weights. Scores are of masks that are not refined, by the averaged weights
of the checkpoints; step 0 is the start. The dashed lines are what two-stage scores, learnt from the same images.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import torch
from scops import DRAWN, START, Bench, Task, carparts, synthetic

from partdisc.discovery import create_discoverer
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.scops import checkpoints
from partdisc.discovery.scops.config import TERMS, load_config

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scops_curves.json"
FIGURE = ROOT / "docs" / "figures" / "scops_curves.png"
SCORES = {"part_miou": "part mIoU", "nmi": "NMI"}
HEAD = "average.segmenter.head."


def curve(bench: Bench, every: int) -> dict[str, Any]:
    """Losses and scores over one training with seed 0."""
    options = {"image_size": bench.size, "device": "cpu", "seed": 0, "foreground": "auto"}
    two_stage = create_discoverer("two-stage", bench.task.num_parts, **options)
    two_stage.learn(*bench.task.learnt)
    with tempfile.TemporaryDirectory() as folder:
        training = {**bench.training, "checkpoint_every": every}
        scops = create_discoverer("scops", bench.task.num_parts, training=training, **options)
        scops.learn(*bench.task.learnt, folder=Path(folder), foreground=bench.foreground(0))
        kept = map(checkpoints.read_checkpoint, checkpoints.list_checkpoints(Path(folder)))
        scores = [{"step": found.step, **score(bench.task, at(scops, found))} for found in kept]
    start = create_discoverer("scops", bench.task.num_parts, training={**training, **START}, **options)
    start.learn(*bench.task.learnt, foreground=bench.foreground(0))
    return {
        "training": training,
        "weights": {term: training[term] for term in TERMS},
        "losses": [{key: line[key] for key in ("step", *TERMS)} for line in scops.history_],
        "scores": [{"step": 0, **score(bench.task, start)}, *scores],
        "two-stage": score(bench.task, two_stage),
        "date": date.today().isoformat(),
    }


def at(scops: Any, found: checkpoints.Checkpoint) -> PartDiscoverer:
    """The method as it was at a checkpoint."""
    then = copy.deepcopy(scops)
    state = {k.removeprefix(HEAD): v for k, v in found.tensors.items() if k.startswith(HEAD)}
    then.head_.load_state_dict({**then.head_.state_dict(), **state})
    return then


def score(task: Task, discoverer: PartDiscoverer) -> dict[str, float]:
    scores = task.evaluators(discoverer, ("plain",))["plain"].compute().scores
    return {key: scores[key] for key in SCORES}


def draw(curves: dict[str, Any]) -> None:
    """Losses above, scores below, a column for each set."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    size = (1.5 + 4 * len(curves), 5)
    figure, axes = plt.subplots(2, len(curves), figsize=size, sharex="col", squeeze=False)
    for (name, found), (above, below) in zip(curves.items(), axes.T, strict=True):
        steps = [line["step"] for line in found["losses"]]
        for term in TERMS:
            weight = found["weights"][term]
            if weight:
                above.plot(steps, [weight * line[term] for line in found["losses"]], label=term, linewidth=1)
        above.set(title=name, yscale="log")
        for number, (key, title) in enumerate(SCORES.items()):
            points = [(line["step"], line[key]) for line in found["scores"]]
            below.plot(*zip(*points, strict=True), f"C{number}o-", markersize=3, label=title)
            below.axhline(found["two-stage"][key], color=f"C{number}", linestyle="--", linewidth=1)
        below.set(xlabel="step")
    axes[0, 0].set(ylabel="loss times weight")
    axes[1, 0].set(ylabel="score (dashed: two-stage)")
    for row in axes:
        row[-1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    FIGURE.parent.mkdir(exist_ok=True)
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="*", choices=("carparts", "synthetic"), default=["carparts", "synthetic"]
    )
    parser.add_argument("--images", type=int, help="to learn from; default 300 drawn ones, all cars of train")
    parser.add_argument("--scored", type=int, default=100, metavar="N", help="score the first N images only")
    parser.add_argument("--image-size", type=int, default=448)
    parser.add_argument("--training", type=json.loads, default={}, help="JSON: settings in place of fast's")
    parser.add_argument("--every", type=int, default=20, help="steps between two scores")
    parser.add_argument("--runs", type=Path, default=Path("runs/scops"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    checkpoints.KEPT = 10_000  # all of them: each is scored
    curves = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.only:
        if name == "carparts":
            task = carparts(options.data, options.runs, options.images, options.image_size, options.scored)
        else:
            task = synthetic(options.runs, options.images or DRAWN, options.image_size, options.scored)
        training = {**load_config("fast").to_dict(), "picture_every": 0, **options.training}
        curves[name] = curve(Bench(task, training, options.image_size, {}), options.every)
        RESULTS.write_text(json.dumps(curves, indent=1) + "\n")
    draw(curves)


if __name__ == "__main__":
    main()
