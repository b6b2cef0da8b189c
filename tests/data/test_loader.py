from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from partdisc.data import ImageLoader, decode_image, list_images, loader
from partdisc.errors import ConfigError, DataError
from tests.data.odd_files import photo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def images(tmp_path):
    for i in range(14):
        photo(60 + i, 40, seed=i).save(tmp_path / f"{i:02d}.{'jpg' if i % 2 else 'png'}")
    return list_images(tmp_path)


def batches(images, size: int = 4):
    return [images.records[i : i + size] for i in range(0, len(images), size)]


def half(record) -> tuple[int, int]:
    return record.height // 2, record.width // 2


@pytest.mark.parametrize(("workers", "prefetch"), [(0, 2), (1, 1), (2, 1), (3, 4)])
def test_batches_come_in_the_planned_order_whatever_the_workers(images, workers, prefetch):
    planned = batches(images)
    loaded = list(ImageLoader(planned, half, workers, prefetch))
    assert [tuple(batch.records) for batch in loaded] == planned
    for batch in loaded:
        for record, pixels in zip(batch.records, batch.images, strict=True):
            assert (pixels == decode_image(record.path, size=half(record))).all()


def test_every_iteration_starts_anew(images):
    images_loader = ImageLoader(batches(images), half, workers=1)
    assert len(images_loader) == 4
    assert [len(b.images) for b in images_loader] == [len(b.images) for b in images_loader] == [4, 4, 4, 2]


@pytest.mark.parametrize("workers", [0, 1])
def test_what_breaks_while_decoding_is_reported_beside_the_rest(images, workers):
    whole = images.records[3].path.read_bytes()
    images.records[3].path.write_bytes(whole[: len(whole) // 2])
    images.records[5].path.unlink()
    loaded = list(ImageLoader(batches(images), half, workers))
    reasons = {s.id: s.reason for batch in loaded for s in batch.skipped}
    assert list(reasons) == ["03.jpg", "05.jpg"]
    assert reasons["03.jpg"].startswith("It is truncated")
    assert reasons["05.jpg"] == "There is no such file."
    assert sum(len(batch.images) for batch in loaded) == 12


@pytest.mark.parametrize("workers", [0, 1])
def test_images_in_memory_are_loaded_like_files(workers):
    pixels = np.asarray(photo())
    images = list_images([pixels])
    (batch,) = ImageLoader([images.records], half, workers)
    assert (batch.images[0] == decode_image(pixels, size=(16, 24))).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_no_batches_and_empty_batches_are_fine(workers):
    assert list(ImageLoader([], half, workers)) == []
    assert list(ImageLoader([[]], half, workers)) == [([], [], [])]


def test_a_dead_worker_is_an_error_not_a_hang(images, monkeypatch):
    def die(record, size):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(loader, "_decode", die)  # workers are forked, so it is theirs too
    with pytest.raises(
        DataError, match=r"process that decodes images died.*Use fewer workers \(now 2\) or none"
    ):
        list(ImageLoader(batches(images), half, workers=2))


def test_an_abandoned_iteration_leaves_no_workers(images):
    for _ in ImageLoader(batches(images, 1), half, workers=2):
        break
    assert wait_until(lambda: not multiprocessing.active_children())


@pytest.mark.parametrize(
    ("options", "words"),
    [({"workers": -1}, "workers to be a whole number of at least 0"), ({"prefetch": 0}, "prefetch")],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        ImageLoader([], half, **options)


WAITING = """
import sys, time
from partdisc.data import ImageLoader, list_images
images = list_images(sys.argv[1])
for batch in ImageLoader([images.records] * 10**5, lambda r: (30, 30), workers=2):
    print("loaded", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(images, tmp_path, sent):
    command = [sys.executable, "-c", WAITING, str(images.root)]
    with open(tmp_path / "errors", "w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    try:
        assert process.stdout.readline() == b"loaded\n"
        assert len(session_members(process.pid)) == 3
        time.sleep(0.3)  # until the workers have run ahead and wait
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)  # as a terminal does
        else:
            process.send_signal(sent)
        process.wait(20)
        assert wait_until(lambda: not session_members(process.pid))
    finally:
        for member in session_members(process.pid):
            os.kill(member, signal.SIGKILL)
        process.stdout.close()
    tracebacks = (tmp_path / "errors").read_text().count("Traceback")
    assert tracebacks == (1 if sent == signal.SIGINT else 0)


def session_members(session: int) -> list[int]:
    """Living processes of a session; zombies waiting for a negligent init do not count."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(its_session) == session and state != "Z":
                members.append(int(entry.name))
    return members


def wait_until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
