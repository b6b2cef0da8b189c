from __future__ import annotations

import filecmp
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import partdisc
from partdisc.data.synthetic import draw
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.factorization.blocks import BlockReader
from partdisc.runs import extracting, pipeline
from partdisc.store.masks import read_masks
from tests.discovery.conftest import paint_images

# a small real network: everything of the pipeline, little arithmetic
SETTINGS = {
    "backbone": "resnet18",
    "weights": "random",
    "layers": "layer1",
    "image_size": 64,
    "device": "cpu",
    "foreground": "none",
}


def discover(images, out, num_parts=3, **options):
    return partdisc.discover(images, out, num_parts, **{**SETTINGS, "workers": 0, **options})


def contents(root: Path) -> dict[str, bytes | list]:
    """All files of a run as far as they must be identical: no dates, no command, no order of stages in the log."""
    found: dict = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != ".lock"):
        name = path.relative_to(root).as_posix()
        found[name] = path.read_bytes()
        if name == "run.json":
            info = json.loads(found[name])
            found[name] = {
                k: v for k, v in info.items() if k not in ("started", "updated", "command", "runtime")
            }
        elif name == "log.jsonl":
            found[name] = sorted(found[name].splitlines())
    return found


def test_a_run_holds_all_it_promises(painted, tmp_path):
    run = discover(painted, tmp_path / "run", method="dff")
    root = tmp_path / "run"
    assert run.status == "done"
    assert run.info["counts"] == {"images": 6, "skipped": 0, "other_files": 0}
    assert run.info["backbone"]["name"] == "resnet18"
    assert run.info["num_parts"] == 3
    masks = run.masks
    assert [e.id for e in masks.entries] == sorted(
        p.relative_to(painted).as_posix() for p in painted.rglob("*.png")
    )
    for entry, labels in masks:
        with Image.open(masks.image_path(entry)) as image:
            assert labels.shape == (image.height, image.width) == (entry.height, entry.width)
        assert set(np.unique(labels)) <= {1, 2, 3}
        np.testing.assert_array_equal(run.maps[entry.id].to_labels() > 0, labels > 0)
        assert (run.maps[entry.id].to_labels() == labels).mean() > 0.98  # maps are kept in float16
        assert (root / "figures" / "overlays" / f"{entry.id}.jpg").exists()
    assert (root / "figures" / "contact_sheet.jpg").exists()
    assert not (root / "features").exists()
    assert not list(root.rglob(".partial-*"))
    steps = [json.loads(line) for line in (root / "log.jsonl").read_text().splitlines()]
    assert {s["stage"] for s in steps} == {"features", "dff", "masks", "overlays"}


def test_masks_keep_subfolders_and_equal_names_apart(tmp_path):
    folder = tmp_path / "images"
    for i, name in enumerate(["a.png", "a.jpg", "x/a.png", "x/y/a.png", "ünï cödé.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint_images(1, seed=i)[0]).save(folder / name)
    run = discover(folder, tmp_path / "run")
    masks = tmp_path / "run" / "parts" / "masks"
    assert sorted(p.relative_to(masks).as_posix() for p in masks.rglob("*.png")) == [
        "a.jpg.png", "a.png.png", "x/a.png.png", "x/y/a.png.png", "ünï cödé.png.png",
    ]  # fmt: skip
    assert len(run.masks) == 5


def test_masks_have_the_size_at_which_an_image_is_displayed(tmp_path):
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    image = Image.fromarray(paint_images(1)[0])
    image.save(tmp_path / "images" / "a.jpg", exif=exif)
    run = discover(tmp_path / "images", tmp_path / "run")
    assert run.masks.labels(run.masks.entries[0]).shape == (image.width, image.height)


def test_equal_runs_are_equal_to_the_byte_whatever_the_workers_and_storage(painted, tmp_path):
    discover(painted, tmp_path / "a", workers=0, storage="memory")
    discover(painted, tmp_path / "b", workers=2, storage="disk")
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a.keys() == b.keys()
    assert [name for name in a if a[name] != b[name]] == []


def test_features_beyond_the_budget_are_worked_on_from_disk(painted, tmp_path, monkeypatch):
    folders = []
    columns = BlockReader.columns

    def watched(self, *arguments):
        folders.append(self.scratch)
        return columns(self, *arguments)

    monkeypatch.setattr(BlockReader, "columns", watched)
    small = discover(painted, tmp_path / "small", method="dff", max_memory=1e-6)
    assert set(folders) - {None} == {tmp_path / "small" / "features"}  # sampled rows lie in memory
    folders.clear()
    large = discover(painted, tmp_path / "large", method="dff", max_memory=1.0)
    assert set(folders) == {None}
    for (_, a), (_, b) in zip(small.masks, large.masks, strict=True):
        assert (a == b).mean() > 0.999


def test_kept_features_can_be_read(painted, tmp_path):
    from partdisc.store.features import read_features

    discover(painted, tmp_path / "run", keep_features=True)
    assert len(read_features(tmp_path / "run" / "features")) == 6


def test_an_applied_model_labels_new_images_like_predict(painted, tmp_path):
    discover(painted, tmp_path / "a")
    (tmp_path / "new").mkdir()
    for i, image in enumerate(paint_images(3, seed=5)):
        Image.fromarray(image).save(tmp_path / "new" / f"{i}.png")
    first = partdisc.discover(tmp_path / "new", tmp_path / "b", apply=tmp_path / "a", workers=0, device="cpu")
    second = partdisc.discover(
        tmp_path / "new", tmp_path / "c", apply=tmp_path / "a" / "model", workers=0, device="cpu"
    )
    model = partdisc.load_discoverer(tmp_path / "a")
    for (entry, labels), (_, again), maps in zip(
        first.masks, second.masks, model.predict(tmp_path / "new"), strict=True
    ):
        np.testing.assert_array_equal(labels, again)
        assert maps.image_id == entry.id
        np.testing.assert_array_equal(labels, maps.to_labels())


def test_like_takes_over_another_runs_numbers(painted, tmp_path):
    first = discover(painted, tmp_path / "a", seed=0)
    # the same parts under other numbers
    shuffled = partdisc.load_discoverer(tmp_path / "a")
    shuffled.reorder([2, 0, 1])
    shuffled.save(tmp_path / "model")
    other = partdisc.discover(painted, tmp_path / "b", apply=tmp_path / "model", workers=0, device="cpu")
    like = discover(painted, tmp_path / "c", like=tmp_path / "b")
    for (_, a), (_, b), (_, c) in zip(first.masks, other.masks, like.masks, strict=True):
        assert (b == c).mean() > 0.99
        assert (a == b).mean() < 0.5


def test_like_takes_over_the_numbers_of_a_level(painted, tmp_path):
    discover(painted, tmp_path / "a", num_parts=6, levels=[3])
    level = read_masks(tmp_path / "a" / "levels" / "3")
    like = discover(painted, tmp_path / "b", seed=1, like=tmp_path / "a" / "levels" / "3")
    same = [np.mean(here == there) for (_, here), (_, there) in zip(level, like.masks, strict=True)]
    assert min(same) > 0.9


def test_a_run_to_be_like_that_is_none_is_refused_before_anything_is_learnt(painted, tmp_path, monkeypatch):
    monkeypatch.setattr("partdisc.runs.pipeline.extract_stage", None)
    with pytest.raises(ArtifactError, match="nowhere"):
        discover(painted, tmp_path / "run", like="nowhere")


def test_resume_finishes_what_was_interrupted_and_ends_the_same(painted, tmp_path, monkeypatch):
    whole = discover(painted, tmp_path / "a")
    for stage in ("write_parts", "write_figures"):
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, stage, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                discover(painted, tmp_path / stage)
        assert partdisc.load_run(tmp_path / stage).status == "interrupted"
        discover(painted, tmp_path / stage, resume=True)
        assert contents(tmp_path / stage) == contents(whole.folder)


def _interrupt(*args, **keywords):
    raise KeyboardInterrupt


def test_resume_of_a_finished_run_does_and_changes_nothing(painted, tmp_path, monkeypatch):
    discover(painted, tmp_path / "a")
    before = contents(tmp_path / "a")
    monkeypatch.setattr(extracting, "run_extraction", _interrupt)
    discover(painted, tmp_path / "a", resume=True)
    assert contents(tmp_path / "a") == before


def test_a_disk_too_small_is_told_before_the_work_begins(painted, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ConfigError, match="The run needs about .* MiB"):
        discover(painted, tmp_path / "a")


def test_images_in_memory_have_no_file_to_come_back_to_but_get_their_masks(tmp_path):
    run = discover(paint_images(3), tmp_path / "a")
    assert [entry.id for entry in run.masks.entries] == ["image_00000", "image_00001", "image_00002"]


def test_resume_refuses_other_settings_and_other_images(painted, tmp_path):
    discover(painted, tmp_path / "a")
    with pytest.raises(ConfigError, match=r"num_parts \(3 there, 4 now\), seed \(0 there, 1 now\)"):
        discover(painted, tmp_path / "a", 4, seed=1, resume=True)
    next(painted.glob("*.png")).unlink()
    with pytest.raises(DataError, match="images have changed"):
        discover(painted, tmp_path / "a", resume=True)


def test_broken_images_are_listed_with_the_reason_and_strict_makes_them_an_error(painted, tmp_path):
    (painted / "broken.png").write_bytes((painted / "0.png").read_bytes()[:200])
    (painted / "empty.jpg").touch()
    run = discover(painted, tmp_path / "a")
    assert run.info["counts"]["images"] == 6
    assert {s["id"] for s in run.skipped} == {"broken.png", "empty.jpg"}
    assert all(s["reason"] for s in run.skipped)
    with pytest.raises(DataError, match=r"empty\.jpg|broken\.png"):
        discover(painted, tmp_path / "b", strict=True)
    assert partdisc.load_run(tmp_path / "a").status == "done"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"num_parts": None}, ConfigError, "--num-parts"),
        ({"num_parts": 0}, ConfigError, r"1\.\.254"),
        ({"num_parts": 3, "apply": "x"}, ConfigError, "not both"),
        (
            {"num_parts": None, "apply": "x"},
            ConfigError,
            "no --foreground or --backbone or --layer or --weights beside --apply",
        ),
        ({"method": "magic"}, ConfigError, "kmeans, two-stage"),
        (
            {"method": "kmeans", "options": {"signed": "relu"}},
            ConfigError,
            "kmeans does not take signed; its own options are max_iter, restarts",
        ),
        ({"options": {"solver": "cd"}}, ConfigError, "solver"),
        ({"like": "nowhere"}, ArtifactError, "nowhere"),
        ({"num_parts": None, "apply": "x", "foreground": "border"}, ConfigError, "the model has its own"),
        ({"num_parts": None, "apply": "x", "method": "kmeans"}, ConfigError, "the model has its own"),
        ({"foreground": "magic"}, ConfigError, "--foreground of auto, none"),
        ({"refine": "magic"}, ConfigError, "--refine of auto"),
        ({"storage": "cloud"}, ConfigError, "auto, memory, disk"),
        ({"workers": -1}, ConfigError, "--workers"),
        ({"max_memory": 0.0}, ConfigError, "--max-memory"),
        ({"max_memory": float("nan")}, ConfigError, "--max-memory"),
        ({"device": "tpu"}, ConfigError, "device"),
        ({"feature_dtype": "int8"}, ConfigError, "float16"),
        ({"batch_size": 0}, ConfigError, "batch size"),
        ({"image_size": 1}, ConfigError, "image size"),
        ({"overlays": -1}, ConfigError, "--overlays"),
        ({"seed": -1}, ConfigError, "--seed"),
        ({"limit": 0}, ConfigError, "limit"),
    ],
)
def test_unusable_settings_are_told_in_one_line(painted, tmp_path, options, error, words):
    with pytest.raises(error, match=words) as caught:
        discover(painted, tmp_path / "run", **{"num_parts": 3, **options})
    assert "\n" not in str(caught.value)


def test_a_model_that_is_not_there_is_told(painted, tmp_path):
    with pytest.raises(ArtifactError, match="nowhere"):
        partdisc.discover(painted, tmp_path / "run", apply="nowhere")


def test_the_run_may_not_lie_among_the_images(painted):
    with pytest.raises(ConfigError, match="outside of the images' folder"):
        discover(painted, painted / "run")


@pytest.mark.slow
def test_killed_runs_resume_to_the_same_bytes(painted, tmp_path):
    """kill -9 at random moments; `benchmarks/kill_and_resume.py` does the same twenty times."""
    whole = discover(painted, tmp_path / "whole", storage="disk")
    root = tmp_path / "killed"
    rng = random.Random(0)
    for _ in range(2):
        process = subprocess.Popen(_command(painted, root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not (root / "run.json").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(_command(painted, root), check=True, capture_output=True)
    assert contents(root) == contents(whole.folder)
    assert not filecmp.dircmp(root, whole.folder).left_only


def _command(images: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "partdisc", "discover", str(images), "--out", str(out), "--num-parts", "3", "--resume",
        "--backbone", "resnet18", "--weights", "random", "--layer", "layer1", "--image-size", "64", "--device", "cpu",
        "--foreground", "none",
        "--workers", "0", "--features", "disk",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_a_stopped_run_exits_with_130_and_names_the_command_that_resumes(tmp_path, number):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(400):
        os.link(_big(tmp_path), images / f"{i}.png")
    process = subprocess.Popen(_command(images, tmp_path / "run"), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "run.json").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.strip().splitlines()[-1].endswith("--resume")
    assert partdisc.load_run(tmp_path / "run").status == "interrupted"


def _big(folder: Path) -> Path:
    path = folder / "big.png"
    if not path.exists():
        Image.fromarray(paint_images(1)[0]).resize((1500, 1500)).save(path)
    return path


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("foreground", ["auto", "none"])
def test_real_photographs_are_labelled_at_their_own_size(shared_data, tmp_path, foreground):
    images = shared_data / "carparts/test/images"
    run = partdisc.discover(images, tmp_path / "run", 8, limit=12, overlays=0, foreground=foreground)
    assert len(run.masks) == 12
    for entry, labels in run.masks:
        with Image.open(run.masks.image_path(entry)) as image:
            assert labels.shape == (image.height, image.width)
    seen = np.unique(np.concatenate([np.unique(labels) for _, labels in run.masks]))
    first = 1 if foreground == "none" else 0  # without a foreground stage label 0 is not used
    assert seen.tolist() == list(range(first, 9))


@pytest.mark.parametrize("method", ["dff", "kmeans", "two-stage"])
def test_with_a_foreground_masks_have_a_background_and_resume_to_the_same_bytes(
    tmp_path, method, monkeypatch
):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(10):
        Image.fromarray(draw("car", seed=seed, size=192)[0]).save(folder / f"{seed}.png")
    options = {"method": method, "foreground": "auto", "image_size": 192, "backbone": "tf_efficientnet_lite0"}
    options |= {"weights": "auto", "layers": None}
    whole = discover(folder, tmp_path / "a", 2, **options)
    assert {int(v) for _, labels in whole.masks for v in np.unique(labels)} == {0, 1, 2}
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_parts", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            discover(folder, tmp_path / "b", 2, **options)
    discover(folder, tmp_path / "b", 2, resume=True, **options)
    assert contents(tmp_path / "b") == contents(whole.folder)
    plain = discover(folder, tmp_path / "c", 2, **options, refine="none")
    assert any((a != b).any() for (_, a), (_, b) in zip(whole.masks, plain.masks, strict=True))


def test_blank_images_have_parts_of_the_whole_image_and_a_warning(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.full((64, 64, 3), 90 * i, np.uint8)).save(folder / f"{i}.png")
    with pytest.warns(UserWarning, match="parts cover whole images"):
        run = partdisc.discover(folder, tmp_path / "run", 2, image_size=64)
    assert all((labels > 0).all() for _, labels in run.masks)
