"""How fast extraction is against the bare backbone, and what the rest of a run adds to it.

Everything runs in one process, the two sides of a ratio in turn, since timings drift:

- extraction (list, decode, resize, forward, store on disk) against the bare backbone, in images/s. The bare backbone,
  timm's network in channels-last memory, gets the same images, decoded, in memory; each of its settings is tried and
  the fastest of a round counts: batches of 1, 2, 4 and 8 with torch's own threads, and one image a thread. Beside it
  stands the network as extraction runs it, folded (`partdisc.features.folding`), one image a thread: what decoding
  and storing cost. The allocator keeps freed memory (`partdisc.allocator`) for all of them.
- learning, masks with maps, and figures against the extraction of the same images, for several methods. The limit is
  for the first, plain factorization; the last is the default of `discover`.

    python benchmarks/extraction.py IMAGES [IMAGES ...] [--num-images 500] [--bare-images 64] [--rounds 3]

Wall time and processor time are both given: on a machine that others use, only the latter means something.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import partdisc
from partdisc.allocator import freed_memory_kept
from partdisc.data import ImageList, ImageLoader, list_images
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.labelling import write_parts
from partdisc.discovery.models import create_discoverer
from partdisc.features.extraction import extract_features, forward_batch
from partdisc.features.folding import folded
from partdisc.features.planning import plan_extraction
from partdisc.progress import Progress
from partdisc.runs.figures import write_figures
from partdisc.store.features import FeatureSet
from partdisc.store.files import write_text
from partdisc.store.masks import MaskSet
from partdisc.threads import spread

RESULTS = Path(__file__).parent / "results"
BATCH_SIZES = (1, 2, 4, 8)
FOLDED = "folded, one image a thread"
METHODS = (("dff", "none"), ("kmeans", "none"), ("dff", "auto"), ("two-stage", "auto"))
CPU = torch.device("cpu")
MOST = 0.3  # of the extraction's time, that the rest may add
SIZE = 448  # long side of the images, in pixels


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of `work`."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def decoded(images: ImageList, backbone: partdisc.Backbone, batch_size: int) -> list[list]:
    """Every batch of the plan, decoded: what the bare backbone is fed."""
    plan = plan_extraction(images, backbone, image_size=SIZE, batch_size=batch_size, dtype=torch.float16)
    batches = [batch for shard in plan.shards for batch in shard]
    return [loaded.images for loaded in ImageLoader(batches, lambda r: plan.sizes[r.id])]


def bare_settings(images: ImageList, backbone: partdisc.Backbone) -> dict[str, Callable[[], object]]:
    """Ways to run the bare backbone over all images, by name."""

    def forward(batch: list) -> None:
        forward_batch(backbone, batch, torch.float16)

    def in_batches(batches: list[list]) -> Callable[[], object]:
        return lambda: [forward(batch) for batch in batches]

    ways = {f"batches of {n}": in_batches(decoded(images, backbone, n)) for n in BATCH_SIZES}
    single = decoded(images, backbone, 1)
    ways["one image a thread"] = lambda: list(spread(forward, single, CPU))
    return ways


def folded_setting(images: ImageList, backbone: partdisc.Backbone) -> Callable[[], object]:
    """The network as extraction runs it, on decoded images."""
    quick = folded(backbone).to(memory_format=torch.channels_last)
    single = decoded(images, backbone, 1)
    return lambda: list(spread(lambda batch: forward_batch(quick, batch, torch.float16), single, CPU))


def extraction_round(images: ImageList, backbone: partdisc.Backbone, ways: dict, quick: Callable) -> dict:
    """Images/s of the bare backbone, each way, of the folded one, and of the extraction."""

    def extract() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract_features(backbone, [r.path for r in images.records], image_size=SIZE, store=folder)

    rates, cpu = {}, {}
    for name, work in {**ways, FOLDED: quick, "extraction": extract}.items():
        with freed_memory_kept():
            wall, processor = timed(work)
        rates[name], cpu[name] = len(images) / wall, 1000 * processor / len(images)
    bare = max(ways, key=lambda name: rates[name])
    return {
        "images_per_s": rates,
        "cpu_ms_per_image": cpu,
        "fastest_bare": bare,
        "ratio": rates["extraction"] / rates[bare],
        "ratio_to_folded": rates["extraction"] / rates[FOLDED],
        "cpu_ratio": min(cpu[name] for name in ways) / cpu["extraction"],
    }


def stages_of(model: PartDiscoverer, images: ImageList, features: FeatureSet, root: Path) -> dict:
    """Wall and processor seconds of every stage after the extraction; the results stay in `root`."""

    def progress(stage: str, total: int) -> Progress:
        return Progress(stage, total, verbosity=0)

    masks: list[MaskSet] = []

    def label() -> None:
        masks.append(write_parts(root, model, features, images, maps=True, progress=progress))

    return {
        "learning": timed(lambda: model.learn(images, features)),
        "masks and maps": timed(label),
        "figures": timed(lambda: write_figures(root, masks[0], overlays=48, progress=progress)),
    }


def stages(images: ImageList, backbone: partdisc.Backbone, num_parts: int, root: Path) -> dict:
    """The stages of a run, by method, and what they add to the extraction; the results stay in `root`."""
    kept = []
    extraction = timed(lambda: kept.append(extract_features(backbone, images, image_size=SIZE)))
    found: dict = {"extraction": extraction}
    for method, foreground in METHODS:
        model = create_discoverer(method, num_parts, foreground=foreground, backbone=backbone, device="cpu")
        parts = stages_of(model, images, kept[0], root / method / foreground)
        added = [sum(t[i] for t in parts.values()) / extraction[i] for i in (0, 1)]
        found[f"{method}, foreground {foreground}"] = {**parts, "added": added[0], "added_cpu": added[1]}
        print(method, foreground, json.dumps(parts), f"added {added[0]:.2f}", flush=True)
    return found


def table(result: dict) -> str:
    """The result as Markdown."""
    lines = [
        f"{result['machine']}, {result['date']}, load {result['load']:.1f} at the start; torch {result['torch']}.",
        "",
        "| | images/s, median | processor ms an image, least |",
        "|---|---|---|",
    ]
    for name in result["rounds"][0]["images_per_s"]:
        rate = statistics.median(r["images_per_s"][name] for r in result["rounds"])
        cpu = min(r["cpu_ms_per_image"][name] for r in result["rounds"])
        lines.append(f"| {name} | {rate:.1f} | {cpu:.1f} |")
    lines += ["", f"Extraction / fastest bare backbone of its round: {result['median_ratio']:.2f}, "]
    lines += [f"/ folded backbone: {result['median_ratio_to_folded']:.2f}.", ""]
    wall, cpu = result["stages"]["extraction"]
    lines += [f"{result['images']} images, extraction {wall:.1f} s (processor {cpu:.1f} s):", ""]
    lines += ["| | learning | masks and maps | figures | added |", "|---|---|---|---|---|"]
    for name, parts in result["stages"].items():
        if name != "extraction":
            cells = [
                f"{parts[k][0]:.1f} s ({parts[k][1]:.1f})" for k in ("learning", "masks and maps", "figures")
            ]
            lines.append(
                f"| {name} | {' | '.join(cells)} | {parts['added']:.0%} ({parts['added_cpu']:.0%}) |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write results/extraction.json and .md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+")
    parser.add_argument("--num-images", type=int, default=500)
    parser.add_argument("--bare-images", type=int, default=64)
    parser.add_argument("--num-parts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    load = os.getloadavg()[0]
    paths = [path for folder in options.images for path in sorted(Path(folder).rglob("*.[jJ]*[gG]"))]
    images, few = list_images(paths[: options.num_images]), list_images(paths[: options.bare_images])
    backbone = partdisc.create_backbone().to(memory_format=torch.channels_last)
    ways, quick = bare_settings(few, backbone), folded_setting(few, backbone)
    extract_features(backbone, few, image_size=SIZE)  # so that nothing is measured that happens once
    rounds = []
    for _ in range(options.rounds):
        rounds.append(extraction_round(few, backbone, ways, quick))
        print(json.dumps(rounds[-1]), flush=True)
    # removed at the end: that is no part of a run, and where files were just removed, new ones cost more
    with tempfile.TemporaryDirectory() as name:
        measured = stages(images, backbone, options.num_parts, Path(name))
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
        "load": load,
        "torch": torch.__version__,
        "rounds": rounds,
        "median_ratio": statistics.median(r["ratio"] for r in rounds),
        "median_ratio_to_folded": statistics.median(r["ratio_to_folded"] for r in rounds),
        "images": len(images),
        "stages": measured,
        "within_limit": measured["dff, foreground none"]["added"] <= MOST,
    }
    write_text(RESULTS / "extraction.json", json.dumps(result, indent=1) + "\n")
    write_text(RESULTS / "extraction.md", table(result))
    print(table(result))


if __name__ == "__main__":
    main()
