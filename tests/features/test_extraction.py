from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.features import create_backbone, extract_features, extraction, planning
from partdisc.features.extraction import forward_batch
from partdisc.progress import Progress

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def backbone():
    return create_backbone(weights="random", layers="stride16,stride32")


@pytest.fixture
def folder(tmp_path):
    for i, (h, w) in enumerate([(40, 64), (64, 40), (64, 64), (30, 48), (64, 64), (33, 64), (64, 63)]):
        Image.fromarray(RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


def by_id(features):
    return {entry.id: m for entry, m in zip(features.entries, features, strict=True)}


def test_features_do_not_depend_on_batch_size_workers_or_neighbours(backbone, folder):
    alone = by_id(extract_features(backbone, folder, image_size=64, batch_size=1, dtype="float32"))
    batched = by_id(
        extract_features(backbone, folder, image_size=64, batch_size=3, workers=2, dtype="float32")
    )
    assert alone.keys() == batched.keys()
    for key, features in alone.items():
        torch.testing.assert_close(batched[key], features, atol=1e-4, rtol=1e-4)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_images_alone_in_the_network_give_the_same_bytes_whatever_batches_and_threads(
    backbone, folder, monkeypatch, threads
):
    monkeypatch.setattr(extraction, "CPU_PIXELS", 64 * 64)
    found = []
    for count, batch_size, workers in [(1, 1, 0), (3, 4, 0), (2, 7, 2)]:
        threads(count)
        features = by_id(
            extract_features(backbone, folder, image_size=64, batch_size=batch_size, workers=workers)
        )
        assert torch.get_num_threads() == count
        found.append(features)
    for other in found[1:]:
        assert all(torch.equal(other[key], features) for key, features in found[0].items())


def test_a_tapped_module_keeps_images_apart_whatever_the_threads(folder, monkeypatch, threads):
    tapped = create_backbone(weights="random", layers="blocks.3.0")
    assert not tapped.thread_safe
    monkeypatch.setattr(extraction, "CPU_PIXELS", 64 * 64)
    threads(1)
    alone = extract_features(tapped, folder, image_size=64)
    threads(3)
    together = extract_features(tapped, folder, image_size=64)
    torch.testing.assert_close(together.matrix(), alone.matrix(), atol=1e-2, rtol=1e-2)


def test_features_equal_the_backbones_on_the_resized_image(backbone, folder):
    features = extract_features(backbone, folder, image_size=64, dtype="float32")
    entry = next(e for e in features.entries if e.id == "0.png")
    with Image.open(folder / "0.png") as image:
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = backbone(x)[0].permute(1, 2, 0)
    assert (entry.size, entry.grid, entry.content) == ((40, 64), (3, 4), (2.5, 4.0))
    torch.testing.assert_close(by_id(features)["0.png"], expected, atol=1e-4, rtol=1e-4)


def test_the_store_holds_what_memory_holds(backbone, folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    memory = extract_features(backbone, folder, image_size=64)
    disk = extract_features(backbone, folder, image_size=64, store=store)
    assert memory.entries == disk.entries
    assert torch.equal(memory.matrix(), disk.matrix())


def test_a_stopped_extraction_goes_on_and_ends_the_same(backbone, folder, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(planning, "_shard_bytes", lambda _: 1)  # a shard for each batch
    whole = extract_features(
        backbone, folder, image_size=64, batch_size=1, store=tmp_path_factory.mktemp("a")
    )
    store = tmp_path_factory.mktemp("b")
    calls = []

    def stop_after_three(*arguments):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return forward_batch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(extraction, "forward_batch", stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            extract_features(backbone, folder, image_size=64, batch_size=1, store=store)
    assert 0 < len(list(store.glob("*.safetensors"))) < 7
    calls.clear()
    monkeypatch.setattr(extraction, "forward_batch", lambda *a: calls.append(1) or forward_batch(*a))
    resumed = extract_features(backbone, folder, image_size=64, batch_size=1, store=store)
    assert 0 < len(calls) < 7
    assert resumed.entries == whole.entries
    assert torch.equal(resumed.matrix(), whole.matrix())


def test_a_store_divided_otherwise_is_refused(backbone, folder, tmp_path_factory):
    """Shards of two divisions would hold images twice, or not at all."""
    store = tmp_path_factory.mktemp("store")
    extract_features(backbone, folder, image_size=64, batch_size=1, store=store)
    with pytest.raises(ArtifactError, match="shards"):
        extract_features(backbone, folder, image_size=64, batch_size=4, store=store)


def test_a_store_of_other_images_or_settings_is_refused(backbone, folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    extract_features(backbone, folder, image_size=64, store=store)
    with pytest.raises(ArtifactError, match="image_size: 64 there, 96 here"):
        extract_features(backbone, folder, image_size=96, store=store)
    (folder / "0.png").unlink()
    with pytest.raises(ArtifactError, match="images"):
        extract_features(backbone, folder, image_size=64, store=store)


def test_images_that_turn_out_broken_are_reported_and_left_out(backbone, folder):
    data = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(data[: len(data) // 2])
    features = extract_features(backbone, folder, image_size=64)
    assert len(features) == 6
    assert [s["id"] for s in features.skipped] == ["2.png"]


def test_a_backbone_may_be_given_by_its_name(folder):
    by_name = extract_features("tf_efficientnet_lite0", folder, image_size=64)
    made = extract_features(create_backbone("tf_efficientnet_lite0"), folder, image_size=64)
    assert torch.equal(by_name.matrix(), made.matrix())


def test_no_usable_image_is_an_error(backbone, tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(image)
    image.write_bytes(image.read_bytes()[:3000])
    with pytest.raises(DataError, match="None of the 1 images"):
        extract_features(backbone, tmp_path, image_size=64)


def test_overflow_is_an_error_that_names_the_way_out(backbone, folder):
    class Loud(torch.nn.Module):
        mean, padded_size, grid = backbone.mean, backbone.padded_size, backbone.grid

        def forward(self, x):
            return backbone(x) * 1e9

    with pytest.raises(DataError, match="--feature-dtype"):
        forward_batch(Loud(), [np.zeros((64, 64, 3), np.uint8) + 200], torch.float16)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_size": 8}, "at least 16"),
        ({"batch_size": 0}, "batch size"),
        ({"dtype": "int8"}, "float16"),
        ({"device": "tpu"}, "device of this machine"),
        ({"backbone": 3}, "a Backbone or the name"),
    ],
)
def test_unusable_settings_are_refused(backbone, folder, options, words):
    with pytest.raises(ConfigError, match=words):
        extract_features(**{"backbone": backbone, "images": folder, "image_size": 64, **options})


def test_one_pixel_images_and_extreme_shapes_work(backbone):
    arrays = [np.full(shape, 90, np.uint8) for shape in ((1, 1, 3), (1, 500, 3), (400, 2, 3))]
    features = extract_features(backbone, arrays, image_size=64)
    assert {e.size for e in features.entries} == {(1, 1), (1, 500), (400, 2)}
    assert features.matrix().isfinite().all()


@pytest.mark.slow
def test_memory_stays_flat_with_the_store_on_disk(tmp_path):
    """Peak anonymous memory of 4 times more images, within 15 %."""
    code = """
import sys, numpy as np, torch, resource
torch.set_num_threads(1)
from partdisc.features import create_backbone, extract_features, extraction
extraction._shard_bytes = lambda _: 2**17
n, store = int(sys.argv[1]), sys.argv[2]
folder = sys.argv[3]
backbone = create_backbone(weights="random")
peak = 0
def watch(*a):
    global peak
    status = open("/proc/self/status").read()
    peak = max(peak, int(status.split("RssAnon:")[1].split()[0]))
    return original(*a)
original = extraction.forward_batch
extraction.forward_batch = watch
extract_features(backbone, [f"{folder}/{i}.png" for i in range(n)], image_size=64, store=store)
print(peak)
"""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(240):
        Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 64)).save(
            folder / f"{i}.png"
        )
    peaks = []
    for n in (60, 240):
        command = [sys.executable, "-c", code, str(n), str(tmp_path / f"store{n}"), str(folder)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] <= 1.15 * peaks[0], peaks


def test_progress_counts_every_image(backbone, folder, capsys):
    extract_features(backbone, folder, image_size=64, verbosity=1)
    assert "features: 7/7 images" in capsys.readouterr().err
    assert Progress("x", 1, verbosity=0).done == 0
