from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partdisc.store.masks import read_masks
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY

ROOT = Path(__file__).resolve().parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
def test_two_processes_of_torchrun_make_the_run_of_one_with_the_doubled_batch(tmp_path):
    from PIL import Image

    (tmp_path / "images").mkdir()
    for number, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
    options = ["--method", "scops", "--num-parts", "2", "--weights", "random", "--image-size", "64"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    losses = {}
    for name, start, batch in (("two", TORCHRUN, 2), ("one", [sys.executable], 4)):
        training = tmp_path / f"{name}.json"
        training.write_text(json.dumps({**TINY, "steps": 6, "batch_size": batch}))
        words = [*start, str(ROOT / "scripts" / "discover.py"), str(tmp_path / "images"), *options]
        done = subprocess.run(
            [*words, "--training", str(training), "--out", str(tmp_path / name), "--device", "cpu", "-q"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("2 parts in 4 images, 0 skipped") == 1
        log = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        losses[name] = [line["loss"] for line in log if line["stage"] == "scops"]
    assert len(losses["two"]) == 6
    assert losses["two"] == pytest.approx(losses["one"], abs=1e-4)
    for a, b in zip(read_masks(tmp_path / "two").entries, read_masks(tmp_path / "one").entries, strict=True):
        two, one = read_masks(tmp_path / "two").labels(a), read_masks(tmp_path / "one").labels(b)
        assert np.mean(two == one) > 0.95
