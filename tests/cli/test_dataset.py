from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from partdisc.cli.main import main
from partdisc.data.annotations import read_annotations
from tests.data.annotations.makers import coco_data, entry, make_coco, make_mask_folder, make_ood, save_json

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "dataset.py"


def run(*argv):
    return main(["dataset", *(str(a) for a in argv)])


def broken_set(root):
    data = coco_data()
    data["annotations"].append(entry(99, 5, [[1, 2, 3, 4, 5, 6]]))
    return make_coco(root, data)


def test_describe_prints_tables_and_writes_plots(tmp_path, capsys):
    assert run("describe", make_ood(tmp_path / "set"), "--out", tmp_path / "out", "-q") == 0
    stdout, stderr = capsys.readouterr()
    assert re.search(r"^Quadruped +1 +2 +Head, Body$", stdout, re.M)
    assert re.search(r"^total +2 +3 +6$", stdout, re.M)
    assert stderr == ""
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {"description.json", "images_per_class.png", "annotations_per_image.png", "parts.png"}
    stored = json.loads((tmp_path / "out" / "description.json").read_text())
    assert (stored["schema"], stored["version"]) == ("partdisc/dataset-description", 1)
    assert run("describe", tmp_path / "set", "--json", "-q") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {key: value for key, value in stored.items() if key not in ("schema", "version")}


def test_describe_passes_the_reading_options_on(tmp_path, capsys):
    root = make_coco(tmp_path / "set")
    groups = save_json(tmp_path / "groups.json", {"groups": [{"name": "all", "members": ["head", "body"]}]})
    splits = save_json(tmp_path / "splits.json", {"one": ["a"]})
    options = ("--groups", groups, "--split", f"{splits}:one", "--overlap", "file-order", "--format", "coco")
    assert run("describe", root, *options, "--images", root / "images", "--json", "-q") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [part["name"] for part in shown["parts"]] == ["all"]
    assert shown["set"]["num_images"] == 1


def test_validate_tells_the_image_and_is_strict_on_demand(tmp_path, capsys):
    root = broken_set(tmp_path / "set")
    assert run("validate", root, "-q", "--out", tmp_path / "findings.json") == 0
    stdout, stderr = capsys.readouterr()
    assert "1 broken entries" in stdout
    assert "a.jpg annotation 99 5" in stdout
    assert stderr == ""
    assert json.loads((tmp_path / "findings.json").read_text())["num_broken"] == 1
    assert run("validate", root, "-q", "--strict", "--json") == 2
    stdout, stderr = capsys.readouterr()
    assert json.loads(stdout)["num_broken"] == 1
    assert stderr.count("\n") == 1
    assert "has 1 broken entries" in stderr
    assert run("validate", make_coco(tmp_path / "good"), "-q", "--strict") == 0


def test_convert_writes_the_set(tmp_path, capsys):
    root = make_mask_folder(tmp_path / "set")
    assert run("convert", root, "--to", "coco", "--out", tmp_path / "out", "--files", "link", "-q") == 0
    assert capsys.readouterr().out == f"{tmp_path}/out: 2 images as coco, 2 image files\n"
    assert len(read_annotations(tmp_path / "out", format="coco")) == 2
    assert run("convert", root, "--to", "coco", "--out", tmp_path / "out", "-q") == 2
    assert "new or empty folder" in capsys.readouterr().err


def test_progress_goes_to_stderr(tmp_path, capsys):
    assert run("validate", make_coco(tmp_path / "set")) == 0
    stdout, stderr = capsys.readouterr()
    assert "validate: 2/2 images" in stderr
    assert "validate:" not in stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["describe", "nowhere"], "no such file or folder"),
        (["describe"], "Expected dataset describe PATH"),
        (["convert", "x", "--to", "yolo", "--out", "y"], "invalid choice: 'yolo'"),
        (["convert", "x", "--to", "coco"], "Expected dataset convert PATH --to FORMAT --out DIR"),
        ([], "required: ACTION"),
    ],
)
def test_mistakes_are_one_line_and_status_2(argv, words, capsys):
    try:
        status = run(*argv)
    except SystemExit as error:
        status = error.code
    stderr = capsys.readouterr().err
    assert status == 2
    assert stderr.count("\n") == 1
    assert words in stderr


def test_a_limit_below_one_is_refused(tmp_path, capsys):
    root = make_coco(tmp_path / "set")
    for action in (["describe"], ["validate"], ["convert", "--to", "coco", "--out", tmp_path / "out"]):
        assert run(*action, root, "--limit", 0, "-q") == 2
        assert "a limit of at least 1 image, but got 0" in capsys.readouterr().err


def test_options_come_from_a_file(tmp_path, capsys):
    config = save_json(tmp_path / "c.json", {"path": str(make_coco(tmp_path / "set")), "limit": 1})
    assert run("validate", "--config", config, "--quick", "--print-config") == 0
    assert json.loads(capsys.readouterr().out) == {
        "action": "validate",
        "limit": 1,
        "path": str(tmp_path / "set"),
        "quick": True,
    }
    assert run("validate", "--config", config, "-q") == 0
    assert "1 images checked" in capsys.readouterr().out


def test_the_script_is_the_command(tmp_path):
    root = make_coco(tmp_path / "set")
    command = [sys.executable, str(SCRIPT), "validate", str(root), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "2 images checked, nothing broken" in done.stdout


@pytest.mark.parametrize("action", ["describe", "validate", "convert"])
def test_help_says_what_every_option_means(action, capsys):
    with pytest.raises(SystemExit) as error:
        run(action, "--help")
    assert error.value.code == 0
    assert "--split [FILE:]NAME" in capsys.readouterr().out
