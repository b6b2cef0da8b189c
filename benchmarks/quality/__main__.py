"""How good are discovered parts? Ours beside controls, peers and supervision, on four annotated sets.

    python -m benchmarks.quality                                   # all rows, five seeds
    python -m benchmarks.quality --leave-one-out --refinement --update-readme  # everything, and the tables
    python -m benchmarks.quality --sets carparts --rows ours grid --limit 12   # a quick look
    python -m benchmarks.quality --again ours                      # make single rows again

Protocol and rows are explained in docs/quality.md. What was made is kept in --work: an interrupted bench goes on
where it was. Results go to benchmarks/results/quality.json, or with --limit or a choice of sets or rows to
WORK/quality.json.
Peers: pip install 'partdisc[bench]'.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.quality.jobs import Job, forget, run_jobs
from benchmarks.quality.processes import in_processes
from benchmarks.quality.refinement import refinement_path, run_refinements
from benchmarks.quality.report import SCHEMA, build
from benchmarks.quality.rows import CANDIDATE_ROWS, OPTIONAL_ROWS, ROWS, Row
from benchmarks.quality.sets import OPENERS, open_set
from benchmarks.quality.tables import comparisons_table, fill, readme_table, refinement_table, settings_table
from benchmarks.quality.tasks import Place
from partdisc.store.files import read_json, write_json, write_text

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "quality.md")
REFINED = ("carparts", "ccp")  # sets with part masks of photographs


def main() -> None:
    options = _options()
    start = time.perf_counter()
    place = Place(
        options.data.absolute(), options.work.absolute(), options.limit, options.draws, options.threads
    )
    rows = list(ROWS)
    if options.rows is not None:
        rows = [row for row in (*ROWS, *OPTIONAL_ROWS) if row.name in options.rows]
    jobs = plan(rows, options.sets, options.seeds, place)
    if options.leave_one_out:
        jobs += plan(CANDIDATE_ROWS, options.sets, options.seeds, place)
    forget([job for job in jobs if job.row in options.again or "all" in options.again], place)
    report = build(run_jobs(jobs, place, options.jobs), options.sets, place)
    if options.refinement:
        report["refinement"] = refinements([n for n in REFINED if n in options.sets], place)
    out = options.out or (RESULTS if options.whole else place.work / "quality.json")
    write_json(out, report, schema=SCHEMA)
    report = read_json(out, schema=SCHEMA)
    print("\n\n".join(show(report) for show in _shown(report)))
    print(f"\n{out}, {(time.perf_counter() - start) / 60:.1f} minutes")
    if options.update_readme:
        for page in PAGES:
            write_text(page, fill(page.read_text(encoding="utf-8"), report))


def plan(rows: list[Row] | tuple[Row, ...], sets: list[str], seeds: int, place: Place) -> list[Job]:
    """The jobs of some rows, set by set."""
    found = []
    for name in sets:
        bench = open_set(name, place.data, place.work, place.limit)
        for row in rows:
            if row.fits(bench):
                found += [Job(name, row.name, seed) for seed in range(min(seeds, row.seeds or seeds))]
    return found


def refinements(names: list[str], place: Place) -> dict:
    """Ways to refine masks, compared on some sets."""
    todo = [(name, place) for name in names if not refinement_path(name, place).exists()]
    in_processes(run_refinements, todo, threads=place.threads)
    paths = {name: refinement_path(name, place) for name in names}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def _shown(report: dict) -> list:
    shown = [readme_table, comparisons_table]
    return shown + [
        t for key, t in (("settings", settings_table), ("refinement", refinement_table)) if key in report
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="annotated sets")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "quality", help="features, runs, results"
    )
    parser.add_argument("--sets", nargs="+", choices=OPENERS, default=list(OPENERS))
    parser.add_argument(
        "--rows", nargs="+", choices=[row.name for row in (*ROWS, *OPTIONAL_ROWS)], metavar="ROW"
    )
    parser.add_argument("--again", nargs="+", default=[], metavar="ROW|all", help="make these rows again")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, metavar="N", help="only so many images of each set")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--threads", type=int, default=2, help="of each process")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--leave-one-out", action="store_true", help="try other settings, check the choice")
    parser.add_argument("--refinement", action="store_true", help="compare ways to refine masks")
    parser.add_argument("--update-readme", action="store_true", help="put the tables into README.md and docs")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    options = parser.parse_args()
    options.whole = options.limit is None and options.rows is None and set(options.sets) == set(OPENERS)
    if options.update_readme and not (options.whole and options.out is None):
        parser.error("expected --update-readme with all sets, rows and images, and without --out")
    return options


if __name__ == "__main__":
    main()
