"""`--num-parts auto` against the annotation: which K it takes, and how the part mIoU goes with K.

    python benchmarks/choosing.py --data ../shared/data --synthetic SYN [--only carparts ccp car bird] [--limit 30]

SYN is a set made by `partdisc make-synthetic SYN --num-images 660`; of each super-category the first --limit train
images are taken, of carparts and ccp the first 100 of the --split. Each K of 2..16 is tried with the default method
and each seed; features are made once a set. Results go to results/choosing.json as each set ends (sets there already
are kept), the figure beside it; the tables of choosing_report.py are printed. Other images than those by which the
rule was made: --split train, SYN with --seed 1, --results results/choosing_others.json. With --true-foreground the
annotation says what is object: --seeds 0 --true-foreground --results results/choosing_true_foreground.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from choosing_report import COUNTS, draw, summarise, tables

from partdisc.data import ImageList, list_images
from partdisc.data.annotations import AnnotationSet, read_annotations
from partdisc.discovery import TwoStageClustering
from partdisc.discovery.choosing import RowSample
from partdisc.discovery.inside import RowsInside, small_images
from partdisc.discovery.recurrence import measure_support
from partdisc.discovery.two_stage import most_shown, taught
from partdisc.metrics import PartEvaluator
from partdisc.parts import PartMaps
from partdisc.refinement import refined
from partdisc.store.features import FeatureSet

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "choosing.json"
LONG_SIDE = 320  # at which labels are compared


def annotated_sets(
    data: Path, synthetic: Path, limit: int, split: str
) -> dict[str, tuple[AnnotationSet, int]]:
    """Name -> annotation and how many of its images; the split is that of the photographs."""
    cars = data / "carparts"
    found = {
        "carparts": (
            read_annotations(cars / split / "annotations.json", groups=cars / "groups.json"),
            100,
        ),
        "ccp": (
            read_annotations(
                data / "ccp",
                labels=data / "ccp/labels.json",
                groups=data / "ccp/groups.json",
                split=f"{data / 'ccp/splits.json'}:{split}",
            ),
            100,
        ),
    }
    drawn = read_annotations(synthetic / "train.json")
    names = {image.super_category for image in drawn.images if image.super_category}
    return found | {name.lower(): (drawn, limit) for name in sorted(names)}


def measure(
    name: str, annotations: AnnotationSet, limit: int, seeds: Sequence[int], true_foreground: bool
) -> dict:
    """What each seed sees and scores."""
    wanted = [
        i
        for i in annotations.images
        if name in ("carparts", "ccp") or (i.super_category or "").lower() == name
    ][:limit]
    images = list_images([annotations.image_path(image) for image in wanted])
    by_name = {Path(image.file_name).name: image for image in wanted}
    features = TwoStageClustering(4).extract(images)
    targets = [reduced(annotations.labels(by_name[Path(entry.id).name])) for entry in features.entries]
    masks = None
    if true_foreground:
        pairs = zip(features.entries, targets, strict=True)
        masks = {entry.id: (labels > 0).astype(np.float32) for entry, labels in pairs}
    found = [measure_seed(images, features, masks, targets, annotations, seed) for seed in seeds]
    return {"images": len(features), "seeds": dict(zip(map(str, seeds), found, strict=True))}


def reduced(labels: np.ndarray) -> np.ndarray:
    """Labels at the size at which they are compared."""
    scale = LONG_SIDE / max(labels.shape)
    return cv2.resize(labels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)


def measure_seed(
    images: ImageList,
    features: FeatureSet,
    masks: Mapping[str, np.ndarray] | None,
    targets: list,
    annotations: AnnotationSet,
    seed: int,
) -> dict:
    """For each K what an object shows of the trial's parts, and the part mIoU of plain and of refined masks."""
    method = TwoStageClustering(4, seed=seed)
    method.learn(images, features, foreground=masks)
    load = small_images(features, images)
    inside = RowsInside(features, method.foreground_, masks, load)
    sample = RowSample(inside)
    pictures = [load(i) for i in range(len(features))]
    found: dict = {"effective": [], "plain": [], "part_miou": []}
    cells, voters, clusterings = method._cluster(inside, max(COUNTS))
    clusterings = list(clusterings)
    for trial in method._trials(inside, sample, COUNTS):
        num_parts = trial.num_parts_
        support = measure_support(trial._part_scores(sample.rows), sample.owners)
        trial.parts_ = taught(cells, voters, most_shown(clusterings, cells.owners()[voters], num_parts))
        maps = trial.iter_maps(features, foreground=masks)
        plain, fine = score(num_parts, maps, pictures, targets, annotations)
        found["effective"].append(round(support.effective, 2))
        found["plain"].append(plain)
        found["part_miou"].append(fine)
    return found


def score(
    num_parts: int, maps: Iterable[PartMaps], pictures: list, targets: list, annotations: AnnotationSet
) -> tuple[float, float]:
    """Part mIoU of plain and of refined masks."""
    plain, fine = (PartEvaluator(num_parts, annotations.part_names) for _ in range(2))
    for found, picture, target in zip(maps, pictures, targets, strict=True):
        plain.update(found.to_labels(target.shape), target)
        fine.update(refined(found, picture).to_labels(target.shape), target)
    return plain.compute().part_miou, fine.compute().part_miou


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--true-foreground", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.exists() else {"sets": {}}
    sets = annotated_sets(options.data, options.synthetic, options.limit, options.split)
    for name, (truth, limit) in sets.items():
        if name in results["sets"] or (options.only and name not in options.only):
            continue
        results["date"] = date.today().isoformat()
        results["sets"][name] = measure(name, truth, limit, options.seeds, options.true_foreground)
        options.results.write_text(json.dumps(results, indent=1) + "\n")
        print(name, "measured", flush=True)
    results["summary"] = summarise(results["sets"])
    options.results.write_text(json.dumps(results, indent=1) + "\n")
    draw(results, options.results.with_suffix(".png"))
    print(tables(results))


if __name__ == "__main__":
    main()
