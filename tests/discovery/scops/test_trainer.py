from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from partdisc.discovery.scops import checkpoints
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.trainer import Trainer
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.processes import Processes
from partdisc.progress import Progress, StepLog
from partdisc.store import files
from partdisc.threads import one_thread
from tests.discovery.scops.conftest import TINY, disc_maps, make_objective

ROOT = Path(__file__).resolve().parents[3]


def train(folder: Path | None = None, log: Path | None = None, maps=None, **changes) -> tuple[dict, Trainer]:
    config = ScopsConfig.from_dict({**TINY, **changes})
    objective, data = make_objective(maps or disc_maps(), config)
    trainer = Trainer(
        objective,
        data,
        config,
        folder=folder,
        progress=lambda stage, total: Progress(stage, total, log=StepLog(log), verbosity=0),
    )
    return {k: v.clone() for k, v in trainer.run().state_dict().items()}, trainer


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def steps_of(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_same_seed_gives_the_same_weights_and_no_global_random_numbers_are_used():
    state = torch.random.get_rng_state()
    first, _ = train()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    second, _ = train()
    assert same(first, second)


def test_training_lowers_the_loss():
    _, trainer = train(steps=40, ema=0.0, start="random", stop_on_collapse=False)
    losses = [line["loss"] for line in trainer.history]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_interrupted_training_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole, trainer = train(log=tmp_path / "whole.jsonl")

    class Stop(Exception):
        pass

    step_once = Trainer._train_step
    for stop in (3, 7, 10):  # before the first checkpoint, between two, and again

        def cut(self, *args, stop=stop):
            if self.step == stop:
                raise Stop
            return step_once(self, *args)

        monkeypatch.setattr(Trainer, "_train_step", cut)
        with pytest.raises(Stop):
            train(tmp_path / "checkpoints", tmp_path / "cut.jsonl")
    monkeypatch.setattr(Trainer, "_train_step", step_once)
    resumed, again = train(tmp_path / "checkpoints", tmp_path / "cut.jsonl")
    assert same(whole, resumed)
    assert again.history == trainer.history
    assert steps_of(tmp_path / "cut.jsonl") == steps_of(tmp_path / "whole.jsonl")
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path / "checkpoints")] == [
        "step_00000008.safetensors",
        "step_00000012.safetensors",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_kept_until_the_step_is_whole_and_saved(tmp_path, monkeypatch, number):
    whole, _ = train()
    step_once = Trainer._train_step

    def interrupted(self, *args):
        if self.step == 6:
            os.kill(os.getpid(), number)
        return step_once(self, *args)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        monkeypatch.setattr(Trainer, "_train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert _newest(tmp_path) == 7
    monkeypatch.setattr(Trainer, "_train_step", step_once)
    assert same(whole, train(tmp_path)[0])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_finished_training_is_not_done_again(tmp_path, optimizer):
    first, _ = train(tmp_path, optimizer=optimizer)
    second, trainer = train(tmp_path, optimizer=optimizer)
    assert same(first, second)
    assert trainer.step == 12


# Importing takes longer than training: one process imports, then forks those that are killed.
KILLED = """
import os, signal, sys, time
from pathlib import Path
from tests.discovery.scops.test_trainer import _newest, train
folder = Path(sys.argv[1])
for count in range(3):
    child = os.fork()
    if child == 0:
        train(folder, steps=150, checkpoint_every=5)
        os._exit(0)
    before = _newest(folder)
    while _newest(folder) < before + 10:
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "it had ended"
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_three_times_ends_as_if_it_had_not_been(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, env=environment, check=True)
    assert 30 <= _newest(tmp_path) < 150
    files.remove_partial_files(tmp_path)
    assert set(tmp_path.iterdir()) == set(checkpoints.list_checkpoints(tmp_path))
    with one_thread():  # as those killed: products split over threads are rounded otherwise
        resumed, _ = train(tmp_path, steps=150, checkpoint_every=5)
        assert same(train(steps=150, checkpoint_every=5)[0], resumed)


def _newest(folder: Path) -> int:
    found = checkpoints.list_checkpoints(folder)
    return int(found[-1].stem.removeprefix("step_")) if found else 0


def test_accumulated_passes_equal_one_large_batch():
    large, one = train(batch_size=4, ema=0.0)
    small, two = train(batch_size=2, accumulate=2, ema=0.0)
    assert [a["loss"] for a in one.history] == pytest.approx([b["loss"] for b in two.history], abs=1e-5)
    assert all(torch.allclose(large[k], small[k], atol=1e-4) for k in large)


TWO_PROCESSES = """
import json, sys
from tests.discovery.scops.test_trainer import train
_, trainer = train(steps=50, batch_size=2)
if trainer.processes.rank == 0:
    open(sys.argv[1], "w").write(json.dumps([line["loss"] for line in trainer.history]))
"""


@pytest.mark.slow
def test_two_processes_follow_one_with_the_doubled_batch(tmp_path):
    _, alone = train(steps=50, batch_size=4)
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(script), str(tmp_path / "losses.json")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert losses == pytest.approx([line["loss"] for line in alone.history], abs=1e-4)


# -- what can go wrong ---------------------------------------------------------------------------------------------


def test_another_number_of_processes_goes_on_if_it_can_share_the_steps(tmp_path, monkeypatch):
    train(tmp_path, steps=4)
    newest = checkpoints.list_checkpoints(tmp_path)[-1]
    found = checkpoints.read_checkpoint(newest)
    checkpoints.write_checkpoint(tmp_path, replace(found, state={**found.state, "parts": 4}))
    _, trainer = train(tmp_path, steps=4)
    assert trainer.passes == 4  # one process does what four did
    monkeypatch.setattr(Processes, "join", lambda device: Processes(world=3))
    with pytest.raises(
        ArtifactError, match="divides the 4 batches of each training step.*but got 3. Go on with 4"
    ):
        train(tmp_path, steps=4)


def test_one_image_and_fewer_images_than_a_batch_train():
    for count in (1, 3):
        _, trainer = train(maps=disc_maps(count), batch_size=8, steps=3, stop_on_collapse=False)
        assert len(trainer.history) == 3


def test_checkpoint_of_other_settings_is_refused_by_name(tmp_path):
    train(tmp_path)
    with pytest.raises(ArtifactError, match=r"config.learning_rate \(0.001 there, 0.5 now\).*--overwrite"):
        train(tmp_path, learning_rate=0.5)


def test_what_is_only_watched_may_change_in_a_run_that_goes_on(tmp_path):
    train(tmp_path)
    _, trainer = train(tmp_path, stop_on_collapse=False, checkpoint_every=5)
    assert trainer.step == 12


def test_damaged_checkpoint_is_named(tmp_path):
    train(tmp_path)
    newest = checkpoints.list_checkpoints(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=f"{newest.name} is damaged.*the one before"):
        train(tmp_path)


def test_newer_checkpoint_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "VERSION", 2)
    train(tmp_path)
    monkeypatch.setattr(checkpoints, "VERSION", 1)
    with pytest.raises(ArtifactError, match="of version 2; this partdisc reads .* up to 1"):
        train(tmp_path)


def test_full_disk_keeps_earlier_checkpoints(tmp_path, monkeypatch):
    write = files.write_bytes

    def full(path, data):
        if path.name == "step_00000008.safetensors":
            raise OSError(28, "No space left on device")
        write(path, data)

    whole, _ = train()
    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(ArtifactError, match=r"step_00000008.*No space left.*--resume"):
        train(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["step_00000004.safetensors"]
    monkeypatch.setattr(files, "write_bytes", write)
    assert same(whole, train(tmp_path)[0])


def test_loss_that_is_no_number_is_told_and_not_kept(tmp_path):
    with pytest.raises(DataError, match=r"failed at step \d+: .*loss.*NaN or infinite. Lower the learning"):
        train(tmp_path, learning_rate=1e30, basis_learning_rate=1e30, clip=0, stop_on_collapse=False)
    for path in checkpoints.list_checkpoints(tmp_path):
        tensors = checkpoints.read_checkpoint(path).tensors
        assert all(v.isfinite().all() for k, v in tensors.items() if not k.endswith("scale"))


def test_vanished_part_stops_training(monkeypatch):
    config = ScopsConfig.from_dict({**TINY, "learning_rate": 0.0, "basis_learning_rate": 0.0})
    for bias, words in (
        (-60.0, r"part 2 of 3 has vanished"),
        (60.0, r"part \d of 3 has vanished|part 2 of 3 takes"),
    ):
        objective, data = make_objective(disc_maps(), config)
        with torch.no_grad():
            objective.segmenter.head.branches[0].bias[2] += bias
        with pytest.raises(DataError, match=f"collapsed at step 5: {words}.*--overwrite.*stop_on_collapse"):
            Trainer(objective, data, config).run()
        Trainer(objective, data, replace(config, stop_on_collapse=False)).run()


def test_float16_wants_cuda():
    with pytest.raises(ConfigError, match="CUDA device for precision float16, but got cpu"):
        train(precision="float16")


def test_bfloat16_is_close_to_float32():
    _, exact = train(steps=5)
    _, mixed = train(steps=5, precision="bfloat16")
    assert [a["loss"] for a in mixed.history] == pytest.approx([b["loss"] for b in exact.history], rel=0.05)
