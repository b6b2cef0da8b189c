"""How fast extraction is against the bare backbone, and what the rest of a run adds.

Two ratios, measured in one process with the two sides in turn, since timings drift:

- extraction (list, decode, resize, forward, store) against the bare backbone on the same batches, in images/s;
- factorization, masks and files (overlays aside) against the extraction.

    python benchmarks/extraction.py IMAGES [--num-images 500] [--num-parts 8] [--rounds 3]
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import tempfile
import time
from pathlib import Path

import torch

import partdisc
from partdisc.data import ImageLoader, list_images
from partdisc.discovery.labelling import write_parts
from partdisc.features.extraction import (
    extract_features,
    forward_batch,
    plan_extraction,
)
from partdisc.progress import Progress
from partdisc.store.files import write_text

RESULTS = Path(__file__).parent / "results" / "extraction.json"


def decoded_batches(images, backbone, batch_size: int) -> list:
    """Every batch of the plan, decoded: what the bare backbone is fed."""
    plan = plan_extraction(images, backbone, image_size=448, batch_size=batch_size, dtype=torch.float16)
    batches = [batch for shard in plan.shards for batch in shard]
    return [loaded.images for loaded in ImageLoader(batches, lambda r: plan.sizes[r.id])]


def bare_seconds(backbone, batches) -> float:
    """The backbone alone, on batches that lie in memory."""
    start = time.perf_counter()
    for images in batches:
        forward_batch(backbone, images, torch.float16)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, and write results/extraction.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+")
    parser.add_argument("--num-images", type=int, default=500)
    parser.add_argument("--num-parts", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    paths = [path for folder in options.images for path in sorted(Path(folder).rglob("*.[jJ]*[gG]"))]
    images = list_images(paths[: options.num_images])
    backbone = partdisc.create_backbone().to(memory_format=torch.channels_last)
    batches = decoded_batches(list_images(paths[:100]), backbone, options.batch_size)
    count = sum(map(len, batches))
    bare_seconds(backbone, batches[:2])
    rounds = []
    for _ in range(options.rounds):
        bare = count / bare_seconds(backbone, batches)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            extract_features(
                backbone, paths[:100], store=folder, batch_size=options.batch_size, workers=options.workers
            )
        extraction = count / (time.perf_counter() - start)
        rounds.append(
            {"bare_images_per_s": bare, "extraction_images_per_s": extraction, "ratio": extraction / bare}
        )
        print(json.dumps(rounds[-1]), flush=True)

    start = time.perf_counter()
    features = extract_features(backbone, images, batch_size=options.batch_size, workers=options.workers)
    extraction_s = time.perf_counter() - start
    dff = partdisc.DeepFeatureFactorization(options.num_parts, backbone=backbone, device="cpu")
    start = time.perf_counter()
    dff.fit_features(features)
    fit_s = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_parts(
            Path(folder), dff, features, images, maps=True, progress=lambda s, n: Progress(s, n, verbosity=0)
        )
        write_s = time.perf_counter() - start
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "rounds": rounds,
        "median_ratio": sorted(r["ratio"] for r in rounds)[len(rounds) // 2],
        "images": len(images),
        "extraction_s": extraction_s,
        "factorization_s": fit_s,
        "masks_and_files_s": write_s,
        "added": (fit_s + write_s) / extraction_s,
    }
    print(json.dumps(result, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
