from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.store.run import load_run
from tests.discovery.conftest import paint_images
from tests.discovery.contract import floor_masked

NET = ["--backbone", "resnet18", "--weights", "random", "--layer", "layer1", "--image-size", "64"]
FAST = ["--device", "cpu", "--workers", "0", "-q"]


@pytest.fixture
def painted(tmp_path):
    """A folder of images; of all but the first, `masks` beside it holds what is not their blue floor."""
    for number, image in enumerate(paint_images()):
        for folder, array in (("images", image), ("masks", np.uint8(255 * floor_masked(image)))):
            (tmp_path / folder).mkdir(exist_ok=True)
            if number or folder == "images":
                Image.fromarray(array).save(tmp_path / folder / f"{number}.png")
    return tmp_path / "images"


@pytest.fixture
def masks(painted):
    return painted.parent / "masks"


def call(command, *argv):
    return run_command(command, [str(word) for word in (*argv, *FAST)])


def test_masks_go_round(painted, masks, tmp_path, capsys):
    """foreground learns from some masks; discover takes what it wrote; evaluate scores it."""
    assert call("foreground", painted, "--out", tmp_path / "FG", "--foreground", masks, *NET) == 0
    assert "FG: 1 part in 6 images, 0 skipped" in capsys.readouterr().out
    run = load_run(tmp_path / "FG")
    assert run.masks.part_names == ["object"]
    for entry, labels in run.masks:
        soft = np.asarray(Image.open(tmp_path / "FG" / "foreground" / f"{entry.id}.png"))
        assert (soft.shape, soft.dtype) == ((entry.height, entry.width), np.uint8)
        np.testing.assert_array_equal(labels > 0, soft > 127)
        if entry.id != "0.png":
            np.testing.assert_array_equal(labels > 0, np.asarray(Image.open(masks / entry.id)) > 0)
    assert (tmp_path / "FG" / "figures" / "contact_sheet.jpg").exists()

    argv = (painted, "--out", tmp_path / "RUN", "--num-parts", 2, "--foreground", tmp_path / "FG", *NET)
    assert call("discover", *argv) == 0
    assert load_run(tmp_path / "RUN").info["masks"]["given"] == 6
    for (_, labels), (_, inside) in zip(load_run(tmp_path / "RUN").masks, run.masks, strict=True):
        np.testing.assert_array_equal(labels > 0, inside > 0)


def test_a_foreground_is_applied_to_new_images_and_scored(painted, masks, tmp_path, capsys):
    assert call("foreground", painted, "--out", tmp_path / "FG", "--foreground", masks, *NET) == 0
    assert call("foreground", painted, "--out", tmp_path / "NEW", "--apply", tmp_path / "FG") == 0
    truth = tmp_path / "truth"
    for path in painted.rglob("*.png"):
        image = np.asarray(Image.open(path))
        target = truth / "masks" / path.relative_to(painted)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((floor_masked(image) * (1 + (image[..., 1] > 128))).astype(np.uint8)).save(target)
    (truth / "parts.json").write_text('{"1": "red", "2": "green"}')
    argv = [tmp_path / "NEW", "--annotations", truth, "--bootstrap", 0, "--no-controls", "-q"]
    assert run_command("evaluate", [str(word) for word in argv]) == 0
    scores = json.loads((tmp_path / "NEW" / "evaluation" / "metrics.json").read_text())
    assert scores["foreground_iou"] > 0.8


def test_one_estimator_alone_needs_no_masks(painted, tmp_path):
    assert call("foreground", painted, "--out", tmp_path / "FG", "--foreground", "centre", *NET) == 0
    taken = [labels.mean() for _, labels in load_run(tmp_path / "FG").masks]
    assert 0 < np.mean(taken) < 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--foreground", "none"], "another --foreground than none"),
        (["--foreground", "magic"], "auto, none, .* a folder or COCO file of masks"),
        (["--apply", "nowhere"], "nowhere"),
        ([], "IMAGES and --out RUN, for example: foreground photos/ --out FG"),
    ],
)
def test_mistakes_are_one_line(painted, tmp_path, capsys, argv, words):
    place = [painted, "--out", tmp_path / "FG"] if argv else []
    assert call("foreground", *place, *argv) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert re.search(words, line)
