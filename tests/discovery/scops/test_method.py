from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.discovery import create_discoverer, load_discoverer
from partdisc.discovery.inside import small_images
from partdisc.discovery.object_cells import collect_cells
from partdisc.discovery.scops.checkpoints import list_checkpoints
from partdisc.discovery.scops.config import CONFIGS, ScopsConfig, load_config
from partdisc.discovery.scops.labels import start_labels
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.scops.start import InsideKnown
from partdisc.errors import ConfigError, DataError
from partdisc.features import Backbone, create_backbone
from partdisc.metrics import nmi
from partdisc.runs.pipeline import discover
from partdisc.store.run import load_run
from tests.discovery.contract import DiscovererContract
from tests.discovery.scops.conftest import PARTS, TINY, disc_foreground, disc_maps

SHORT = {**TINY, "steps": 4}


@pytest.fixture(scope="module")
def backbone():
    return create_backbone(weights="random", layers="stride8")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Pictures of three coloured discs, of two shapes."""
    colours = np.array([[90, 90, 90], [250, 40, 30], [40, 230, 60], [30, 60, 250]])
    made = []
    for index, shape in enumerate([(64, 88), (64, 88), (56, 88), (64, 88)]):
        codes = disc_maps(1, (8, 11), seed=index)[0][: shape[0] // 8, :, : PARTS + 1].argmax(-1)
        made.append(colours[codes].repeat(8, 0).repeat(8, 1).astype(np.uint8))
    return made


def make(backbone, foreground="none", **changes) -> CoPartSegmentation:
    return CoPartSegmentation(
        PARTS,
        backbone=backbone,
        training={**SHORT, **changes},
        image_size=88,
        device="cpu",
        foreground=foreground,
    )


def equal(a, b) -> bool:
    return all(np.array_equal(x.maps, y.maps) for x, y in zip(a, b, strict=True))


class TestCoPartSegmentation(DiscovererContract):
    cls = CoPartSegmentation

    @pytest.fixture(autouse=True)
    def fast_means_few_steps(self, tmp_path_factory, monkeypatch):
        folder = tmp_path_factory.mktemp("configs")
        (folder / "fast.json").write_text(json.dumps(SHORT))
        monkeypatch.setattr("partdisc.discovery.scops.config.CONFIGS", folder)


def test_parts_of_features_are_found_and_background_is_kept():
    maps = disc_maps()
    known = disc_foreground(maps)
    features = CoPartSegmentation(PARTS, foreground="none", training={**TINY, "steps": 30}).fit_features(maps)
    found = features.predict_features(maps)
    truth = np.stack([m[..., : PARTS + 1].argmax(-1) for m in maps])
    labels = np.stack([m.to_labels() for m in found])
    inside = np.stack([known[m.image_id] > 0.5 for m in found])
    table = np.zeros((PARTS, PARTS))
    np.add.at(table, (labels[inside] - 1, truth[inside] - 1), 1)
    assert nmi(np.pad(table, ((1, 0), (1, 0)))) > 0.5
    assert all(m.maps[0].max() == 0 for m in found)  # without a foreground every map is a part


@pytest.mark.parametrize("start", ["kmeans", "two-stage"])
def test_start_is_the_method_it_starts_from(start):
    maps = disc_maps()
    method = create_discoverer(start, PARTS + 1, foreground="none").fit_features(maps)
    scops = CoPartSegmentation(
        PARTS + 1,
        foreground="none",
        training={**TINY, "start": start, "steps": 1, "learning_rate": 0.0, "basis_learning_rate": 0.0},
    ).fit_features(maps)
    table = np.zeros((PARTS + 2, PARTS + 2))
    for a, b in zip(method.predict_features(maps), scops.predict_features(maps), strict=True):
        np.add.at(table, (a.to_labels(), b.to_labels()), 1)
    assert nmi(table) > 0.95


def test_two_stage_starts_from_what_lies_inside_and_its_colours(images, backbone):
    listed = list_images(images)
    features = make(backbone).extract(listed)
    known = {
        e.id: np.linspace(0, 1, 88, dtype=np.float32).reshape(8, 11)[: e.grid[0]] for e in features.entries
    }
    pictures = small_images(features, listed)
    inside = InsideKnown(features, known, pictures)
    assert all(np.array_equal(inside.foreground_of(i), known[e.id]) for i, e in enumerate(features.entries))
    cells = collect_cells(inside)
    assert len(cells.rows) == sum(int((m > 0.5).sum()) for m in known.values())
    assert cells.colours is not None
    assert InsideKnown(features, None, pictures).foreground_of(0) is None


def test_fit_on_images_keeps_shapes_sizes_and_the_foreground(backbone, images):
    foreground = {
        f"image_{i:05d}": (image.max(-1) > 200).astype(np.float32) for i, image in enumerate(images)
    }
    scops = make(backbone).fit(images, foreground=foreground)
    found = scops.predict(images)
    assert [m.maps.shape for m in found] == [(4, 8, 11), (4, 8, 11), (4, 7, 11), (4, 8, 11)]
    assert [m.size for m in found] == [image.shape[:2] for image in images]
    assert all(np.allclose(m.maps.sum(0), 1, atol=1e-5) for m in found)
    agreement = [((m.to_labels() > 0) == (foreground[m.image_id] > 0)).mean() for m in found]
    assert np.mean(agreement) > 0.8


def test_labels_are_kept_to_where_there_is_a_start_and_follow_pictures_where_there_is_a_foreground(
    backbone, images, monkeypatch
):
    foreground = {
        f"image_{i:05d}": (image.max(-1) > 200).astype(np.float32) for i, image in enumerate(images)
    }
    corrected = []
    monkeypatch.setattr(
        "partdisc.discovery.scops.training.start_labels",
        lambda features, start, pictures: (
            corrected.append(pictures) or start_labels(features, start, pictures)
        ),
    )
    assert "labels" in make(backbone).fit(images, foreground=foreground).history_[-1]
    assert "labels" in make(backbone).fit(images).history_[-1]
    assert [pictures is None for pictures in corrected] == [False, True]
    assert "labels" not in make(backbone, start="random").fit(images).history_[-1]
    assert "labels" not in make(backbone, labels=0).fit(images).history_[-1]


def test_foreground_is_found_where_none_is_given(backbone, images):
    scops = make(backbone, foreground="auto").fit(images)
    assert scops.has_background_
    assert all(m.maps[0].max() > 0 for m in scops.predict(images))
    with pytest.raises(ConfigError, match="foreground of auto, none, .*but got 'saliency'"):
        make(backbone, foreground="saliency").fit(images)


@pytest.mark.parametrize(
    "changes",
    [{}, {"train_encoder": True}, {"train_encoder": True, "output_stride": 16, "mask_rule": "published"}],
    ids=["frozen", "trained", "dilated"],
)
def test_saved_models_predict_the_same(images, changes, tmp_path):
    deep = create_backbone(weights="random", layers="stride32")
    before = {k: v.clone() for k, v in deep.model.state_dict().items()}
    scops = make(deep, steps=2, **changes).fit(images)
    scops.save(tmp_path)
    loaded = load_discoverer(tmp_path)
    assert equal(scops.predict(images), loaded.predict(images))
    assert all(torch.equal(before[k], v) for k, v in deep.model.state_dict().items())  # the caller's stays
    stride = 16 if "output_stride" in changes else 32
    assert loaded.get_backbone().stride == stride


def test_training_the_encoder_changes_it_and_keeps_batch_norm(backbone, images):
    scops = make(backbone, train_encoder=True).fit(images)
    old, new = backbone.model.state_dict(), scops.get_backbone().model.state_dict()
    assert any(not torch.equal(old[k], new[k]) for k in old if k.endswith("conv_dw.weight"))
    assert all(torch.equal(old[k], new[k]) for k in old if "running" in k)


def test_training_the_encoder_again_begins_where_the_first_began(backbone, images):
    scops = make(backbone, train_encoder=True, steps=2)
    first, second = (scops.fit(images).get_backbone().weights_hash for _ in range(2))
    assert first == second != backbone.weights_hash


def test_warped_features_need_no_images_and_no_pass_through_the_backbone(backbone, images, monkeypatch):
    scops = make(backbone, warped="features", picture_every=0)
    listed = list_images(images)
    features = scops.extract(listed)
    monkeypatch.setattr(Backbone, "forward", None)
    monkeypatch.setattr("partdisc.discovery.scops.batches.ImageLoader", None)
    scops.learn(listed, features)
    assert len(scops.history_) == SHORT["steps"]
    assert all(line["equivariance"] > 0 for line in scops.history_)


def test_same_seed_gives_the_same_maps(backbone, images):
    assert equal(make(backbone).fit(images).predict(images), make(backbone).fit(images).predict(images))


def test_reordering_renumbers_maps(backbone, images):
    scops = make(backbone).fit(images)
    before = scops.predict(images)[0].maps
    scops.reorder([2, 0, 1])
    assert np.allclose(scops.predict(images)[0].maps[1:], before[1:][[2, 0, 1]], atol=1e-6)


def test_all_equal_images_end_with_one_line(backbone):
    grey = [np.full((64, 88, 3), 90, np.uint8)] * 3
    try:
        make(backbone, steps=8).fit(grey)
    except DataError as error:
        assert "collapsed" in str(error) or "Expected" in str(error)  # noqa: PT017


def test_more_parts_than_cells_are_refused(backbone, images):
    with pytest.raises(DataError, match="at least 200 grid cells for 200 parts"):
        CoPartSegmentation(200, backbone=backbone, image_size=88).fit(images[:1])
    nothing = {"image_00000": np.zeros((8, 11), np.float32)}
    with pytest.raises(DataError, match="foreground of at least 3 grid cells for 3 parts, got 0"):
        make(backbone).fit(images[:1], foreground=nothing)
    with pytest.raises(DataError, match="foreground mask of at least one of the images"):
        make(backbone).fit(images[:2], foreground={"other": np.ones((8, 11), np.float32)})


def logged(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["stage"] == "scops"]


# -- a run ---------------------------------------------------------------------------------------------------------


def test_interrupted_run_ends_like_an_uninterrupted_one(images, tmp_path, monkeypatch):
    from partdisc.discovery.scops.trainer import Trainer

    settings = {
        "method": "scops",
        "num_parts": PARTS,
        "weights": "random",
        "image_size": 88,
        "device": "cpu",
        "foreground": "none",
        "options": {"training": {**TINY, "steps": 8}},
    }
    discover(images, tmp_path / "whole", **settings)
    step_once = Trainer._train_step

    def cut(self, *args):
        if self.step == 6:
            raise KeyboardInterrupt
        return step_once(self, *args)

    monkeypatch.setattr(Trainer, "_train_step", cut)
    with pytest.raises(KeyboardInterrupt):
        discover(images, tmp_path / "cut", **settings)
    monkeypatch.setattr(Trainer, "_train_step", step_once)
    assert len(list_checkpoints(tmp_path / "cut" / "checkpoints")) == 1
    discover(images, tmp_path / "cut", resume=True, **settings)
    for name in ("model/weights.safetensors", "parts/maps/00000.safetensors"):
        whole = (tmp_path / "whole" / name).read_bytes()
        assert whole == (tmp_path / "cut" / name).read_bytes(), name
    steps = logged(tmp_path / "cut")
    assert [line["step"] for line in steps] == list(range(1, 9))
    assert steps == logged(tmp_path / "whole")
    applied = discover(images, tmp_path / "applied", apply=str(tmp_path / "whole"), device="cpu")
    assert applied.info["num_parts"] == PARTS


def test_runs_average_the_configured_views(images, tmp_path):
    settings = {
        "method": "scops",
        "num_parts": PARTS,
        "weights": "random",
        "image_size": 88,
        "device": "cpu",
        "foreground": "none",
    }
    for name, flip in (("plain", False), ("averaged", True)):
        training = {**TINY, "steps": 1, "view_flip": flip}
        discover(images, tmp_path / name, options={"training": training}, **settings)
    written = [(tmp_path / n / "parts/maps/00000.safetensors").read_bytes() for n in ("plain", "averaged")]
    assert written[0] != written[1]
    scops = load_discoverer(tmp_path / "averaged")
    scops.device = "cpu"
    expected = scops.predict(images)[0].to_labels()
    run = load_run(tmp_path / "averaged")
    assert (run.masks.labels(run.masks.entries[0]) == expected).mean() > 0.99


# -- configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda p: p.stem)
def test_shipped_configurations_load_and_come_back(path):
    config = load_config(path.stem)
    assert ScopsConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert load_config(str(path)) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stepps": 3}, "unknown settings: stepps"),
        ({"steps": 0}, "steps to be a whole number of at least 1, but got 0"),
        ({"steps": 2.5}, "steps to be a whole number"),
        ({"start": "pca"}, "start to be one of two-stage, kmeans, dff, random"),
        ({"output_stride": 8}, "Set train_encoder"),
        ({"scale": [1.5, 0.5]}, "0 < low <= high"),
        ({"ema": 1.0}, "ema within 0 and 1"),
        ({"concentration": -1}, "concentration to be a finite number of at least 0"),
        ({"labels": -1}, "labels to be a finite number of at least 0"),
        ({"rates": []}, "rates as whole numbers"),
        ({"jitter": [0.1]}, "jitter as four numbers"),
        ({"rates": 3}, "wrong type"),
        ({"warped": "maps"}, "warped to be one of images, features"),
        ({"warped": "features", "train_encoder": True}, "warped images where the encoder is trained"),
        ({"tensorboard": 1}, "tensorboard as true or false"),
        ({"view_scales": []}, "view_scales as factors within 0.1 and 10"),
        ({"view_scales": [0]}, "view_scales as factors"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_unusable_settings_are_named(values, words):
    with pytest.raises(ConfigError, match=words):
        load_config(values)


def test_unknown_configuration_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="fast, gpu, paper, or a .json file, but got 'slow'"):
        load_config("slow")
    for source in (3, None, ["fast"]):
        with pytest.raises(ConfigError, match="by name, as a file or as settings, but got"):
            load_config(source)
    path = tmp_path / "mine.json"
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="JSON object of settings, got list"):
        load_config(path)


def test_seeds_below_0_are_refused():
    with pytest.raises(ConfigError, match="seed to be a whole number of at least 0, but got -1"):
        CoPartSegmentation(PARTS, foreground="none", training=SHORT, seed=-1).fit_features(disc_maps())
