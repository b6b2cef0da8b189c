from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from partdisc.discovery.scops.checkpoints import list_checkpoints, read_checkpoint
from partdisc.store.masks import read_masks
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY

ROOT = Path(__file__).resolve().parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
STEPS = 150


def command(folder: Path, start: list[str], out: str, batch_size: int, *options: str) -> list[str]:
    training = folder / f"batches_of_{batch_size}.json"
    changes = {"steps": STEPS, "batch_size": batch_size, "checkpoint_every": STEPS}
    training.write_text(json.dumps({**TINY, **changes}))
    words = [
        *start,
        str(ROOT / "scripts" / "discover.py"),
        str(folder / "images"),
        "--out",
        str(folder / out),
    ]
    words += ["--method", "scops", "--num-parts", "2", "--weights", "random", "--image-size", "64"]
    words += ["--foreground", "none", "--training", str(training), "--device", "cpu", "-q"]
    return [*words, *options]


def start(words: list[str]) -> subprocess.Popen:
    """As from a terminal: in a process group of its own, which Ctrl-C would reach as a whole."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def finish(words: list[str]) -> str:
    process = start(words)
    printed, told = process.communicate(timeout=600)
    assert process.returncode == 0, told
    return printed


def logged(run: Path) -> list[dict]:
    path = run / "log.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line for line in found if line["stage"] == "scops"]


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in logged(run)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Images, and the run of one process."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("torchrun")
    (folder / "images").mkdir()
    for number, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
    finish(command(folder, [sys.executable], "one", 4))
    return folder


@pytest.mark.slow
def test_two_processes_of_torchrun_make_the_run_of_one_with_the_doubled_batch(folder):
    printed = finish(command(folder, [*TORCHRUN, "2"], "two", 2))
    assert printed.count("2 parts in 4 images, 0 skipped") == 1
    assert len(losses(folder / "two")) == STEPS
    assert losses(folder / "two")[:50] == pytest.approx(losses(folder / "one")[:50], abs=1e-4)
    masks = read_masks(folder / "two"), read_masks(folder / "one")
    for a, b in zip(masks[0].entries, masks[1].entries, strict=True):
        assert np.mean(masks[0].labels(a) == masks[1].labels(b)) > 0.95


@pytest.mark.slow
def test_ctrl_c_under_torchrun_is_saved_and_one_process_goes_on(folder):
    run = folder / "cut"
    process = start(command(folder, [*TORCHRUN, "2"], "cut", 2))
    while len(logged(run)) < 5 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=600)[1]
    assert "interrupted. Go on with: " in told
    assert "this is a bug" not in told
    (saved,) = list_checkpoints(run / "checkpoints")
    assert read_checkpoint(saved).step == len(logged(run)) < STEPS
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    finish(command(folder, [sys.executable], "cut", 2, "--resume"))
    assert len(losses(run)) == STEPS
    assert losses(run) == pytest.approx(losses(folder / "one"), abs=1e-3)
