from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.discover import METHOD_OPTIONS
from partdisc.cli.main import run_command
from partdisc.discovery import METHODS, PartDiscoverer
from partdisc.store.run import load_run
from tests.data.odd_files import make_odd_files
from tests.discovery.conftest import paint_images

TINY = [
    "--backbone",
    "resnet18",
    "--weights",
    "random",
    "--layer",
    "layer1",
    "--image-size",
    "64",
    "--foreground",
    "none",
    "--device",
    "cpu",
]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder


def discover(images, out, *options):
    return run_command(
        "discover", [str(images), "--out", str(out), "--num-parts", "3", *TINY, "-q", *options]
    )


def test_one_line_on_stdout_names_the_run_and_the_picture(images, tmp_path, capsys):
    assert discover(images, tmp_path / "run") == 0
    out, err = capsys.readouterr()
    [line] = out.strip().splitlines()
    assert "3 parts in 4 images, 0 skipped" in line
    assert Path(line.split("see ")[1]).is_file()
    assert err == ""


def test_progress_goes_to_stderr(images, tmp_path, capsys):
    arguments = [str(images), "--out", str(tmp_path / "run"), "--num-parts", "2", *TINY, "--overlays", "0"]
    assert run_command("discover", arguments) == 0
    err = capsys.readouterr().err
    for words in ("are kept in memory", "features: 4/4 images", "masks: 4/4 images"):
        assert words in err


def test_a_glob_a_list_and_one_file_are_images_too(images, tmp_path, capsys):
    (tmp_path / "list.txt").write_text("images/0.png\nimages/3.png\n")
    for number, (source, count) in enumerate(
        [(images / "[01].png", 2), (tmp_path / "list.txt", 2), (images / "2.png", 1)]
    ):
        assert discover(source, tmp_path / f"run{number}") == 0
        assert len(load_run(tmp_path / f"run{number}").masks) == count


def test_every_output_option_does_what_it_says(images, tmp_path):
    options = [
        "--no-maps",
        "--overlays",
        "1",
        "--keep-features",
        "--limit",
        "3",
        "--method",
        "kmeans",
        "--restarts",
        "1",
    ]
    assert discover(images, tmp_path / "run", *options) == 0
    root = tmp_path / "run"
    assert not (root / "parts" / "maps").exists()
    assert len(list((root / "figures" / "overlays").iterdir())) == 1
    assert (root / "features" / "index.json").exists()
    assert len(load_run(root).masks) == 3
    assert json.loads((root / "model" / "config.json").read_text())["method"] == "kmeans"


def test_method_options_reach_the_method(images, tmp_path, capsys):
    options = [
        "--method",
        "dff",
        "--signed",
        "relu",
        "--solver",
        "mu",
        "--init",
        "random",
        "--max-iter",
        "7",
        "--max-cells",
        "50",
        "--tol",
        "0",
        "--restarts",
        "1",
    ]
    assert discover(images, tmp_path / "run", *options) == 0
    params = json.loads((tmp_path / "run/model/config.json").read_text())["params"]
    assert {k: params[k] for k in ("signed", "solver", "init", "max_iter", "max_cells", "tol")} == {
        "signed": "relu", "solver": "mu", "init": "random", "max_iter": 7, "max_cells": 50, "tol": 0,
    }  # fmt: skip
    assert discover(images, tmp_path / "run2", "--solver", "cd") == 2
    assert "solver" in capsys.readouterr().err


def test_a_run_that_is_there_needs_a_word(images, tmp_path, capsys):
    assert discover(images, tmp_path / "run") == 0
    assert discover(images, tmp_path / "run") == 2
    assert "--resume" in capsys.readouterr().err
    assert discover(images, tmp_path / "run", "--resume") == 0
    assert discover(images, tmp_path / "run", "--overwrite", "--seed", "3") == 0
    assert load_run(tmp_path / "run").info["settings"]["seed"] == 3
    assert discover(images, tmp_path / "run", "--resume", "--overwrite") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "RUN"], "IMAGES and --out"),
        (["IMAGES"], "IMAGES and --out"),
        (["IMAGES", "--out", "RUN"], "--num-parts"),
        (["IMAGES/*.gif", "--out", "RUN", "--num-parts", "3"], "gif"),
        (["EMPTY", "--out", "RUN", "--num-parts", "3"], "EMPTY"),
        (["IMAGES", "--out", "FILE/run", "--num-parts", "3"], "Cannot write"),
        (["IMAGES", "--out", "IMAGES/run", "--num-parts", "3"], "outside of the images"),
        (["IMAGES", "--out", "RUN", "--num-parts", "3", "--overlays", "few"], "--overlays"),
        (["IMAGES", "--out", "RUN", "--num-parts", "3", "--backbone", "resnet5000"], "resnet5000"),
        (["IMAGES", "--out", "RUN", "--num-parts", "3", "--layer", "99", "--weights", "random"], "99"),
        (["IMAGES", "--out", "RUN", "--num-parts", "3", "--weights", "nowhere.pth"], "nowhere.pth"),
        (["IMAGES", "--out", "RUN", "--num-parts", "3", "--apply", "RUN0"], "not both"),
        (["IMAGES", "--out", "RUN", "--apply", "IMAGES"], "config.json"),
    ],
)
def test_bad_input_is_one_clear_line(images, tmp_path, capsys, arguments, words):
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "FILE").touch()
    names = {"IMAGES": str(images), "RUN": str(tmp_path / "run"), "EMPTY": str(tmp_path / "EMPTY")}
    line = [a.replace("IMAGES", names["IMAGES"]).replace("FILE/", f"{tmp_path}/FILE/") for a in arguments]
    line = [names.get(a, a) for a in line]
    assert run_command("discover", line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len([text for text in err.splitlines() if text.startswith("partdisc")]) == 1
    assert words in err
    assert not (tmp_path / "run" / "parts").exists()


def test_a_folder_of_bad_and_odd_files_finishes_and_every_one_is_explained(tmp_path):
    """The files and what is expected of them are listed in tests/data/odd_files.py."""
    folder = tmp_path / "odd"
    folder.mkdir()
    expected = make_odd_files(folder)
    good = {name for name, verdict in expected.items() if verdict == "good"}
    assert len(expected) - len(good) >= 25
    assert discover(folder, tmp_path / "run", "--overlays", "2", "--workers", "1") == 0
    run = load_run(tmp_path / "run")
    assert {entry.id for entry in run.masks.entries} == good
    for entry, labels in run.masks:
        assert labels.shape == (entry.height, entry.width)
    reasons = {s["id"]: s["reason"] for s in run.skipped}
    bad = {name: words for name, words in expected.items() if words != "good"}
    assert reasons.keys() == bad.keys()
    for name, words in bad.items():
        assert words.lower() in reasons[name].lower(), (name, words, reasons[name])
    assert run.info["counts"]["skipped"] == len(bad)


def test_parts_are_named(images, tmp_path, capsys):
    discover(images, tmp_path / "run")
    capsys.readouterr()
    assert run_command("name", [str(tmp_path / "run"), "2=front wheel"]) == 0
    assert capsys.readouterr().out.splitlines() == ["1\tpart 1", "2\tfront wheel", "3\tpart 3"]
    assert load_run(tmp_path / "run").masks.part_names == ["", "front wheel", ""]
    for words in ("wheel", "9=x", "=x"):
        assert run_command("name", [str(tmp_path / "run"), words]) == 2


def test_the_script_is_the_command(images, tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "discover.py"
    command = [
        sys.executable,
        str(script),
        str(images),
        "--out",
        str(tmp_path / "run"),
        "--num-parts",
        "3",
        *TINY,
        "-q",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert "3 parts in 4 images" in result.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert again.stderr.startswith("discover.py: ")


@pytest.mark.real
@pytest.mark.slow
def test_a_model_of_one_set_labels_another_in_a_new_process_identically(shared_data, tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "discover.py"
    train, test = (shared_data / "carparts" / part / "images" for part in ("train", "test"))
    common = ["-q", "--overlays", "0", "--no-maps"]

    def call(*arguments):
        subprocess.run([sys.executable, str(script), *map(str, arguments), *common], check=True)

    call(train, "--out", tmp_path / "model", "--num-parts", 8, "--limit", 24)
    for name in ("a", "b"):
        call(test, "--out", tmp_path / name, "--apply", tmp_path / "model", "--limit", 8)
    runs = [load_run(tmp_path / name).masks for name in ("a", "b")]
    for entry in runs[0].entries:
        first, second = ((m.folder / entry.mask).read_bytes() for m in runs)
        assert first == second
    seen = np.unique(np.concatenate([np.unique(labels) for _, labels in runs[0]]))
    assert len(seen) >= 6


def test_every_option_of_a_method_is_on_the_command_line_and_the_help_tells_the_default_it_has(capsys):
    own, defaults = {}, {f.name for f in fields(PartDiscoverer)}
    for name, cls in METHODS.items():
        for f in fields(cls):
            if f.init and f.name not in defaults:
                own.setdefault(f.name, {})[name] = f.default
    assert set(METHOD_OPTIONS) == own.keys()
    with pytest.raises(SystemExit):
        run_command("discover", ["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for option, values in own.items():
        line = told.split(f"--{option.replace('_', '-')} ")[-1].split(" --")[0]
        for method, default in values.items():
            assert method in line, (option, method)
            shown = f"{default:.0e}".replace("e-0", "e-") if isinstance(default, float) else str(default)
            assert default is None or shown in line, (option, method, default)
