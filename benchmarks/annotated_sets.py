"""Discover and evaluate on the four real annotated sets, one command each, with controls and intervals.

    python benchmarks/annotated_sets.py --data ../shared/data [--only carparts ccp] [-- discover options]

Runs go to runs/annotated_sets (not kept in the repository); what is there already is only evaluated. The scores of
each evaluation go to results/annotated_sets/<name>.json, the table of all to stdout. Discovery runs without a
foreground stage by default, so one part more than annotated is asked for: it becomes the background.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
KEPT = (
    "command", "protocol", "scope", "assignment", "matched_by", "background_declared", "num_images", "num_parts",
    "num_annotated_parts", "num_absent", "per_part", "intervals", "resampling", "controls", "keypoints", "notes",
)  # fmt: skip
PLAIN = ["--method", "dff", "--foreground", "none"]
SCORES = ("part_miou", "nmi", "ari", "foreground_iou")


@dataclass(frozen=True)
class Task:
    """One evaluation: which images (a folder, or a split of it), how many parts, the options of evaluate."""

    images: str
    num_parts: int
    options: str
    split: tuple[str, str] | None = None


CARPARTS = "--annotations {data}/carparts/test/annotations.json --partial-annotation"
TASKS = {
    "carparts_7_groups": Task("carparts/test/images", 8, CARPARTS + " --groups {data}/carparts/groups.json"),
    "carparts_18_parts": Task("carparts/test/images", 19, CARPARTS),
    "ccp_test": Task(
        "ccp/images",
        7,
        "--annotations {data}/ccp --labels {data}/ccp/labels.json --groups {data}/ccp/groups.json "
        "--split {data}/ccp/splits.json:test",
        ("ccp/splits.json", "test"),
    ),
    "pascal_part_sample": Task("pascal_part_sample/JPEGImages", 8, "--annotations {data}/pascal_part_sample"),
    "badja": Task("badja/images", 8, "--annotations {data}/badja"),
}


def call(command: str) -> None:
    print("$", command, flush=True)
    subprocess.run([sys.executable, *shlex.split(command)], check=True)


def discover(name: str, task: Task, data: str, runs: Path, options: str) -> Path:
    """The run of a task, made if it is not there."""
    run, images = runs / name, f"{data}/{task.images}"
    if (run / "run.json").exists():
        return run
    if task.split is not None:
        file, split = task.split
        stems = json.loads(Path(data, file).read_text())[split]
        paths = [
            str(path.resolve())
            for path in sorted(Path(images).iterdir())
            if path.stem in set(map(str, stems))
        ]
        images = str(runs / f"{name}.txt")
        Path(images).parent.mkdir(parents=True, exist_ok=True)
        Path(images).write_text("\n".join(paths) + "\n")
    call(f"scripts/discover.py {images} --out {run} --num-parts {task.num_parts} {options}")
    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--runs", type=Path, default=Path("runs/annotated_sets"))
    parser.add_argument("discover", nargs="*", default=PLAIN, help="options of discover.py, after --")
    options = parser.parse_args()
    rows = []
    for name in options.only:
        task = TASKS[name]
        run = discover(name, task, options.data, options.runs, shlex.join(options.discover))
        call(f"scripts/evaluate.py {run} {task.options.format(data=options.data)}")
        found = json.loads((run / "evaluation" / "metrics.json").read_text())
        made = json.loads((run / "run.json").read_text())["command"]
        scores = {key: found[key] for key in found if key in found["intervals"] or key in SCORES}
        kept = {key: found[key] for key in KEPT}
        result = {"discover": shlex.join(made), "date": date.today().isoformat(), **scores, **kept}
        target = HERE / "results" / "annotated_sets" / f"{name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(result, indent=1) + "\n")
        rows.append([name, *(_show(found, score) for score in SCORES)])
    width = max(len(row[0]) for row in rows)
    for row in [["set", *SCORES], *rows]:
        print(f"{row[0]:<{width}}  " + "  ".join(f"{cell:>22}" for cell in row[1:]))


def _show(found: dict, score: str) -> str:
    if found.get(score) is None:
        return "-"
    low, high = found["intervals"][score]
    return f"{found[score]:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
