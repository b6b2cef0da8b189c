from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from sklearn import metrics as sk

from partdisc.cli.main import run_command
from partdisc.data.annotations import read_annotations
from partdisc.data.synthetic import make_synthetic
from partdisc.metrics import PartEvaluator
from partdisc.metrics.protocols import PROTOCOLS
from partdisc.store.masks import MaskEntry, MaskSet, read_masks, write_index, write_mask

from .evaluation_world import NAMES, SIZE


def test_writes_everything_and_prints_one_line(world, capsys):
    run = world.run(maps=True)
    assert world.evaluate(run, "--bootstrap", 20, "-q") == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith(f"{run}: part mIoU 0.")
    assert "4 images, protocol partdisc" in out
    assert err == ""
    written = {path.name for path in (run / "evaluation").iterdir()}
    assert written == {
        "metrics.json",
        "matching.json",
        "confusion.csv",
        "per_part.csv",
        "per_image.csv",
        "report.md",
    }


def test_scores_are_those_of_the_evaluator_and_of_scikit_learn(world):
    run = world.run()
    assert world.evaluate(run, "--bootstrap", 0, "--no-controls", "-q") == 0
    found = world.metrics()
    evaluator = PartEvaluator(3, ["head", "tail"])
    masks = read_masks(run)
    predicted = [masks.labels(entry) for entry in masks.entries]
    for labels, target in zip(predicted, world.targets.values(), strict=True):
        evaluator.update(labels, target)
    for name, value in evaluator.compute().scores.items():
        assert found[name] == pytest.approx(value)
    flat = (
        np.concatenate([t.ravel() for t in world.targets.values()]),
        np.concatenate([p.ravel() for p in predicted]),
    )
    assert found["nmi"] == pytest.approx(sk.normalized_mutual_info_score(*flat), abs=1e-9)
    assert found["ari"] == pytest.approx(sk.adjusted_rand_score(*flat), abs=1e-9)
    assert [part["name"] for part in found["per_part"]] == ["head", "tail"]
    assert [part["matched"] for part in found["per_part"]] == [[2], [3]]
    assert found["controls"] == {}
    assert found["intervals"] == {}


def test_json_holds_what_the_design_says(world):
    world.evaluate(world.run(maps=True), "--bootstrap", 20, "-q")
    found = world.metrics()
    assert found["schema"] == "partdisc/metrics"
    for name in ("part_miou", "nmi", "ari", "fg_nmi", "fg_ari", "purity", "completeness", "foreground_iou"):
        assert 0 <= found[name] <= 1
        assert found["intervals"][name][0] <= found["intervals"][name][1]
    assert (found["protocol"], found["num_images"], found["num_absent"]) == ("partdisc", 4, 0)
    assert set(found["controls"]) == {
        "grid",
        "random_patches",
        "color_kmeans",
        "grid_in_foreground",
        "resolution_ceiling",
    }
    assert found["source"]["images shared"] == 4
    assert "evaluate" in found["command"]
    assert found["resampling"]["by"] == "image"


def test_csv_files_add_up(world):
    run = world.run()
    world.evaluate(run, "--bootstrap", 0, "-q")
    with open(run / "evaluation" / "confusion.csv") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row[c]) for row in rows for c in ("background", "head", "tail")) == 4 * SIZE[0] * SIZE[1]
    assert [row["matched to"] for row in rows] == ["background", "", "head", "tail"]
    with open(run / "evaluation" / "per_image.csv") as file:
        images = list(csv.DictReader(file))
    assert [row["image"] for row in images] == NAMES
    assert all(int(row["pixels"]) == SIZE[0] * SIZE[1] for row in images)
    with open(run / "evaluation" / "per_part.csv") as file:
        parts = list(csv.DictReader(file))
    assert [float(p["iou"]) for p in parts] == pytest.approx(
        [p["iou"] for p in world.metrics()["per_part"]], abs=1e-5
    )


def test_report_names_its_command_and_every_control(world):
    run = world.run()
    world.evaluate(run, "--bootstrap", 20, "-q")
    text = (run / "evaluation" / "report.md").read_text()
    assert f"evaluate {run} --bootstrap 20 -q --annotations" in text
    assert "| part mIoU" in text
    assert "95% interval" in text
    assert "resolution ceiling: not scored: the run keeps no soft maps" in text
    assert "- interval: bootstrap, 20 draws of 4 images, seed 0." in text
    assert "| head" in text


def test_same_options_same_bytes(world):
    run = world.run(maps=True)
    files = []
    for _ in range(2):
        world.evaluate(run, "--bootstrap", 20, "-q")
        files.append({path.name: path.read_bytes() for path in (run / "evaluation").iterdir()})
    assert files[0] == files[1]


def test_ids_match_by_path_suffix(world):
    world.run(prefix="photos/2024/")
    assert world.evaluate(world.root / "run", "--bootstrap", 0, "-q") == 0
    assert world.metrics()["num_images"] == 4


def test_a_folder_of_masks_needs_no_run(world):
    run = world.run()
    assert world.evaluate(run / "parts", "--bootstrap", 0, "-q") == 0
    assert world.metrics()["num_images"] == 4
    (run / "parts").rename(world.root / "masks of somebody")
    assert world.evaluate(world.root / "masks of somebody", "--bootstrap", 0, "-q") == 0
    assert world.metrics("masks of somebody")["num_images"] == 4


def test_images_without_partner_are_counted(world):
    world.run(images=NAMES[:3])
    world.evaluate(world.root / "run", "--bootstrap", 0, "-q")
    source = world.metrics()["source"]
    assert source["annotated images without prediction"] == 1
    assert source["images shared"] == 3


def test_matching_of_another_split(world):
    world.json("splits.json", {"train": ["a", "b"], "test": ["c", "sub/d"]})
    run = world.run()
    splits = world.root / "splits.json"
    assert world.evaluate(run, "--split", f"{splits}:train", "--out", world.root / "train", "-q") == 0
    matching = world.root / "train" / "matching.json"
    assert (
        world.evaluate(run, "--split", f"{splits}:test", "--matching", matching, "--bootstrap", 5, "-q") == 0
    )
    found = world.metrics()
    assert found["matching_fitted_on"] == str(matching)
    assert found["num_images"] == 2
    own = json.loads((run / "evaluation" / "matching.json").read_text())
    assert own["groups"] == json.loads(matching.read_text())["groups"]


def test_an_unfinished_run_is_scored_and_says_so(world):
    run = world.run()
    world.json("run/run.json", {"schema": "partdisc/run", "version": 1, "status": "interrupted"})
    assert world.evaluate(run, "--bootstrap", 0, "-q") == 0
    assert f"The run is not finished: {run} (interrupted)." in world.metrics()["notes"]


def test_paired_comparison(world, capsys):
    good, bad = world.run("good", noise=0.05), world.run("bad", noise=0.7)
    assert world.evaluate(good, "--against", bad, "--bootstrap", 50, "-q") == 0
    assert f"against {bad} part mIoU +0." in capsys.readouterr().out
    assert world.evaluate(good, "--against", world.root / "nowhere", "--bootstrap", 50) == 2
    assert "evaluation:" not in capsys.readouterr().err  # told before any image is counted
    against = world.metrics("good")["against"]
    assert against["num_images"] == 4
    assert against["scores"]["part_miou"]["clear"]
    assert against["scores"]["part_miou"]["share_better"] == 1
    assert f"## Against {bad}" in (good / "evaluation" / "report.md").read_text()


def test_several_runs_give_a_table(world, capsys):
    good, bad = world.run("good", noise=0.05), world.run("bad", noise=0.7)
    assert world.evaluate(good, bad, "--bootstrap", 0, "--out", world.root / "both", "-q") == 0
    out = capsys.readouterr().out
    assert out.index(f"{good}: ") < out.index(f"{bad}: ") < out.index("| run ")
    assert "(grid)" in out
    assert (world.root / "both" / "good" / "metrics.json").exists()
    assert f"| {bad} " in (world.root / "both" / "comparison.md").read_text()


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
@pytest.mark.parametrize("maps", [True, False])
def test_every_protocol_scores(world, protocol, maps):
    run = world.run(maps=maps)
    assert world.evaluate(run, "--protocol", protocol, "--bootstrap", 5, "-q") == 0
    found = world.metrics()
    assert found["protocol"] == protocol
    assert found["nmi"] > 0.1
    assert ("class_miou" in found) == (protocol in ("stego", "leopart"))


def test_protocol_list_needs_no_run(world, capsys):
    assert world.evaluate("--protocol=list") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PROTOCOLS)


def test_runs_without_background_declare_one_and_say_so(world):
    run = world.run()
    masks = read_masks(run)
    for entry in masks.entries:
        labels = masks.labels(entry)
        labels[labels == 0] = 1
        write_mask(masks.folder / entry.mask, labels, masks.palette)
    world.evaluate(run, "--bootstrap", 0, "-q")
    assert world.metrics()["background_declared"] == {"all": 1}
    world.evaluate(run, "--bootstrap", 0, "--background", "none", "-q")
    assert world.metrics()["background_declared"] == {}


def test_partial_annotation_has_no_foreground_iou(world):
    run = world.run()
    world.evaluate(run, "--partial-annotation", "--ignore-unlabelled", "--bootstrap", 0, "-q")
    found = world.metrics()
    assert "foreground_iou" not in found
    assert any("left out" in note for note in found["notes"])


def test_many_to_one_and_image_scope(world):
    run = world.run()
    world.evaluate(run, "--assignment", "many-to-one", "--scope", "image", "--bootstrap", 5, "-q")
    found = world.metrics()
    assert (found["assignment"], found["matched_by"], found["scope"]) == ("many-to-one", "pixels", "image")
    assert any("upper bound" in note for note in found["notes"])


def test_keypoints_and_foreground_without_part_masks(world):
    names = ["nose", "tail"]
    records = []
    for n, image in enumerate(NAMES):
        joints = {name: [3.0 + 5 * n + i, 4.0 + 3 * i + n, 1] for i, name in enumerate(names)}
        records.append(
            {
                "image": image,
                "width": SIZE[1],
                "height": SIZE[0],
                "joints": joints,
                "mask": f"objects/{image}",
                "unit": "uv"[n % 2],
            }
        )
        world.picture(f"points/objects/{image}", (world.targets[image] > 0).astype(np.uint8) * 255)
    path = world.json("points/joints.json", {"joint_names": names, "images": records})
    run = world.run(maps=True)
    assert world.evaluate(run, "--annotations", path, "--bootstrap", 20, "-q") == 0
    found = world.metrics()
    assert found["keypoints"]["fitted_on"] == "all units but one, 2 times"
    assert found["keypoints"]["error"] >= 0
    assert found["resampling"]["by"] == "unit"
    masks = read_masks(run)
    predicted = np.concatenate([masks.labels(entry).ravel() > 0 for entry in masks.entries])
    target = np.concatenate([world.targets[entry.id].ravel() > 0 for entry in masks.entries])
    assert found["foreground_iou"] == pytest.approx(sk.jaccard_score(target, predicted))
    assert "part_miou" not in found
    for record in records:
        del record["mask"]
    world.json("points/joints.json", {"joint_names": names, "images": records})
    assert world.evaluate(run, "--annotations", path, "--bootstrap", 20, "-q") == 0
    assert "foreground_iou" not in world.metrics()
    assert world.metrics()["keypoints"]["num_images"] == 4
    assert "## Keypoints" in (run / "evaluation" / "report.md").read_text()


def test_config_file_and_print_config(world, capsys):
    run = world.run()
    config = world.json("config.json", {"bootstrap": 0, "no-such": 1})
    assert world.evaluate(run, "--config", config) == 2
    assert "no_such" in capsys.readouterr().err
    config = world.json("config.json", {"bootstrap": 0, "scope": "image"})
    assert world.evaluate(run, "--config", config, "-q") == 0
    assert world.metrics()["scope"] == "image"
    capsys.readouterr()
    assert world.evaluate(run, "--scope", "image", "--print-config") == 0
    assert json.loads(capsys.readouterr().out)["scope"] == "image"


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """Cars and boats in PartImageNet's layout, and a perfect run for each super-category."""
    root = tmp_path_factory.mktemp("synthetic")
    make_synthetic(
        root / "set",
        num_images=8,
        size=48,
        splits=["test"],
        super_categories=["car", "boat"],
        workers=0,
        verbosity=0,
    )
    annotations = read_annotations(root / "set" / "test.json")
    runs = {}
    for category in ("Car", "Boat"):
        parts = annotations.parts_of(category)
        entries, folder = [], root / category / "parts"
        for image in annotations.images:
            if image.super_category == category:
                labels = annotations.labels(image)
                numbered = np.select([labels == part for part in parts], range(1, len(parts) + 1), 0)
                write_mask(folder / f"masks/{image.id}.png", numbered.astype(np.uint8), [(0, 0, 0)])
                entries.append(
                    MaskEntry(image.id, image.id, image.width, image.height, f"masks/{image.id}.png")
                )
        write_index(MaskSet(folder, len(parts), [(0, 0, 0)] * (len(parts) + 1), None, None, entries))
        runs[category] = root / category
    return root, runs


def test_super_categories_with_their_own_number_of_parts_are_scored_together(synthetic):
    root, runs = synthetic
    line = [
        *runs.values(),
        "--annotations",
        root / "set" / "test.json",
        "--together",
        "--out",
        root / "out",
        "-q",
    ]
    assert run_command("evaluate", [str(word) for word in (*line, "--bootstrap", 5)]) == 0
    found = json.loads((root / "out" / "metrics.json").read_text())
    assert found["part_miou"] == 1
    assert {name: item["num_images"] for name, item in found["categories"].items()} == {"Boat": 4, "Car": 4}
    assert found["scope"] == "category"
    assert found["num_absent"] >= 40 - 5
    assert found["pooled"] == {}


def test_super_categories_are_the_default_scope_of_their_sets(synthetic):
    root, runs = synthetic
    line = [runs["Car"], "--annotations", root / "set" / "test.json", "--bootstrap", 0, "-q"]
    assert run_command("evaluate", [str(word) for word in line]) == 0
    found = json.loads((runs["Car"] / "evaluation" / "metrics.json").read_text())
    assert (found["scope"], found["part_miou"], found["pooled"]["nmi"]) == ("category", 1, pytest.approx(1))
    assert run_command("evaluate", [str(word) for word in (*line, "--protocol", "mpae")]) == 0
    found = json.loads((runs["Car"] / "evaluation" / "metrics.json").read_text())
    assert found["scope"] == "dataset"
    assert run_command("evaluate", [str(word) for word in (*line, "--scope", "class")]) == 0
    found = json.loads((runs["Car"] / "evaluation" / "metrics.json").read_text())
    assert all(name.startswith("n") for name in found["categories"])
