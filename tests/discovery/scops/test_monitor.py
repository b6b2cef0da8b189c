from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from partdisc.data import list_images
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.scops.monitor import CELL
from partdisc.errors import MissingDependencyError
from partdisc.features import create_backbone
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY
from tests.discovery.scops.test_trainer import train

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def learn(folder: Path, **changes) -> CoPartSegmentation:
    scops = CoPartSegmentation(
        2,
        backbone=create_backbone(weights="random", layers=["stride8"]),
        image_size=64,
        training={**TINY, "steps": 4, "picture_every": 2, **changes},
        device="cpu",
    )
    images = list_images(paint_images(3))
    scops.learn(images, scops.extract(images), folder=folder)
    return scops


@pytest.mark.parametrize("train_encoder", [False, True])
def test_pictures_of_the_same_images_are_drawn_at_every_so_many_steps(tmp_path, train_encoder):
    learn(tmp_path, train_encoder=train_encoder)
    found = sorted((tmp_path / "pictures").iterdir())
    assert [p.name for p in found] == [f"step_{n:08d}.jpg" for n in (0, 2, 4)]
    sheets = [cv2.imread(str(p)).astype(float) for p in found]
    assert sheets[0].shape[1] > 4 * CELL  # image, parts, image, parts
    left = [sheet[:CELL, :CELL] for sheet in sheets]
    assert np.abs(left[0] - left[-1]).max() < 40  # the first image, plain, in each
    assert np.abs(sheets[0][:CELL, CELL : 2 * CELL] - left[0]).mean() > 10  # and beside it coloured


def test_no_pictures_where_there_are_none_to_draw(tmp_path):
    train(tmp_path / "features", picture_every=1, steps=2)
    learn(tmp_path / "never", picture_every=0)
    assert not list(tmp_path.rglob("*.jpg"))


def test_tensorboard_holds_what_the_log_holds(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    scops = learn(tmp_path, tensorboard=True, steps=3)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    tags = board.Tags()
    assert {"loss/loss", "loss/semantic", "gradient", "area/part 1", "area/part 2"} <= set(tags["scalars"])
    seen = [(event.step, event.value) for event in board.Scalars("loss/loss")]
    assert seen == [(line["step"], pytest.approx(line["loss"])) for line in scops.history_]
    assert tags["images"] == ["parts"]


def test_tensorboard_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match="pip install tensorboard"):
        learn(tmp_path, tensorboard=True)


def test_watching_changes_nothing_that_is_learnt(tmp_path):
    watched, silent = learn(tmp_path), learn(tmp_path / "silent", picture_every=0)
    a, b = (json.dumps(s.history_) for s in (watched, silent))
    assert a == b
