"""How long a run with everything on takes, against the plain extraction of the same images' features.

In one process, in turn: `extract_features` (with the backbone's creation and the list of images), and
`partdisc.discover` with its defaults (the same, then foreground, clusterings that vote, refined masks, soft maps,
figures). The stages after the extraction are timed on their own in between. The limit is 3 times.

    python -m benchmarks.whole IMAGES [--num-images 100] [--image-size 512] [--rounds 3]

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
from pathlib import Path

import torch

import partdisc
from benchmarks.extraction import stages_of, timed
from partdisc.data import list_images
from partdisc.discovery.models import create_discoverer
from partdisc.features.extraction import extract_features
from partdisc.store.files import write_text

RESULTS = Path(__file__).parent / "results"
MOST = 3.0  # times the plain extraction


def one_round(paths: list[Path], image_size: int, num_parts: int, folder: Path) -> dict:
    """(wall, processor) seconds of the plain extraction, of a whole run, and of the stages of one."""
    kept = []

    def extract() -> None:
        kept.append(extract_features(partdisc.create_backbone(), list_images(paths), image_size=image_size))

    def run() -> None:
        partdisc.discover(paths, folder / "run", num_parts, image_size=image_size)

    plain, whole = timed(extract), timed(run)
    model = create_discoverer("two-stage", num_parts, device="cpu")
    model.image_size = image_size
    stages = stages_of(model, list_images(paths), kept.pop(), folder / "stages")
    return {
        "plain": plain,
        "whole": whole,
        **stages,
        "ratio": [w / p for w, p in zip(whole, plain, strict=True)],
    }


def main() -> None:
    """Measure, print, and write results/whole.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("--num-images", type=int, default=100)
    parser.add_argument("--image-size", type=int, default=512)
    parser.add_argument("--num-parts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    load = os.getloadavg()[0]
    paths = sorted(options.images.rglob("*.[jJ]*[gG]"))[: options.num_images]
    rounds = []
    # removed at the end: that is no part of a run, and where files were just removed, new ones cost more
    with tempfile.TemporaryDirectory() as name:
        one_round(paths[:4], options.image_size, 2, Path(name) / "first")  # what happens once is not measured
        for number in range(options.rounds):
            folder = Path(name) / str(number)
            rounds.append(one_round(paths, options.image_size, options.num_parts, folder))
            print(json.dumps(rounds[-1]), flush=True)
    wall, processor = (statistics.median(r["ratio"][i] for r in rounds) for i in (0, 1))
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
        "load": load,
        "torch": torch.__version__,
        "images": len(paths),
        "image_size": options.image_size,
        "rounds": rounds,
        "ratio": wall,
        "processor_ratio": processor,
        "within_limit": wall <= MOST,
    }
    write_text(RESULTS / "whole.json", json.dumps(result, indent=1) + "\n")
    print(f"whole run / plain extraction: {wall:.2f} on the clock, {processor:.2f} in processor time")


if __name__ == "__main__":
    main()
