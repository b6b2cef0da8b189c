"""`--num-parts auto` against the annotation: which K it takes, and how the part mIoU goes with K.

    python benchmarks/choosing.py --data ../shared/data --synthetic SYN [--only carparts ccp car bird] [--limit 30]

SYN is a set made by `partdisc make-synthetic SYN --num-images 660`; of each super-category the first --limit train
images are taken, of carparts the test images, of ccp the first 100 test images. The target is the smallest K of 2..16
whose part mIoU is within .02 of the best; masks are not refined. Features and foreground are made once a set.
Results go to results/choosing.json as each set ends (sets there already are kept), the figure to
results/choosing.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import cv2

from partdisc.data import list_images
from partdisc.data.annotations import AnnotationSet, read_annotations
from partdisc.discovery import TwoStageClustering
from partdisc.discovery.choosing import RowSample
from partdisc.discovery.inside import RowsInside
from partdisc.metrics import PartEvaluator
from partdisc.render.canvas import drawing_style, new_figure, save_figure

HERE = Path(__file__).parent
RESULTS, FIGURE = HERE / "results" / "choosing.json", HERE / "results" / "choosing.png"
COUNTS = range(2, 17)
WITHIN = 0.02
LONG_SIDE = 320  # at which labels are compared


def annotated_sets(data: Path, synthetic: Path, limit: int) -> dict[str, tuple[AnnotationSet, int]]:
    """Name -> annotation and how many of its images."""
    found = {
        "carparts": (
            read_annotations(data / "carparts/test/annotations.json", groups=data / "carparts/groups.json"),
            100,
        ),
        "ccp": (
            read_annotations(
                data / "ccp",
                labels=data / "ccp/labels.json",
                groups=data / "ccp/groups.json",
                split=f"{data / 'ccp/splits.json'}:test",
            ),
            100,
        ),
    }
    drawn = read_annotations(synthetic / "train.json")
    names = {image.super_category for image in drawn.images if image.super_category}
    return found | {name.lower(): (drawn, limit) for name in sorted(names)}


def measure(name: str, annotations: AnnotationSet, limit: int, seed: int) -> dict:
    wanted = [
        i
        for i in annotations.images
        if name in ("carparts", "ccp") or (i.super_category or "").lower() == name
    ][:limit]
    images = list_images([annotations.image_path(image) for image in wanted])
    by_name = {Path(image.file_name).name: image for image in wanted}
    method = TwoStageClustering("auto", foreground="auto", seed=seed)
    start = time.perf_counter()
    features = method.extract(images)
    extraction = time.perf_counter() - start
    method.learn(images, features)
    inside = RowsInside(features, method.foreground_)
    start = time.perf_counter()
    method._choose(inside, RowSample(inside))
    choosing = time.perf_counter() - start
    targets = [annotations.labels(by_name[Path(entry.id).name]) for entry in features.entries]
    curve = [score(trial, features, targets, annotations) for trial in method._trials(inside, None, COUNTS)]
    best = max(curve)
    return {
        "images": len(features),
        "chosen": method.num_parts_,
        "target": next(k for k, value in zip(COUNTS, curve, strict=True) if value >= best - WITHIN),
        "part_miou": curve,
        "recurring": [support.recurring for support in method.choice_.supports],
        "seconds": {"extraction": extraction, "choosing": choosing},
    }


def score(method: TwoStageClustering, features: Sequence, targets: list, annotations: AnnotationSet) -> float:
    evaluator = PartEvaluator(method.num_parts_, annotations.part_names)
    for maps, target in zip(method.iter_maps(features), targets, strict=True):
        scale = LONG_SIDE / max(target.shape)
        small = cv2.resize(target, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        evaluator.update(maps.to_labels(small.shape), small)
    return evaluator.compute().part_miou


def draw(results: dict) -> None:
    sets = results["sets"]
    columns = 4
    with drawing_style():
        figure = new_figure(180, 38 * -(-len(sets) // columns) + 6)
        figure.set_layout_engine("constrained")
        panels = figure.subplots(-(-len(sets) // columns), columns, squeeze=False).ravel()
        for axes, (name, found) in zip(panels, sets.items(), strict=False):
            axes.axvspan(found["target"] - 2, found["target"] + 2, color="0.9")
            axes.plot(COUNTS, found["part_miou"], marker="o", markersize=2)
            axes.axvline(found["chosen"], color="tab:red", linewidth=1)
            axes.set(title=f"{name}: auto {found['chosen']}, target {found['target']}", xlim=(1.5, 16.5))
            axes.set_ylim(bottom=0)
        for axes in panels[len(sets) :]:
            axes.set_axis_off()
        figure.supxlabel("number of parts K")
        figure.supylabel("part mIoU")
    save_figure(figure, FIGURE, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"sets": {}}
    for name, (truth, limit) in annotated_sets(options.data, options.synthetic, options.limit).items():
        if name in results["sets"] or (options.only and name not in options.only):
            continue
        results["date"] = date.today().isoformat()
        results["sets"][name] = found = measure(name, truth, limit, options.seed)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        print(name, "chosen", found["chosen"], "target", found["target"], flush=True)
        print(" ", " ".join(f"{value:.3f}" for value in found["part_miou"]), flush=True)
    draw(results)


if __name__ == "__main__":
    main()
