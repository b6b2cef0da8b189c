"""Peak anonymous memory of whole runs, from JPEGs to masks, for two numbers of images.

    python benchmarks/memory.py [--images DIR] [--counts 200 2000] [--image-size 224] [--max-memory 0.02]
                                [options of discover]

Takes images of a folder, or draws them first (synthetic, small), then discovers parts in each number of them, in a
process of its own, and watches that process and its workers. The budget is smaller than the features of either
number, so both live on disk.
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


def anonymous_mib(pid: int) -> float:
    """Anonymous memory of a process and its children, in MiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        own = int(status.split("RssAnon:")[1].split()[0]) / 1024
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0.0
    return own + sum(anonymous_mib(int(child)) for child in children)


def finished_stage(run: Path) -> str:
    """The stage of the last whole line in a run's log."""
    try:
        lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "start"
    return json.loads(lines[-1])["stage"] if lines and lines[-1].endswith("}") else "start"


def watch(command: list[str], run: Path) -> dict[str, float]:
    """Run a command; the peak of its anonymous memory in MiB, by the stage that its log came to last."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks: dict[str, float] = {}
    while process.poll() is None:
        stage, used = finished_stage(run), anonymous_mib(process.pid)
        peaks[stage] = max(peaks.get(stage, 0.0), used)
        time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    return peaks


def main() -> None:
    """Measure, print, and write results/memory.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path)
    parser.add_argument("--counts", type=int, nargs=2, default=[200, 2000])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--max-memory", type=float, default=0.02)
    options, further = parser.parse_known_args()  # further options go to discover
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        images = options.images or Path(folder) / "images"
        if options.images is None:
            make_synthetic(images, num_images=2 * max(options.counts), size=64, splits=("train",), workers=2)
        paths = sorted(str(p.absolute()) for p in images.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
        for count in options.counts:
            named, out = Path(folder) / f"{count}.txt", Path(folder) / f"run{count}"
            named.write_text("\n".join(paths[:count]), encoding="utf-8")
            command = [sys.executable, "-m", "partdisc", "discover", str(named), "--out", str(out), "-q"]
            command += ["--num-parts", "8", "--image-size", str(options.image_size)]
            command += ["--max-memory", str(options.max_memory), *further]
            runs.append(watch(command, out))
            counts = json.loads((out / "run.json").read_text(encoding="utf-8"))["counts"]
            assert counts["images"] == count, counts
    peaks = [max(run.values()) for run in runs]
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "images": options.counts,
        "image_size": options.image_size,
        "max_memory_gib": options.max_memory,
        "options": further,
        "peak_anonymous_mib": peaks,
        "by_stage": runs,
        "ratio": peaks[1] / peaks[0],
    }
    print(json.dumps(result, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    write_text(RESULTS, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
