"""Peak anonymous memory of extraction with the store on disk, for two numbers of images.

    python benchmarks/memory.py [--counts 500 2000] [--image-size 224]

Draws the images first (synthetic, small), then extracts each number in a process of its own and watches that process
and its workers.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from partdisc.data.synthetic import make_synthetic
from partdisc.store.files import write_text

RESULTS = Path(__file__).parent / "results" / "memory.json"
CODE = """
import sys, partdisc
paths = sorted(__import__("pathlib").Path(sys.argv[1]).rglob("*.JPEG"))[: int(sys.argv[2])]
features = partdisc.extract_features(
    partdisc.create_backbone(), paths, image_size=int(sys.argv[4]), store=sys.argv[3], workers=1
)
assert len(features) == int(sys.argv[2]), len(features)
"""


def anonymous_mib(pid: int) -> float:
    """Anonymous memory of a process and its children, in MiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        own = int(status.split("RssAnon:")[1].split()[0]) / 1024
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0.0
    return own + sum(anonymous_mib(int(child)) for child in children)


def peak_mib(command: list[str]) -> float:
    """Run a command and return the peak of its anonymous memory."""
    process = subprocess.Popen(command)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, anonymous_mib(process.pid))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    return peak


def main() -> None:
    """Measure, print, and write results/memory.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs=2, default=[500, 2000])
    parser.add_argument("--image-size", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        make_synthetic(images, num_images=2 * max(options.counts), size=64, splits=("train",), workers=2)
        peaks = []
        for count in options.counts:
            store = str(Path(folder) / f"store{count}")
            peaks.append(
                peak_mib(
                    [sys.executable, "-c", CODE, str(images), str(count), store, str(options.image_size)]
                )
            )
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "images": options.counts,
        "image_size": options.image_size,
        "peak_anonymous_mib": peaks,
        "ratio": peaks[1] / peaks[0],
    }
    print(json.dumps(result, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
