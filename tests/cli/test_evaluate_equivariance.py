from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.discovery import load_discoverer
from partdisc.discovery.equivariance import equivariance_error
from tests.discovery.conftest import paint_images

TINY = ["--weights", "random", "--image-size", "64", "--device", "cpu", "-q"]
TINY += ["--backbone", "resnet18", "--layer", "layer1"]
METHODS = {
    "kmeans": ["--method", "kmeans", "--foreground", "none"],
    "two-stage": ["--votes", "2", "--fine-clusters", "8"],
    "dff": ["--method", "dff", "--foreground", "none"],
    "scops": ["--method", "scops", "--steps", "2", "--foreground", "none"],
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def runs(images, tmp_path_factory):
    """Makes a run of a method, once."""
    root = tmp_path_factory.mktemp("runs")

    def make(method):
        if not (root / method).exists():
            words = [images, "--out", root / method, "--num-parts", 3, *TINY, *METHODS[method]]
            assert run_command("discover", [str(word) for word in words]) == 0
        return root / method

    return make


def evaluate(*words):
    return run_command("evaluate", [*map(str, words), "-q"])


def measured(run):
    return json.loads((run / "evaluation" / "equivariance.json").read_text())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_measured_without_annotation(runs, method, capsys):
    run = runs(method)
    assert evaluate(run, "--equivariance", "--device", "cpu") == 0
    out, err = capsys.readouterr()
    [line] = [line for line in out.splitlines() if "equivariance" in line]
    assert line.startswith(f"{run}: equivariance error 0.")
    assert "(flip 0." in line
    assert "; 4 images; see" in line
    assert err == ""
    found = measured(run)
    assert (found["schema"], found["version"], found["num_images"]) == ("partdisc/equivariance", 1, 4)
    assert set(found["views"]) == {"flip", "smaller", "larger", "crop"}
    assert set(found["controls"]) == {"grid", "random"}
    assert 0 <= found["overall"]["error"] <= 1


def test_it_is_the_library_function_on_the_labels_of_the_run(runs, images):
    run = runs("kmeans")
    assert evaluate(run, "--equivariance", "--seed", 3, "--out", run / "other") == 0
    found = json.loads((run / "other" / "equivariance.json").read_text())
    expected = equivariance_error(load_discoverer(run), sorted(images.iterdir()), seed=3)
    assert found["views"]["crop"] == expected.views["crop"].to_json()
    assert found["refined"] is False  # no foreground, so the run's masks are not


def test_a_sample_is_drawn_by_seed(runs):
    run, objects = runs("kmeans"), []
    for seed in (0, 0, 1, 2):
        assert evaluate(run, "--equivariance", "--sample", 2, "--seed", seed) == 0
        assert measured(run)["num_images"] == 2
        objects.append(measured(run)["overall"])
    assert objects[0] == objects[1]
    assert objects[0] not in objects[2:]


def test_images_that_moved_are_named_and_found_again(runs, images, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs("kmeans"), run)
    index = run / "parts" / "index.json"
    index.write_text(index.read_text().replace(str(images), str(tmp_path / "gone")))
    assert evaluate(run, "--equivariance") == 2
    assert "0.png, but it is not there; name the folder with --images DIR" in capsys.readouterr().err
    assert evaluate(run, "--equivariance", "--images", images) == 0


def test_masks_without_a_model_are_told(world, capsys):
    assert evaluate(world.run(), "--equivariance") == 2
    assert "Expected a run with its model" in capsys.readouterr().err


def test_scores_and_equivariance_in_one_command(runs, images, tmp_path, capsys):
    run = runs("kmeans")
    capsys.readouterr()
    (tmp_path / "masks").mkdir()
    (tmp_path / "parts.json").write_text('{"1": "left", "2": "right", "3": "floor"}')
    shutil.copytree(images, tmp_path / "images")
    for i, image in enumerate(paint_images(4)):
        Image.fromarray((image.argmax(2) + 1).astype(np.uint8)).save(tmp_path / "masks" / f"{i}.png")
    assert evaluate(run, "--equivariance", "--annotations", tmp_path, "--bootstrap", 0) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "equivariance error" in first
    assert "part mIoU" in second
    assert measured(run)
    assert run_command("render", [str(run), "--only", "report", "-q"]) == 0
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "Do parts stay with the object?" in page
    assert f"{measured(run)['views']['flip']['error']:.3f}" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--equivariance", "--sample", "0"], "--sample of at least 1, but got 0"),
        (["--equivariance", "--seed", "-1"], "--seed of at least 0"),
        (["--equivariance", "--device", "tpu9"], "device of this machine"),
        (["--equivariance", "--against", "B"], "--annotations PATH with --against"),
        (["--equivariance", "--together"], "without --together"),
        (["--annotations", "x", "--sample", "3"], "--sample and --device with --equivariance"),
        ([], "or RUN and --equivariance"),
    ],
)
def test_bad_options_are_told(runs, options, words, capsys):
    assert evaluate(runs("kmeans"), *options) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
