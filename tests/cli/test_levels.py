from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.store.masks import read_masks
from tests.cli.test_discover import TINY
from tests.discovery.conftest import paint_images


@pytest.fixture(scope="module")
def annotated(tmp_path_factory):
    """A mask folder with its images."""
    root = tmp_path_factory.mktemp("set")
    for name in ("images", "masks"):
        (root / name).mkdir()
    for i, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(root / "images" / f"{i}.png")
        Image.fromarray((image.argmax(2) + 1).astype(np.uint8)).save(root / "masks" / f"{i}.png")
    (root / "parts.json").write_text('{"1": "left", "2": "right", "3": "floor"}')
    return root


@pytest.fixture(scope="module")
def run(annotated, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert discover(annotated, out, "--num-parts", 6, "--levels", 3, 2) == 0
    return out


def discover(annotated, out, *words):
    line = [annotated / "images", "--out", out, "--method", "kmeans", *TINY, "--overlays", 0, "-q", *words]
    return run_command("discover", [str(word) for word in line])


def test_a_level_is_scored_drawn_named_and_exported_like_a_run(run, annotated, capsys):
    level = str(run / "levels" / "3")
    assert run_command("evaluate", [level, "--annotations", str(annotated), "--bootstrap", "0", "-q"]) == 0
    assert f"{level}: part mIoU 0.9" in capsys.readouterr().out
    assert json.loads((run / "levels" / "3" / "evaluation" / "metrics.json").read_text())["part_miou"] > 0.95
    assert run_command("name", [level, "1=floor", "-q"]) == 0
    assert read_masks(level).part_names[0] == "floor"
    assert run_command("render", [level, "--only", "legend,report", "-q"]) == 0
    assert (run / "levels" / "3" / "report" / "index.html").is_file()
    assert run_command("export", [level, "--to", "coco", "-q"]) == 0


def test_settings_name_the_levels_and_resume_asks_for_the_same(run, annotated, capsys):
    assert json.loads((run / "run.json").read_text())["settings"]["levels"] == [2, 3]
    assert discover(annotated, run, "--num-parts", 6, "--levels", 2, "--resume") == 2
    assert "levels ([2, 3] there, [2] now)" in capsys.readouterr().err


def test_overwriting_without_levels_leaves_none(run, annotated, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    assert discover(annotated, out, "--num-parts", 2, "--overwrite") == 0
    assert not (out / "levels").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--num-parts", "4", "--levels", "4"], "from 2 to below --num-parts (4), but got [4]"),
        (["--num-parts", "4", "--levels", "1", "3"], "from 2 to below --num-parts (4), but got [1, 3]"),
        (["--num-parts", "4", "--levels", "2", "2"], "different numbers of parts, but got [2, 2]"),
        (["--num-parts", "auto", "--levels", "2"], "below --num-parts (auto), but got [2]"),
        (["--num-parts", "1", "--method", "foreground", "--levels", "2"], "below --num-parts (1)"),
        (["--levels", "2"], "Expected --num-parts K"),
        (["--apply", "MODEL", "--levels", "2"], "no --levels or --method"),
    ],
)
def test_levels_that_cannot_be_are_told_before_anything_begins(annotated, tmp_path, words, told, capsys):
    assert discover(annotated, tmp_path / "run", *words) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
