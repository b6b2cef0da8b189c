"""Kill a run with SIGKILL at random moments, resume it each time, and compare it with an uninterrupted one.

    python benchmarks/kill_and_resume.py IMAGES [--kills 20] [--features disk|memory] [--seed 0] [options of discover]

Prints how far the run was at each kill; exits with 1 and the names of the files that differ.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IGNORED = ("started", "updated", "command", "runtime", "error", "status")


def contents(root: Path) -> dict[str, object]:
    """All files of a run without dates and commands; log lines regardless of the order of stages."""
    found: dict[str, object] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != ".lock"):
        data = path.read_bytes()
        name = path.relative_to(root).as_posix()
        if name == "run.json":
            found[name] = {k: v for k, v in json.loads(data).items() if k not in IGNORED}
        else:
            found[name] = sorted(data.splitlines()) if name == "log.jsonl" else data
    return found


def stage(root: Path) -> str:
    """How far a run is: what it holds."""
    counts = {
        "feature shards": len(list(root.glob("features/*.safetensors"))),
        "model": len(list(root.glob("model/config.json"))),
        "masks": len(list(root.glob("parts/masks/**/*.png"))),
        "overlays": len(list(root.glob("figures/overlays/**/*.jpg"))),
    }
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--features", default="disk")
    parser.add_argument("--seed", type=int, default=0)
    arguments, further = parser.parse_known_args()  # further options go to discover
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:

        def command(out: Path) -> list[str]:
            base = [
                sys.executable,
                "-m",
                "partdisc",
                "discover",
                arguments.images,
                "--out",
                str(out),
                "--num-parts",
            ]
            return [*base, "8", "--resume", "-q", "--features", arguments.features, *further]

        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        start = time.monotonic()
        subprocess.run(command(whole), check=True, stdout=subprocess.DEVNULL)
        duration = time.monotonic() - start
        kills = rounds = 0
        differing: set[str] = set()
        while kills < arguments.kills:
            process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL)
            try:
                process.wait(timeout=rng.uniform(0.5, 1.1) * duration)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                print(f"kill {kills}: {stage(killed)}", flush=True)
                if kills < arguments.kills:
                    continue
                subprocess.run(command(killed), check=True, stdout=subprocess.DEVNULL)
            # it ran to its end: compare, and begin anew
            a, b = contents(whole), contents(killed)
            differing |= {name for name in {*a, *b} if a.get(name) != b.get(name)}
            rounds += 1
            shutil.rmtree(killed)
        print(
            f"{kills} kills in {rounds} runs of {len(a)} files; {len(differing)} differ {sorted(differing)[:10]}"
        )
        sys.exit(bool(differing))


if __name__ == "__main__":
    main()
