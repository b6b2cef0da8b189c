"""Are levels as good as parts discovered at that number, and better than merging or splitting parts?

    python -m benchmarks.levels --data ../shared/data --work runs/quality [--only carparts ccp synthetic]

For each set of the quality bench and the K asked for there (docs/quality.md), on its features and scored as there: K
parts discovered directly; 2 K discovered directly; K and 2 K as levels (`--num-parts 2K --levels K`); K merged from
2 K; and the opposite direction, each of K parts split in two by k-means of its cells. carparts has 18 parts below its
groups, against which rows are scored too. Masks are refined as by default. Rows go to results/levels.json as each set
and seed ends (those there already are kept), means over seeds to stdout.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.quality.features import DEFAULT, backbone_of, group_features, in_order
from benchmarks.quality.sets import BenchSet, Group, open_set
from partdisc.data.annotations import read_annotations
from partdisc.discovery import PartDiscoverer, create_discoverer
from partdisc.discovery.inside import small_images
from partdisc.discovery.levels import cells_of_parts, fit_tree
from partdisc.discovery.nesting import learn_levels
from partdisc.discovery.voting import scaled
from partdisc.factorization import KMeans
from partdisc.metrics import PartEvaluator
from partdisc.parts import PartMaps
from partdisc.refinement import refined
from partdisc.store.features import FeatureSet

RESULTS = Path(__file__).parent / "results" / "levels.json"
SETS = ("carparts", "ccp", "synthetic")
SCORES = ("part_miou", "nmi", "ari", "part_miou_18")
Found = dict[str, tuple[int, list[np.ndarray]]]  # row -> how many parts, and labels of the group's images


def rows_of(group: Group, features: FeatureSet, seed: int) -> Found:
    """Every row's labels."""
    K = group.num_parts
    coarse, fine = (_discovered(group, features, count, seed) for count in (K, 2 * K))
    tree = fit_tree(fine, features, group.listed, [K])
    finest = _labels(features, group, fine.iter_maps(features))
    found = {
        "K directly": (K, _labels(features, group, coarse.iter_maps(features))),
        "K merged from 2 K": (K, [tree.labels_at(K, labels) for labels in finest]),
        "2 K directly": (2 * K, finest),
        "2 K split from K": (2 * K, _labels(features, group, _split_in_two(coarse, group, features, seed))),
    }
    learn_levels(fine, features, [K], pictures=small_images(features, group.listed))
    nested = _labels(features, group, fine.iter_maps(features))
    assert fine.tree_ is not None
    levels = [fine.tree_.labels_at(K, labels) for labels in nested]
    return found | {"K, level of 2 K": (K, levels), "2 K within level K": (2 * K, nested)}


def _discovered(group: Group, features: FeatureSet, num_parts: int, seed: int) -> PartDiscoverer:
    method = create_discoverer("two-stage", num_parts, backbone=backbone_of(DEFAULT), seed=seed)
    method.learn(group.listed, features)
    return method


def _labels(features: FeatureSet, group: Group, maps: Iterator[PartMaps]) -> list[np.ndarray]:
    load = small_images(features, group.listed)
    found = [refined(each, load(i)).to_labels() for i, each in enumerate(maps)]
    return [found[i] for i in in_order(DEFAULT, features, group)]


def _split_in_two(
    method: PartDiscoverer, group: Group, features: FeatureSet, seed: int
) -> Iterator[PartMaps]:
    """Maps of twice as many parts: each part's cells in two clusters, which share its probability."""
    cells, parts = cells_of_parts(method, features, group.listed)
    pairs = []
    for part in range(method.num_parts_):
        rows = cells.rows[parts == part]
        centers = (
            KMeans(2, restarts=3, max_iter=50, seed=seed).fit(rows).cluster_centers_
            if len(rows) > 1
            else rows
        )
        pairs.append(torch.as_tensor(centers).float().expand(2, -1))
    temperature = 0.2 * len(cells.mean)
    for index, maps in enumerate(method.iter_maps(features)):
        rows = scaled(features[index].flatten(0, 1), cells.mean, cells.scale)
        shares = [torch.softmax(-torch.cdist(rows, pair).square() / temperature, dim=1) for pair in pairs]
        grid = torch.cat(shares, dim=1).T.reshape(-1, *maps.maps.shape[1:]).numpy()
        yield replace(maps, maps=np.concatenate([maps.maps[:1], maps.maps[1:].repeat(2, 0) * grid]))


def measure(bench: BenchSet, data: Path, work: Path, seed: int) -> dict[str, dict[str, float]]:
    """Row -> scores."""
    found = [rows_of(group, group_features(DEFAULT, group, work), seed) for group in bench.groups]
    return {row: score(bench, [each[row] for each in found], data) for row in found[0]}


def score(bench: BenchSet, found: Sequence[tuple[int, list[np.ndarray]]], data: Path) -> dict[str, float]:
    """Scores of one row, whose parts of each group are given."""
    counts = {group.name: count for group, (count, _) in zip(bench.groups, found, strict=True)}
    evaluator = bench.evaluator(counts)
    for group, (_, labels) in zip(bench.groups, found, strict=True):
        for image, each in zip(group.images, labels, strict=True):
            evaluator.update(each, bench.target(image), image_id=image.id, category=image.super_category)
    scores = evaluator.compute().scores
    result = {name: float(scores[name]) for name in SCORES if name in scores}
    return result | (
        {"part_miou_18": _score_18(bench.groups[0], *found[0], data)} if bench.name == "carparts" else {}
    )


def _score_18(group: Group, num_parts: int, labels: list[np.ndarray], data: Path) -> float:
    """Part mIoU against all annotated parts of carparts."""
    annotated = read_annotations(data / "carparts" / "test" / "annotations.json")
    by_id = {image.id: image for image in annotated.images}
    evaluator = PartEvaluator(num_parts, annotated.part_names, partial_annotation=True)
    for image, each in zip(group.images, labels, strict=True):
        evaluator.update(each, annotated.labels(by_id[image.id]))
    return float(evaluator.compute().part_miou)


def table(runs: dict[str, Any]) -> str:
    """Means over seeds, as Markdown."""
    lines = ["| set | row | seeds | part mIoU | NMI | ARI | mIoU, 18 parts |", "|---" * 7 + "|"]
    for name in SETS:
        seeds = [found for key, found in runs.items() if key.startswith(f"{name}/")]
        for row in seeds[0] if seeds else ():
            means = [
                np.mean([found[row][s] for found in seeds]) if s in seeds[0][row] else None for s in SCORES
            ]
            cells = ["–" if mean is None else f"{mean:.3f}".removeprefix("0") for mean in means]
            lines.append(f"| {name} | {row} | {len(seeds)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    parser.add_argument("--only", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    runs = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else {}
    for seed in options.seeds:
        for name in options.only:
            if f"{name}/{seed}" not in runs:
                bench = open_set(name, options.data, options.work)
                runs[f"{name}/{seed}"] = measure(bench, options.data, options.work, seed)
                RESULTS.write_text(
                    json.dumps({"date": date.today().isoformat(), "runs": runs}, indent=1) + "\n"
                )
    print(table(runs))


if __name__ == "__main__":
    main()
