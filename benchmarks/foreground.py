"""How good each way to find the foreground is: its foreground IoU on the sets of the quality bench, and its time.

Rows: every registered estimator alone, `auto`, and `auto` without cuts, on the default features, before any
refinement; the IoU of all pixels of a set. carparts is left out, since it annotates only some parts of its objects.

    python -m benchmarks.foreground [--sets ccp badja synthetic] [--limit 100] [--update-docs]

Features are kept in --work, as the quality bench keeps them. Results go to benchmarks/results/foreground.json, the
table into docs/foreground.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.features import DEFAULT, backbone_of, group_features, in_order
from benchmarks.quality.sets import BenchSet, Group, open_set
from partdisc.discovery.inside import small_images
from partdisc.foreground import AUTO, CLASS_ESTIMATORS, ESTIMATORS, class_logits, fit_foreground
from partdisc.parts import PartMaps
from partdisc.store.features import FeatureSet
from partdisc.store.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results" / "foreground.json", ROOT / "docs" / "foreground.md"
START, END = "<!-- foreground: estimators -->", "<!-- end -->"
WAYS: dict[str, tuple[tuple[str, ...], bool]] = {
    "auto": (AUTO, True),
    "auto, no cuts": (AUTO, False),
    **{name: ((name,), True) for name in (*ESTIMATORS, *CLASS_ESTIMATORS)},
}


def find(
    group: Group, features: FeatureSet, evidence: tuple[str, ...], cuts: bool
) -> tuple[list[np.ndarray], float]:
    """Foreground masks (H, W) of a group's images, in the order of the features, and the seconds of learning."""
    start = time.process_time()
    learnt = fit_foreground(
        features,
        small_images(features, group.listed) if cuts else None,
        evidence=evidence,
        logits=class_logits(backbone_of(DEFAULT)),
    )
    seconds = time.process_time() - start
    masks = []
    for number, entry in enumerate(features.entries):
        inside = learnt(features[number]).numpy()
        masks.append(PartMaps(np.stack([1 - inside, inside]), entry.size, entry.content).to_labels() > 0)
    return masks, seconds


def score(bench: BenchSet, work: Path) -> dict[str, dict[str, float]]:
    """Foreground IoU and processor seconds of every way on one set."""
    overlap, union, seconds = (dict.fromkeys(WAYS, 0.0) for _ in range(3))
    for group in bench.groups:
        features = group_features(DEFAULT, group, work)
        places = in_order(DEFAULT, features, group)
        for name, (evidence, cuts) in WAYS.items():
            masks, used = find(group, features, evidence, cuts)
            seconds[name] += used
            for image, place in zip(group.images, places, strict=True):
                target = bench.target(image) > 0
                overlap[name] += float((masks[place] & target).sum())
                union[name] += float((masks[place] | target).sum())
    return {name: {"iou": overlap[name] / union[name], "seconds": seconds[name]} for name in WAYS}


def table(sets: dict[str, dict[str, dict[str, float]]]) -> str:
    """The results as Markdown: foreground IoU / processor seconds."""
    lines = [f"| | {' | '.join(sets)} |", f"|---|{'---|' * len(sets)}"]
    for name in WAYS:
        cells = (f"{scores[name]['iou']:.3f} / {scores[name]['seconds']:.1f} s" for scores in sets.values())
        lines.append(re.sub(r"\b0\.", ".", f"| {name} | {' | '.join(cells)} |"))
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the results; with --update-docs the table of the page too."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=["ccp", "badja", "synthetic"])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "quality")
    parser.add_argument("--limit", type=int, help="images of each set")
    parser.add_argument("--update-docs", action="store_true")
    options = parser.parse_args()

    sets = {}
    for name in options.sets:
        sets[name] = score(open_set(name, options.data.absolute(), options.work, options.limit), options.work)
        print(json.dumps({name: sets[name]}), flush=True)
    result = {"date": datetime.date.today().isoformat(), "torch": torch.__version__, "limit": options.limit}
    write_text(RESULTS, json.dumps({**result, "sets": sets}, indent=1) + "\n")
    print(table(sets))
    if options.update_docs:
        before, rest = PAGE.read_text(encoding="utf-8").split(START)
        write_text(PAGE, f"{before}{START}\n{table(sets)}\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
