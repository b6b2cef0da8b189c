"""The contract of discovery methods as a test class: a method's own test class inherits it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

from partdisc.discovery import PartDiscoverer, load_discoverer
from partdisc.errors import ArtifactError, ConfigError, DataError, NotFittedError
from partdisc.features import create_backbone
from partdisc.foreground import lay_on_grid
from partdisc.store.features import FeatureEntry
from tests.discovery.conftest import paint_images


class DiscovererContract:
    """Subclasses set `cls`."""

    cls: type[PartDiscoverer]

    @pytest.fixture
    def make(self, tiny_backbone):
        def create(num_parts=3, **options):
            return self.cls(
                num_parts,
                **{
                    "backbone": tiny_backbone,
                    "image_size": 64,
                    "device": "cpu",
                    "foreground": "none",
                    **options,
                },
            )

        return create

    @pytest.fixture
    def fitted(self, make):
        return make().fit(paint_images())

    def test_the_constructor_only_stores_its_arguments(self, make):
        method = make(num_parts=5, seed=7)
        assert method.get_params()["num_parts"] == 5
        assert method.get_params()["seed"] == 7
        assert not [name for name in vars(method) if name.endswith("_")]
        assert "num_parts=5" in repr(method)

    def test_scikit_learn_clones_it_and_sets_its_arguments(self, make):
        copied = clone(self.cls(3, image_size=64, seed=4))
        assert (type(copied), copied.num_parts, copied.image_size, copied.seed) == (self.cls, 3, 64, 4)
        assert copied.set_params(seed=5).get_params()["seed"] == 5
        with pytest.raises(ConfigError, match="Expected a parameter of"):
            copied.set_params(sead=5)

    def test_another_backbone_asked_for_is_another_backbone(self):
        method = self.cls(2, backbone="resnet18", weights="random", layers="layer1")
        first = method.get_backbone()
        assert method.get_backbone() is first
        assert method.set_params(layers="layer2").get_backbone().stride == 2 * first.stride

    def test_fit_returns_self_and_predict_gives_maps_in_the_order_of_the_images(self, make):
        method, images = make(), paint_images()
        assert method.fit(images) is method
        maps = method.predict(images)
        assert [m.size for m in maps] == [image.shape[:2] for image in images]
        assert [m.image_id for m in maps] == [f"image_{i:05d}" for i in range(len(images))]
        for m in maps:
            assert m.num_parts == 3
            assert (m.maps[0] == 0).all()  # no foreground stage: no background
            np.testing.assert_allclose(m.maps.sum(0), 1, atol=1e-5)
            assert m.maps.min() >= 0

    def test_obvious_parts_are_found(self, fitted):
        """Red, green and blue areas become three parts; pure interiors are one label each, the same everywhere."""
        seen = set()
        for image, maps in zip(paint_images(), fitted.predict(paint_images()), strict=True):
            labels = maps.to_labels()
            for color in range(3):
                where = image[..., color] > 150
                inside = np.array([np.roll(where, s, a) for s in (-5, 5) for a in (0, 1)]).all(0) & where
                inside[:6] = inside[-6:] = inside[:, :6] = inside[:, -6:] = False
                values, counts = np.unique(labels[inside], return_counts=True)
                if counts.sum() > 20:
                    assert counts.max() / counts.sum() > 0.9
                    seen.add((color, int(values[counts.argmax()])))
        assert len(seen) == len({part for _, part in seen}) == 3, seen

    def test_the_same_seed_gives_the_same_bytes(self, make):
        images = paint_images()
        first, second = (make(seed=1).fit(images) for _ in range(2))
        for name, tensor in first._state().items():
            assert torch.equal(tensor, second._state()[name]), name

    def test_parts_come_largest_first(self, fitted):
        assert (fitted.areas_.diff() <= 0).all()
        assert float(fitted.areas_.sum()) == pytest.approx(1)

    def test_a_saved_model_predicts_the_same(self, fitted, tmp_path, monkeypatch, tiny_backbone):
        monkeypatch.setattr("partdisc.discovery.saving.create_backbone", lambda *a, **k: tiny_backbone)
        fitted.save(tmp_path / "model")
        again = load_discoverer(tmp_path / "model")
        assert type(again) is self.cls
        for a, b in zip(fitted.predict(paint_images()), again.predict(paint_images()), strict=True):
            np.testing.assert_allclose(a.maps, b.maps, atol=1e-5)
        for name, tensor in fitted._state().items():
            assert torch.equal(tensor, again._state()[name]), name

    def test_weights_that_nobody_can_fetch_travel_with_the_model(self, tmp_path):
        images = paint_images(3)
        backbone = create_backbone("resnet18", layers="layer1", weights="random", seed=9)
        method = self.cls(2, backbone=backbone, image_size=64, device="cpu", foreground="none").fit(images)
        method.save(tmp_path)
        again = load_discoverer(tmp_path)
        assert again.get_backbone().weights_hash == backbone.weights_hash
        np.testing.assert_allclose(method.predict(images)[0].maps, again.predict(images)[0].maps, atol=1e-5)

    def test_a_model_of_other_weights_is_refused(self, tmp_path, monkeypatch):
        method = self.cls(2, layers="stride16", image_size=64, device="cpu", foreground="none")
        method.fit(paint_images(3))
        method.save(tmp_path)
        monkeypatch.setattr("partdisc.features.registry.hash_weights", lambda model: "other")
        with pytest.raises(ArtifactError, match="weights found here are other"):
            load_discoverer(tmp_path)

    def test_features_can_be_brought(self, make):
        rng = np.random.default_rng(0)
        arrays = [rng.random((5, 4, 6), dtype=np.float32), rng.random((3, 7, 6), dtype=np.float32)]
        before = [a.copy() for a in arrays]
        method = make(num_parts=2).fit_features(arrays)
        tensors = method.predict_features([torch.from_numpy(a) for a in arrays])
        assert [m.maps.shape for m in tensors] == [(3, 5, 4), (3, 3, 7)]
        for a, b in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_one_part_one_image_and_one_cell_work(self, make):
        assert make(num_parts=1).fit(paint_images(1)).predict(paint_images(1))[0].to_labels().max() == 1
        single = [np.random.default_rng(0).random((1, 1, 4), dtype=np.float32)]
        assert make(num_parts=1).fit_features(single).predict_features(single)[0].maps.shape == (2, 1, 1)

    def test_equal_images_give_no_nan(self, make):
        method = make(num_parts=2).fit([np.full((32, 32, 3), 128, np.uint8)] * 2)
        assert np.isfinite(method.predict([np.full((32, 32, 3), 128, np.uint8)])[0].maps).all()

    def test_features_that_are_no_numbers_are_refused(self, make):
        with pytest.raises(DataError, match="finite features, but found NaN"):
            make(num_parts=2).fit_features([np.full((4, 4, 3), np.nan, np.float32)])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"image_size": "64"}, "image size of at least 4 .*but got '64'"),
            ({"batch_size": 2.5}, "batch size of at least 1, but got 2.5"),
            ({"foreground": None}, "Expected --foreground of auto, .*but got None"),
            ({"backbone": None}, "a backbone's name, but got None"),
            ({"seed": "0"}, "seed to be a whole number, but got '0'"),
            ({"workers": "2"}, "workers to be a whole number of at least 0, but got '2'"),
            ({"device": None}, "a device of this machine .*but got None"),
        ],
    )
    def test_arguments_of_the_wrong_kind_are_told(self, make, options, words):
        with pytest.raises(ConfigError, match=words):
            make(**options).fit(paint_images(1))

    @pytest.mark.parametrize(
        "features", [None, 3, "ab", ["a"], [np.zeros((4, 5))], [[[1.0], [1.0, 2.0]]], {"a": 1}]
    )
    def test_what_is_no_features_is_told(self, make, features):
        with pytest.raises(DataError, match=r"Expected .*feature map.*\(h, w, C\), but got"):
            make(num_parts=2).fit_features(features)

    def test_a_model_that_cannot_be_written_is_told(self, fitted, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ArtifactError, match="Cannot write a model to .*file: .*Name another folder"):
            fitted.save(tmp_path / "file")

    def test_use_before_fit_is_told(self, make, tmp_path):
        for call in (lambda m: m.predict(paint_images(1)), lambda m: m.save(tmp_path)):
            with pytest.raises(NotFittedError, match="not fitted yet. Call fit"):
                call(make())

    def test_a_number_of_numpy_is_a_number_of_parts(self, make):
        rows = [np.random.default_rng(0).random((3, 4, 6), dtype=np.float32)]
        assert make(num_parts=np.int64(2)).fit_features(rows).num_parts_ == 2

    def test_masks_that_are_not_given_by_image_are_told(self, make, fitted):
        masks = [np.ones((32, 48), np.float32)]
        with pytest.raises(DataError, match="foreground masks by image id, but got list"):
            fitted.predict(paint_images(1), foreground=masks)
        with pytest.raises(DataError, match="foreground masks by image id, but got list"):
            make().fit(paint_images(1), foreground=masks)

    @pytest.mark.parametrize("num_parts", [0, -1, 255, 2.5, "four"])
    def test_an_unusable_number_of_parts_is_told(self, make, num_parts):
        with pytest.raises(ConfigError, match=r"within 1\.\.254"):
            make(num_parts=num_parts).fit(paint_images(1))

    def test_more_parts_than_cells_are_refused(self, make):
        with pytest.raises(DataError, match="at least 9 grid cells"):
            make(num_parts=9).fit_features([np.ones((2, 4, 3), np.float32)])

    def test_features_of_another_backbone_are_refused(self, make):
        method = make(num_parts=2).fit_features(
            [np.random.default_rng(0).random((4, 4, 6), dtype=np.float32)]
        )
        with pytest.raises(DataError, match="of 6 channels"):
            method.predict_features([np.ones((4, 4, 5), np.float32)])

    def test_parts_can_be_renumbered(self, fitted):
        before = fitted.predict(paint_images(1))[0].maps
        fitted.reorder([2, 0, 1])
        after = fitted.predict(paint_images(1))[0].maps
        np.testing.assert_allclose(after[1:], before[1:][[2, 0, 1]], atol=1e-5)
        with pytest.raises(ConfigError, match="permutation"):
            fitted.reorder([0, 0, 1])

    def test_a_notebook_shows_a_line_and_not_the_network(self, make):
        assert repr(make()) == f"{self.cls.__name__}(num_parts=3, backbone='tiny', seed=0)"

    def test_an_unknown_device_is_told(self, make):
        with pytest.raises(ConfigError, match="device"):
            make(device="tpu9").fit(paint_images(1))

    def test_parts_lie_within_the_masks_that_are_given(self, make, tmp_path, monkeypatch, tiny_backbone):
        """The blue floor is masked out: it is background, also in new images, and no part is made of it."""
        monkeypatch.setattr("partdisc.discovery.saving.create_backbone", lambda *a, **k: tiny_backbone)
        images = paint_images()
        masks = {f"image_{i:05d}": floor_masked(image) for i, image in enumerate(images)}
        method = make(num_parts=2).fit(images, foreground=masks)
        assert method.has_background
        for maps in method.predict(images, foreground=masks):
            inside = lay_on_grid(masks[maps.image_id], entry_of(maps)).numpy()
            np.testing.assert_allclose(maps.maps[0], 1 - inside, atol=1e-5)
            np.testing.assert_allclose(maps.maps.sum(0), 1, atol=1e-5)
        method.save(tmp_path)
        new = paint_images(seed=1)
        for found in (method.predict(new), load_discoverer(tmp_path).predict(new)):
            agree = [
                ((m.to_labels() > 0) == (floor_masked(i) > 0)).mean() for m, i in zip(found, new, strict=True)
            ]
            assert np.mean(agree) > 0.8

    def test_masks_need_images_and_cells(self, make, tmp_path):
        maps = [torch.rand(6, 5, 8) for _ in range(2)]
        with pytest.raises(ConfigError, match="need images to belong to: use fit"):
            make(foreground=str(tmp_path)).fit_features(maps)
        images = paint_images()
        nothing = {f"image_{i:05d}": np.zeros((4, 4), np.float32) for i in range(len(images))}
        with pytest.raises(DataError, match=r"at least 3 grid cells"):
            make().fit(images, foreground=nothing)


def floor_masked(image):
    """What of a painted image is not its blue floor, float32 (H, W)."""
    return (image[..., 2] < 128).astype(np.float32)


def entry_of(maps):
    return FeatureEntry(maps.image_id, maps.size, maps.maps.shape[1:], maps.content)
