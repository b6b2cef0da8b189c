"""Does training pay? Co-part segmentation beside what it starts from and beside DFF, on a drawn and on a real set.

    python benchmarks/scops.py [--only synthetic ablation views] [--seeds 0 1 2] [--training '{"steps": 150}']
    python benchmarks/scops.py --only carparts --data ../shared/data

All methods see the same features; those "within" the same foreground, found without labels. "refined" follows each
image's colours, as a run's masks do where there is a foreground. Intervals are paired bootstraps over images; those
over seeds average the seeds within each draw. Seconds are CPU seconds, so a busy machine hardly changes them; of our
own arms they leave out the foreground, which all share. Results go to results/scops.json after every method, the
tables to stdout.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partdisc.data import ImageList, list_images
from partdisc.data.annotations import AnnotationSet, read_annotations
from partdisc.data.annotations.groups import read_groups
from partdisc.data.synthetic import make_synthetic
from partdisc.discovery import create_discoverer
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import fit_stage, small_images
from partdisc.discovery.scops.config import load_config
from partdisc.features import create_backbone, extract_features
from partdisc.metrics import PartEvaluator
from partdisc.metrics.intervals import bootstrap
from partdisc.metrics.pairing import pair_images
from partdisc.refinement import refined
from partdisc.store.features import FeatureSet

RESULTS = Path(__file__).parent / "results" / "scops.json"
SCORES = ("part_miou", "nmi", "ari", "foreground_iou")
START = {"steps": 1, "learning_rate": 0.0, "basis_learning_rate": 0.0, "labels": 0.0}
OURS = "trained"
DRAWS = 1000
DRAWN = 300  # images
HELD_OUT = 100
RIVALS = {
    "DFF": ("dff", 1, {"foreground": "none"}),
    "DFF within": ("dff", 0, {"foreground": "auto"}),
    "two-stage within": ("two-stage", 0, {"foreground": "auto"}),
    "the start": ("scops", 0, {"foreground": "auto", "training": START}),
}
ABLATION: dict[str, dict[str, Any]] = {
    "untrained": START,
    "all terms": {},
    "without concentration": {"concentration": 0.0},
    "without equivariance of maps and centroids": {"equivariance": 0.0, "centroids": 0.0},
    "equivariance of maps with weight 1": {"equivariance": 1.0},
    "equivariance of centroids with weight 1": {"centroids": 1.0},
    "without semantic consistency": {"semantic": 0.0},
    "without orthonormality": {"orthonormality": 0.0},
    "without the foreground term": {"foreground": 0.0},
    "without the labels of the start": {"labels": 0.0},
    "labels alone": {
        "concentration": 0.0,
        "equivariance": 0.0,
        "centroids": 0.0,
        "semantic": 0.0,
        "orthonormality": 0.0,
        "foreground": 0.0,
    },
    "from k-means": {"start": "kmeans"},
    "from DFF": {"start": "dff"},
    "from random weights": {"start": "random", "learning_rate": 1e-3, "stop_on_collapse": False},
    "without a foreground": {"stage": "none"},
}


@dataclass
class Task:
    """Images to learn from, and those (the same, or others) of which the first are scored, with their features."""

    learnt: tuple[ImageList, FeatureSet]
    scored: tuple[ImageList, FeatureSet]
    annotation: AnnotationSet
    num_parts: int
    partial: bool
    most: int

    def __post_init__(self) -> None:
        images = self.annotation.images
        pairs = pair_images([r.id for r in self.scored[0].records], [image.id for image in images]).pairs
        self.targets = {self.scored[0].records[i].id: images[j] for i, j in pairs}
        # each method is scored on them again
        self.labels = cache(lambda image_id: self.annotation.labels(self.targets[image_id]))
        self.picture = cache(small_images(self.scored[1], self.scored[0]))

    def evaluators(
        self, discoverer: PartDiscoverer, kinds: Sequence[str] = ("plain", "refined")
    ) -> dict[str, PartEvaluator]:
        """Plain and refined masks of a fitted method, counted; without a foreground runs do not refine."""
        if not discoverer.has_background:
            kinds = ("plain",)
        names = list(self.annotation.part_names)
        found = {
            kind: PartEvaluator(discoverer.num_parts_, names, partial_annotation=self.partial)
            for kind in kinds
        }
        for index, maps in enumerate(self.maps(discoverer)):
            if maps.image_id not in self.targets:
                continue
            for kind, evaluator in found.items():
                shown = refined(maps, self.picture(index)) if kind == "refined" else maps
                evaluator.update(shown.to_labels(), self.labels(maps.image_id), image_id=maps.image_id)
        return found

    def maps(self, discoverer: PartDiscoverer) -> Iterator[Any]:
        """Part maps of the scored images, over the configured views where the method has any."""
        images, features = self.scored
        return discoverer.iter_maps(features, range(min(self.most, len(features))), images=images)


def extracted(images: ImageList, size: int, folder: Path, name: str) -> tuple[ImageList, FeatureSet]:
    """Images with their features, which are kept for the next time."""
    store = folder / f"features_{name}_{len(images)}_{size}"
    return images, extract_features(create_backbone(), images, image_size=size, device="cpu", store=store)


def synthetic(runs: Path, count: int, size: int, most: int) -> Task:
    """Drawn quadrupeds: four parts; learnt on all of them, scored on the first."""
    root = runs / f"quadrupeds_{count}"
    if not (root / "train.json").exists():
        make_synthetic(
            root, num_images=count, size=(192, 256), splits=["train"], super_categories=["quadruped"]
        )
    both = extracted(list_images(root / "train"), size, runs, "quadrupeds")
    return Task(both, both, read_annotations(root), 4, False, most)


def carparts(
    data: Path, runs: Path, count: int | None, size: int, most: int, *, held_out: bool = False
) -> Task:
    """Cars, seven groups of parts and the panels left out: learnt on the first of train, scored on those of test.

    With `held_out` scored on the last of train instead: settings are not chosen on test.
    """
    root, split = data / "carparts", "train" if held_out else "test"
    annotation = read_groups(root / "groups.json", read_annotations(root / split / "annotations.json"))
    learnt = extracted(list_images(root / "train" / "images", limit=count), size, runs, "carparts_train")
    images = list_images(root / split / "images")
    if held_out:
        images = ImageList(images.root, images.records[-HELD_OUT:])
    scored = extracted(images, size, runs, "carparts_held_out" if held_out else "carparts_test")
    return Task(learnt, scored, annotation, annotation.num_parts + 1, True, most)


class Bench:
    """Runs methods on a task and keeps what came out."""

    def __init__(self, task: Task, training: dict[str, Any], size: int, results: dict[str, Any]) -> None:
        self.task, self.training, self.size, self.results = task, training, size, results
        self.drawn: dict[tuple[str, int, str], tuple[dict[str, float], dict[str, np.ndarray]]] = {}
        self.foregrounds: dict[int, dict[str, np.ndarray]] = {}

    def foreground(self, seed: int) -> dict[str, np.ndarray]:
        """What `--foreground auto` finds, once for all methods that can be given it."""
        if seed not in self.foregrounds:
            images, features = self.task.learnt
            found = fit_stage(
                "auto", create_backbone(), features, seed, pictures=small_images(features, images)
            )
            assert found is not None
            self.foregrounds[seed] = {
                e.id: found(m).numpy() for e, m in zip(features.entries, features, strict=True)
            }
        return self.foregrounds[seed]

    def run(self, name: str, method: str, further: int, options: dict[str, Any], seed: int) -> None:
        """Learn, score, write down."""
        extra = {}
        if method == "scops" and options["foreground"] == "auto":
            extra = {"foreground": self.foreground(seed)}
        begun = time.process_time()
        method_options = {"image_size": self.size, "device": "cpu", "seed": seed, **options}
        discoverer = create_discoverer(method, self.task.num_parts + further, **method_options)
        discoverer.learn(*self.task.learnt, **extra)
        row: dict[str, Any] = {"cpu_seconds": round(time.process_time() - begun, 1)}
        for kind, evaluator in self.task.evaluators(discoverer).items():
            scores = evaluator.compute().scores
            self.drawn[name, seed, kind] = scores, bootstrap(evaluator, DRAWS, seed=0).scores
            row[kind] = {key: scores[key] for key in SCORES if key in scores}
        curve = getattr(discoverer, "history_", [])
        if curve:
            row["first"], row["last"] = curve[0], curve[-1]
        self.results.setdefault(name, {})[str(seed)] = row
        print(f"{name:<36} seed {seed}  " + _shown(row), flush=True)
        write_results()

    def trained(self, name: str, changes: dict[str, Any], seed: int) -> None:
        """Our own method with some settings changed."""
        training = {**self.training, **changes}
        stage = training.pop("stage", "auto")
        self.run(name, "scops", int(stage == "none"), {"training": training, "foreground": stage}, seed)

    def gains(self, rivals: list[str], seeds: list[int]) -> None:
        """Paired intervals of what training gains over each rival, seeds averaged within each draw."""
        for rival, kind, score in itertools.product(rivals, ("plain", "refined"), ("part_miou", "nmi")):
            theirs = kind if (rival, seeds[0], kind) in self.drawn else "plain"
            pairs = [(self.drawn[OURS, s, kind], self.drawn[rival, s, theirs]) for s in seeds]
            gain = float(np.mean([a[score] - b[score] for (a, _), (b, _) in pairs]))
            draws = np.mean([a[score] - b[score] for (_, a), (_, b) in pairs], axis=0)
            low, high = np.quantile(draws, [0.025, 0.975])
            told = {"gain": gain, "low": low, "high": high, "seeds": len(seeds)}
            self.results.setdefault("gains", {})[f"{score}, {kind}, over {rival}"] = told
            print(f"{score}, {kind}, over {rival}: {gain:+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)
        write_results()


def _shown(row: dict[str, Any]) -> str:
    kinds = [kind for kind in ("plain", "refined") if kind in row]
    told = [
        f"{kind} " + " / ".join(f"{row[kind][s]:.3f}" for s in SCORES if s in row[kind]) for kind in kinds
    ]
    return "   ".join(told) + f"   {row['cpu_seconds']:.0f} CPU s"


KEPT: dict[str, Any] = {}


def write_results() -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(KEPT, indent=1, default=float) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=["synthetic", "ablation", "views"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--images", type=int, help="to learn from; default 300 drawn ones, all cars of train")
    parser.add_argument("--arms", nargs="+", choices=ABLATION, default=list(ABLATION), metavar="ARM")
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS), metavar="RIVAL")
    parser.add_argument("--held-out", action="store_true", help="cars: score the last 100 of train")
    parser.add_argument("--scored", type=int, default=300, metavar="N", help="score the first N images only")
    parser.add_argument("--image-size", type=int, default=448)
    parser.add_argument("--training", type=json.loads, default={}, help="JSON: settings in place of fast's")
    parser.add_argument("--runs", type=Path, default=Path("runs/scops"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if RESULTS.exists():
        KEPT.update(json.loads(RESULTS.read_text()))
    if "carparts" in options.only:
        task = carparts(options.data, options.runs, options.images, options.image_size, options.scored)
        name = "carparts, held out" if options.held_out else "carparts"
        compare(bench_of(name, task, options), options.rivals, options.seeds)
    if {"synthetic", "ablation", "views"} & set(options.only):
        task = synthetic(options.runs, options.images or DRAWN, options.image_size, options.scored)
        bench = bench_of("synthetic", task, options)
        if "synthetic" in options.only:
            compare(bench, options.rivals, options.seeds)
        if "views" in options.only:
            bench.trained("trained, mirrored views averaged", {"view_flip": True}, options.seeds[0])
        if "ablation" in options.only:
            for arm in options.arms:
                bench.trained(arm, ABLATION[arm], options.seeds[0])


def bench_of(name: str, task: Task, options: argparse.Namespace) -> Bench:
    training = {**load_config("fast").to_dict(), "picture_every": 0, **options.training}
    results = KEPT.setdefault(name, {})
    results["about"] = {
        "training": training,
        "images": len(task.learnt[0]),
        "scored": min(options.scored, len(task.scored[0])),
        "date": date.today().isoformat(),
    }
    return Bench(task, training, options.image_size, results)


def compare(bench: Bench, rivals: list[str], seeds: list[int]) -> None:
    for seed in seeds:
        for rival in rivals:
            method, further, choices = RIVALS[rival]
            bench.run(rival, method, further, choices, seed)
        bench.trained(OURS, {}, seed)
    bench.gains(rivals, seeds)


if __name__ == "__main__":
    main()
