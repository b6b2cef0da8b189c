"""The bookkeeping of the quality bench: what its tables say is what was measured."""

from __future__ import annotations

import dataclasses
import operator
import os
import time
from pathlib import Path

import numpy as np
import pytest

import partdisc
from benchmarks.quality import jobs, ours, peers, report, scoring, sets, summary, tables
from benchmarks.quality.__main__ import PAGES, RESULTS, main
from benchmarks.quality.controls import cell_labels
from benchmarks.quality.jobs import Job
from benchmarks.quality.processes import in_processes
from benchmarks.quality.rows import CANDIDATE_ROWS, OURS, ROWS, Row
from benchmarks.quality.sets import BenchSet, Group
from benchmarks.quality.tasks import Clock, Labelled, Place, Task
from partdisc.data.annotations import read_annotations
from partdisc.data.synthetic import make_synthetic
from partdisc.discovery import create_discoverer
from partdisc.metrics.intervals import bootstrap, paired_bootstrap
from partdisc.store.features import FeatureEntry
from partdisc.store.files import read_json


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> BenchSet:
    root = tmp_path_factory.mktemp("drawn") / "set"
    make_synthetic(root, num_images=12, size=64, super_categories=["car", "bottle"], splits=("test",))
    annotations = read_annotations(root / "test.json")
    groups = tuple(
        sets._group(
            name,
            len(annotations.super_parts[name]),
            annotations,
            [image for image in annotations.images if image.super_category == name],
            None,
        )
        for name in ("Bottle", "Car")
    )
    return BenchSet("drawn", "part_miou", annotations, groups, {"scope": "category"})


def results(scores, draws):
    """Results of several seeds, as jobs leave them."""
    return [
        {"scores": {"nmi": s}, "draws": {"nmi": d}, "per_part": {"wheel": s}, "keypoints": None}
        | {"seconds": 2.0 + n, "cpu_seconds": 1.0, "peak_mib": 100.0 + n}
        for n, (s, d) in enumerate(zip(scores, draws, strict=True))
    ]


# -- summaries -----------------------------------------------------------------------------------------------


def test_a_row_is_the_mean_over_seeds_with_the_interval_of_that_mean():
    draws = np.random.default_rng(0).random((3, 200))
    row = summary.summarize(results([0.1, 0.2, 0.6], draws.tolist()))
    assert row["scores"]["nmi"] == pytest.approx(0.3)
    assert row["intervals"]["nmi"] == pytest.approx(np.quantile(draws.mean(0), [0.025, 0.975]))
    assert (row["seeds"], row["seconds"], row["peak_mib"]) == (3, 3.0, 102.0)


def test_comparison_equals_the_paired_bootstrap_of_the_library():
    rng = np.random.default_rng(1)
    both = [partdisc.PartEvaluator(3) for _ in range(2)]
    for n in range(12):
        target = rng.integers(0, 4, (20, 20))
        for share, evaluator in zip((0.8, 0.6), both, strict=True):
            noisy = np.where(rng.random(target.shape) < share, target, rng.integers(0, 4, target.shape))
            evaluator.update(noisy, target, image_id=str(n))
    ours_, theirs = ([{"scores": e.compute().scores, "draws": bootstrap(e, 100).scores}] for e in both)
    found, wanted = summary.compare(ours_, theirs, "part_miou"), paired_bootstrap(*both, 100)["part_miou"]
    assert [found[k] for k in ("difference", "low", "high")] == pytest.approx(
        [wanted.difference, wanted.low, wanted.high]
    )
    assert found["better"]


def test_exceptions_are_the_pairs_that_are_not_clearly_better():
    comparisons = {"a": {"x": {"better": True}, "y": {"better": False}}, "b": {"x": None}}
    assert summary.exceptions(comparisons) == ["a: y", "b: x"]


def test_a_rival_that_is_missing_was_not_beaten():
    rivals = [row.name for row in ROWS if row.kind in report.RIVALS]
    found = {"s": {"nmi": {key: {"better": True} for key in rivals}}}
    assert report.verdict(found, {"s": {"headline": "nmi"}})["all_above_zero"]
    found["s"]["nmi"].pop(rivals[0])
    assert not report.verdict(found, {"s": {"headline": "nmi"}})["all_above_zero"]


@pytest.mark.parametrize("option", [["--limit", "3"], ["--sets", "ccp"], ["--rows", "grid"], ["--out", "x"]])
def test_the_readme_shows_the_whole_bench_only(option, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quality", "--update-readme", *option])
    with pytest.raises(SystemExit):
        main()
    assert "expected --update-readme with all sets, rows and images" in capsys.readouterr().err


def test_the_set_left_out_has_no_say_in_the_choice():
    scores = {name: {"x": 0.3, "y": 0.2 + 0.1 * n, "z": 0.25} for n, name in enumerate("abcd")}
    chosen = {one["held_out"]: one["chosen"] for one in summary.leave_one_out(scores, "x")}
    for name in scores:
        turned = scores | {name: {"x": 0.9, "y": 0.0, "z": 1.0}}
        found = {one["held_out"]: one for one in summary.leave_one_out(turned, "x")}[name]
        assert found["chosen"] == chosen[name]
        assert (found["score"], found["default"]) == (turned[name][chosen[name]], 0.9)
        assert (found["best"], found["best_score"]) == ("z", 1.0)


def test_the_default_is_chosen_where_settings_tie():
    assert summary.leave_one_out({"a": {"y": 1, "x": 1}, "b": {"y": 1, "x": 1}}, "x")[0]["chosen"] == "x"


# -- tables --------------------------------------------------------------------------------------------------


def report_of(rows):
    bench = {"images": 5, "headline": "nmi", "rows": rows, "extraction_seconds": {"default": 4.0}}
    made = {"command": "c", "date": "d", "threads": 1, "cores": 2, "processor": "p", "packages": {}}
    difference = {"difference": 0.1, "low": 0.05, "high": 0.2, "better": True}
    return {
        "sets": {"s": bench},
        "comparisons": {"s": {"nmi": {"peer": difference}}},
        "verdict": {"all_above_zero": True, "exceptions": [], "exceptions_of_any_score": ["s, ari: x"]},
        "machine": made,
        "limit": None,
    }


def test_tables_show_what_the_report_says_and_failures_with_their_reason():
    row = summary.summarize(results([0.5], [[0.0, 1.0]]))
    peer = {"title": "Peer", "kind": "peer"}
    made = report_of({"ours": {"title": "Ours", "kind": "ours", **row}, "peer": peer | row})
    assert "| Ours | .50 |" in tables.readme_table(made)
    assert "| Ours | 1 | .500 [.025, .975] |" in tables.scores_table(made)
    assert "| Peer | .100 [.050, .200] |" in tables.comparisons_table(made)
    assert "1 exceptions: s, ari: x." in tables.comparisons_table(made)
    made["sets"]["s"]["rows"]["peer"] = peer | {"failed": "ImportError: no module"}
    assert "| Peer | ImportError: no module |" in tables.scores_table(made)
    assert "| Peer | – |" in tables.readme_table(made)


def test_filling_changes_only_what_lies_between_markers():
    text = "a\n<!-- quality: verdict -->\nold\n<!-- end -->\nb <!-- end -->\n"
    report = {"verdict": {"all_above_zero": False, "exceptions": ["s: x"]}}
    filled = tables.fill(text, report)
    assert filled == text.replace("old", "All above zero: no; exceptions: s: x.")
    assert tables.fill(filled, report) == filled


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_tables_of_the_documentation_are_those_of_the_results(page):
    text = page.read_text(encoding="utf-8")
    assert "<!-- quality: " in text
    assert tables.fill(text, read_json(RESULTS, schema="partdisc/quality")) == text


# -- rows and jobs -------------------------------------------------------------------------------------------


def test_rows_have_names_of_their_own_and_ours_comes_first():
    names = [row.name for row in (*ROWS, *CANDIDATE_ROWS)]
    assert len(set(names)) == len(names)
    assert ROWS[0].name == OURS
    assert ROWS[0].settings == {}


def test_a_result_is_kept_under_all_that_decides_it():
    place = Place(Path("data"), Path("work"))
    paths = {Job(*job).path(place) for job in (("ccp", "grid", 0), ("ccp", "grid", 1), ("badja", "grid", 0))}
    paths |= {Job("ccp", row, 0).path(place) for row in ("ours_dff", "ours_kmeans", "dff_paper")}
    paths |= {
        Job("ccp", "grid", 0).path(dataclasses.replace(place, **change))
        for change in ({"limit": 3}, {"draws": 9})
    }
    assert len(paths) == 8
    assert Job("ccp", "grid", 0).path(dataclasses.replace(place, threads=1)) in paths


def test_jobs_that_share_a_result_share_its_failure(tmp_path, monkeypatch):
    def refuse(function, calls, **options):
        return dict.fromkeys(calls, "out of memory")

    monkeypatch.setattr(jobs, "in_processes", refuse)
    monkeypatch.setattr(jobs.Job, "path", lambda job, place: tmp_path / "one.json")
    both = [Job("ccp", "grid", 0), Job("ccp", "random_patches", 0)]
    assert jobs.run_jobs(both, Place(tmp_path, tmp_path)) == {
        job: {"failed": "out of memory"} for job in both
    }


def test_settings_that_change_nothing_share_their_results():
    row = Row("other name", "", "ours", ours.discover_parts, settings={"image_size": None})
    assert row.identity() == ROWS[0].identity()


def test_a_job_writes_a_result_that_can_be_summarized(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "open_set", lambda *_: drawn)
    place, job = Place(tmp_path, tmp_path, draws=20), Job("drawn", "random_patches", 0)
    jobs.run_job(job, place, job.path(place))
    monkeypatch.setattr(jobs, "in_processes", lambda *_, **__: {})
    found = jobs.run_jobs([job], place)[job]
    assert len(found["draws"]["part_miou"]) == 20
    assert 0 < summary.summarize([found])["scores"]["part_miou"] < 1
    jobs.forget([job], place)
    assert not job.path(place).exists()


def test_one_call_that_fails_takes_no_other_with_it(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.quality.processes.PRELOAD", [])
    failed = in_processes(operator.truediv, [(1, 0), (1, 4)], processes=2)
    assert failed == {(1, 0): "ZeroDivisionError: division by zero"}
    assert "0.25" in capsys.readouterr().err


def test_the_clock_adds_up():
    clock = Clock()
    for _ in range(2):
        with clock:
            time.sleep(0.01)
    assert clock.seconds >= 0.02
    assert clock.peak_mib > 10


# -- labels and scores ---------------------------------------------------------------------------------------


def test_our_labels_are_those_of_discover(drawn, tmp_path):
    settings = {"weights": "random", "image_size": 64, "foreground": "none"}
    group = drawn.groups[1]
    run = partdisc.discover(
        group.paths, tmp_path / "run", num_parts=group.num_parts + 1, overlays=0, **settings
    )
    found = ours.discover_parts(Task(drawn, group, 0, tmp_path), settings)
    by_id = {entry.id: run.masks.labels(entry) for entry in run.masks.entries}
    for record, labels in zip(group.listed.records, found.labels, strict=True):
        np.testing.assert_array_equal(labels, by_id[record.id])
    again = ours.known_parts(Task(drawn, group, 0, tmp_path), settings)
    assert all(np.array_equal(a, b) for a, b in zip(found.labels, again.labels, strict=True))


def test_the_annotation_itself_scores_one(drawn):
    found = {
        g.name: Labelled(len(drawn.part_names), [drawn.target(image) for image in g.images])
        for g in drawn.groups
    }
    result = scoring.score(drawn, found, draws=5)
    assert result["scores"]["part_miou"] == result["scores"]["boundary_f"] == 1


def test_outlines_of_objects_count_any_part_but_the_background(drawn):
    bench = dataclasses.replace(drawn, groups=drawn.groups[:1], scoring={"foreground_only": True})
    bench.annotations.has_masks = False
    try:
        for image in bench.groups[0].images:
            bench._targets[image.id] = (bench._targets.get(image.id, drawn.target(image)) > 0).astype(
                np.uint8
            )
        halves = []
        for image in bench.groups[0].images:  # background 1, the object 2 and 3
            mask = bench.target(image)
            halves.append(np.where(mask > 0, 2 + np.arange(mask.shape[1]) % 2, 1).astype(np.uint8))
        scores = scoring.score(bench, {bench.groups[0].name: Labelled(3, halves)}, draws=5)["scores"]
    finally:
        bench.annotations.has_masks = True
        bench._targets.clear()
    assert scores["foreground_iou"] == scores["boundary_f"] == 1


def test_cells_take_the_label_at_their_centre_and_ignore_what_lies_beyond():
    target = np.arange(12, dtype=np.uint8).reshape(3, 4).repeat(10, 0).repeat(10, 1)
    entry = FeatureEntry("a", (30, 40), (4, 5), (3.0, 4.0))
    labels = cell_labels(target, entry)
    assert labels[:3, :4].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert (labels[3] == 255).all()
    assert (labels[:, 4] == 255).all()


def test_shares_sum_to_one_also_where_nothing_is_active():
    found = peers.shares(np.array([[1.0, 3.0], [0.0, 0.0]]))
    assert found.tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_a_group_whose_images_are_missing_is_refused(drawn):
    images = [dataclasses.replace(drawn.groups[0].images[0], file_name="gone.jpg")]
    with pytest.raises(ValueError, match=r"1 images are not there, first"):
        sets._group("x", 2, drawn.annotations, images, None)


def test_a_group_lists_its_images_in_order(drawn):
    group: Group = drawn.groups[0]
    assert [record.path for record in group.listed.records] == list(group.paths)


@pytest.mark.parametrize(
    "row", [row for row in (*ROWS, *CANDIDATE_ROWS) if row.settings is not None], ids=lambda r: r.name
)
def test_settings_of_ours_are_ones_that_discover_takes(row, drawn, tmp_path):
    chosen = ours.resolved(Task(drawn, drawn.groups[1], 0, tmp_path), row.settings)
    create_discoverer(chosen.method, chosen.num_parts, foreground=chosen.foreground, **chosen.options)
    assert chosen.num_parts == drawn.groups[1].num_parts + (chosen.foreground == "none")


def test_the_threads_of_child_processes_leave_this_process_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    assert in_processes(os.getenv, [("OMP_NUM_THREADS",)], threads=3) == {}
    assert dict(os.environ) == before
