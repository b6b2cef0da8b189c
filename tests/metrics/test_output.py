from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from partdisc.errors import ConfigError
from partdisc.metrics import PartEvaluator
from partdisc.metrics.output import load_matchings, write_evaluation
from partdisc.metrics.report import comparison_table, markdown_table, summary_line
from partdisc.scores import format_score

NAMES = ("a", "b", "c", "d")


def evaluate(pairs, **options):
    evaluator = PartEvaluator(5, NAMES, **options)
    for n, (predicted, target) in enumerate(pairs):
        evaluator.update(predicted, target, image_id=f"{n}.jpg", category="xy"[n % 2], unit=f"u{n}")
    return evaluator


def write(folder, evaluator):
    result = evaluator.compute()
    names = [f"part {k}" for k in range(1, 6)]
    write_evaluation(
        folder, evaluator, result, title="a run", command="do it", part_names=names, source={"set": "s"}
    )
    return result


def read_csv(path):
    with open(path) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("scope", ["dataset", "category", "image"])
def test_a_matching_read_back_gives_the_same_scores(tmp_path, image_pairs, scope):
    evaluator = evaluate(image_pairs, scope=scope)
    result = write(tmp_path, evaluator)
    again = evaluator.compute(load_matchings(tmp_path / "matching.json", NAMES, scope), fitted_on="file")
    assert again.scores == result.scores
    assert again.matchings == result.matchings


def test_matching_of_other_names_or_scope_is_refused(tmp_path, image_pairs):
    write(tmp_path, evaluate(image_pairs))
    with pytest.raises(ConfigError, match="match the annotated parts w, x, but it knows a, b, c, d"):
        load_matchings(tmp_path / "matching.json", ("w", "x"), "dataset")
    with pytest.raises(ConfigError, match="add --scope dataset"):
        load_matchings(tmp_path / "matching.json", NAMES, "category")


@pytest.mark.parametrize(
    ("scope", "groups"), [("dataset", {"all"}), ("category", {"x", "y"}), ("image", {"all"})]
)
def test_confusion_holds_every_pixel_once(tmp_path, image_pairs, scope, groups):
    write(tmp_path, evaluate(image_pairs, scope=scope))
    rows = read_csv(tmp_path / "confusion.csv")
    assert {row["group"] for row in rows} == groups
    counted = sum(int(row[name]) for row in rows for name in ("background", *NAMES))
    assert counted == sum(int((target != 255).sum()) for _, target in image_pairs)


def test_scores_of_single_images_are_those_of_an_evaluation_of_one(tmp_path, image_pairs):
    evaluator = evaluate(image_pairs)
    matchings = write(tmp_path, evaluator).matchings
    rows = read_csv(tmp_path / "per_image.csv")
    for row, pair in zip(rows, image_pairs, strict=True):
        alone = PartEvaluator(5, NAMES, background="none")
        alone.update(*pair)
        for name, value in alone.compute(matchings).scores.items():
            assert float(row[name] or "nan") == pytest.approx(value, rel=1e-5, abs=1e-9, nan_ok=True)


def test_undefined_is_null_in_json_and_empty_in_csv(tmp_path):
    evaluator = PartEvaluator(5, NAMES)
    evaluator.update(np.array([[0, 1]]), np.array([[0, 1]]), image_id="1")
    write(tmp_path, evaluator)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["fg_nmi"] is None
    assert found["per_part"][2]["iou"] is None
    assert found["absent"] == ["b", "c", "d"]
    assert read_csv(tmp_path / "per_part.csv")[2]["iou"] == ""
    assert "Never annotated here, so in no mean: b, c, d." in (tmp_path / "report.md").read_text()


def test_categories_are_listed(tmp_path, image_pairs):
    write(tmp_path, evaluate(image_pairs, scope="category"))
    report = (tmp_path / "report.md").read_text()
    assert "## Categories" in report
    assert "one for each category" in report
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["categories"]["x"]["num_images"] == 5


def test_an_older_evaluation_leaves_nothing_behind(tmp_path, image_pairs):
    write(tmp_path, evaluate(image_pairs))
    empty = PartEvaluator(5, NAMES)
    result = evaluate(image_pairs).compute()
    result.scores, result.per_part = {}, []
    write_evaluation(tmp_path, empty, result, title="", command="", part_names=[], source={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "report.md"]


def test_tables_are_aligned_and_escape_bars():
    lines = markdown_table(["run", "x"], [["a|b", "1"], ["long name", "0.25"]]).splitlines()
    assert lines[2] == "| a\\|b      |    1 |"
    assert len({len(line) for line in lines}) == 1
    assert format_score(None) == "–"


def test_a_foreground_s_line_is_about_the_foreground():
    evaluator = PartEvaluator(1, NAMES)
    evaluator.update(np.ones((4, 4), np.uint8), np.ones((4, 4), np.uint8))
    result = evaluator.compute()
    result.controls = {"grid_in_foreground": dict(result.scores), "grid": dict.fromkeys(result.scores, 0.5)}
    assert summary_line("fg", result).endswith(
        "; a plain grid has 0.500, 0.500"
    )  # the other's is the run's own
    assert summary_line("fg", result).startswith("fg: foreground IoU 1.000, background IoU –; 1 image,")


def test_line_and_table_show_the_runs(image_pairs):
    results = {"one": evaluate(image_pairs).compute(), "two": evaluate(image_pairs[:5]).compute()}
    line = summary_line("one", results["one"])
    assert line.startswith(f"one: part mIoU {results['one'].part_miou:.3f}, NMI ")
    assert line.endswith("; 10 images, protocol partdisc")
    results["one"].controls = {"grid": dict.fromkeys(results["one"].scores, 0.25)}
    line = summary_line("one", results["one"])
    assert line.endswith("; 10 images, protocol partdisc; a plain grid has 0.250, 0.250, 0.250")
    results["one"].controls["grid_in_foreground"] = dict.fromkeys(results["one"].scores, 0.5)
    line = summary_line("one", results["one"])
    assert line.endswith("; a plain grid in the same foreground has 0.500, 0.500, 0.500")
    results["one"].controls = {}
    table = comparison_table(results).splitlines()
    assert len(table) == 4
    assert f"{results['two'].ari:.3f}" in table[3]
