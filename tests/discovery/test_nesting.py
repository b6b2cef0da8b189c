from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.data import list_images
from partdisc.discovery import create_discoverer, load_discoverer, merge_parts, nest_parts
from partdisc.discovery.nesting import owners_of
from partdisc.discovery.recurrence import measure_support
from partdisc.errors import ArtifactError, ConfigError, DataError, NotFittedError, PartdiscError
from tests.discovery.conftest import paint_images

METHODS = ("two-stage", "dff", "semi-nmf", "convex-nmf", "kmeans")


@pytest.fixture
def make(tiny_backbone):
    def made(name, num_parts, foreground="none", **options):
        given = {"backbone": tiny_backbone, "layers": None, "image_size": 64, "device": "cpu"}
        return create_discoverer(name, num_parts, foreground=foreground, **(given | options))

    return made


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("foreground", ["none", "border"])
def test_a_coarse_level_is_what_a_discovery_of_that_number_finds(name, foreground, make):
    images = paint_images()
    method = make(name, 6, foreground).fit(images)
    tree = nest_parts(method, images, [4, 2])
    assert method.tree_ is tree
    for level in (2, 4):
        alone = make(name, level, foreground).fit(images)
        for nested, direct in zip(method.predict(images), alone.predict(images), strict=True):
            found = tree.maps_at(level, nested).maps
            order = [0, *(1 + np.array(numbers(found[1:], direct.maps[1:])))]
            if level == 2:
                np.testing.assert_allclose(found[order], direct.maps, atol=1e-4)
            assert np.mean(found[order].argmax(0) == direct.maps.argmax(0)) > 0.7


def numbers(found: np.ndarray, wanted: np.ndarray) -> list[int]:
    """Which of the maps found is most like each one wanted."""
    return [int(np.abs(found - each).sum((1, 2)).argmin()) for each in wanted]


@pytest.mark.parametrize("name", METHODS)
def test_a_saved_model_has_the_same_levels(name, make, tmp_path):
    images = paint_images()
    method = make(name, 5, backbone="resnet18", weights="random", layers="layer1").fit(images)
    tree = nest_parts(method, images, [2, 3])
    method.save(tmp_path / "model")
    again = load_discoverer(tmp_path / "model")
    assert again.tree_ == tree
    for here, there in zip(method.predict(images), again.predict(images), strict=True):
        np.testing.assert_allclose(here.maps, there.maps, atol=1e-4)


def test_renumbered_parts_stay_within_their_level(make):
    images = paint_images()
    method = make("kmeans", 5).fit(images)
    nest_parts(method, images, [2, 3])
    before = method.predict(images)
    method.reorder([3, 1, 4, 0, 2])
    for old, new in zip(before, method.predict(images), strict=True):
        np.testing.assert_allclose(old.maps[[0, 4, 2, 5, 1, 3]], new.maps, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_what_is_said_of_parts_is_said_of_them_within_levels(name, make):
    images = paint_images()
    method = make(name, 6).fit(images)
    nest_parts(method, images, [2])
    maps = [found.maps[1:].reshape(6, -1) for found in method.predict(images)]
    cells = np.bincount(np.concatenate([each.argmax(0) for each in maps]), minlength=6)
    np.testing.assert_allclose(method.areas_, cells / cells.sum(), atol=1e-6)
    assert list(cells) == sorted(cells, reverse=True)
    owners = torch.arange(len(maps)).repeat_interleave(torch.tensor([each.shape[1] for each in maps]))
    scores = torch.from_numpy(np.concatenate(maps, axis=1).T)
    assert method.support_.effective == pytest.approx(measure_support(scores, owners).effective, abs=0.3)


@pytest.mark.parametrize("name", METHODS)
def test_the_likeliest_part_lies_within_the_likeliest_coarse_part(name, make):
    images = paint_images()
    method = make(name, 8).fit(images)
    tree = nest_parts(method, images, [2, 4])
    differ = []
    for maps in method.predict(images):
        for level in (2, 4):
            coarse = tree.maps_at(level, maps).maps.argmax(0)
            differ.append(np.mean(tree.labels_at(level, maps.maps.argmax(0).astype(np.uint8)) != coarse))
    assert np.mean(differ) < 0.05


def test_given_masks_hold_for_levels_too(make):
    images = paint_images()
    listed, masks = list_images(images), {}
    for record, image in zip(listed.records, images, strict=True):
        masks[record.id] = np.ones(image.shape[:2], np.float32)
        masks[record.id][:, : image.shape[1] // 2] = 0
    method = make("kmeans", 4).fit(listed, foreground=masks)
    nest_parts(method, listed, [2], foreground=masks)
    alone = make("kmeans", 2).fit(listed, foreground=masks)
    found = method.coarser_[0].method.cluster_centers_
    assert float(torch.cdist(found, alone.cluster_centers_).min(1).values.max()) < 1e-4


def test_masks_that_the_method_names_hold_for_levels_too(make, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for i, image in enumerate(paint_images()):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[:, mask.shape[1] // 2 :] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.png")
    images, named = tmp_path / "images", str(tmp_path / "masks")
    method = make("kmeans", 4, named).fit(images)
    nest_parts(method, images, [2])
    alone = make("kmeans", 2, named).fit(images)
    found = method.coarser_[0].method.cluster_centers_
    assert float(torch.cdist(found, alone.cluster_centers_).min(1).values.max()) < 1e-4


def test_levels_that_cannot_be_learnt_leave_those_that_are_there(make):
    images = paint_images()
    method = make("kmeans", 4).fit(images)
    tree = nest_parts(method, images, [2])
    before = method.predict(images)
    wrong = {record.id: "x" for record in list_images(images).records}
    with pytest.raises(PartdiscError):
        nest_parts(method, images, [3], foreground=wrong)
    assert method.tree_ is tree
    for here, there in zip(before, method.predict(images), strict=True):
        np.testing.assert_array_equal(here.maps, there.maps)


@pytest.mark.parametrize("damage", [[0, 9, 0, 1], [0, 1, 0], [0, 0, 0, 0], [0, -1, 0, 1]])
def test_damaged_levels_of_a_model_are_told(make, tmp_path, damage):
    images = paint_images()
    method = make("kmeans", 4, backbone="resnet18", weights="random", layers="layer1").fit(images)
    nest_parts(method, images, [2])
    method.coarser_ = (replace(method.coarser_[0], owners=torch.tensor(damage)),)
    method.save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="levels of the model are damaged"):
        load_discoverer(tmp_path / "model")


def test_another_fit_has_no_levels(make):
    images = paint_images()
    method = make("kmeans", 4).fit(images)
    nest_parts(method, images, [2])
    alone = make("kmeans", 4).fit(images).predict(images)
    for here, there in zip(method.fit(images).predict(images), alone, strict=True):
        np.testing.assert_array_equal(here.maps, there.maps)
    assert (method.tree_, method.coarser_) == (None, ())


def test_levels_learnt_anew_do_not_depend_on_those_before(make):
    images = paint_images()
    method, other = make("kmeans", 5).fit(images), make("kmeans", 5).fit(images)
    nest_parts(method, images, [3])
    assert nest_parts(method, images, [2]) == nest_parts(other, images, [2])
    for here, there in zip(method.predict(images), other.predict(images), strict=True):
        np.testing.assert_allclose(here.maps, there.maps, atol=1e-5)


def test_no_coarse_part_is_without_a_finer_one():
    rng = np.random.default_rng(0)
    for _ in range(50):
        fine, coarse = (torch.from_numpy(rng.dirichlet([0.2] * k, 40)) for k in (5, 4))
        coarse[:, 2] = 0  # a part that wins nothing
        assert set(owners_of(fine, coarse).tolist()) == {0, 1, 2, 3}


def test_a_part_lies_within_the_one_it_shares_most_with():
    fine = torch.eye(3)[[0, 0, 0, 1, 1, 2]]
    coarse = torch.eye(2)[[0, 0, 1, 1, 1, 0]]
    assert owners_of(fine, coarse).tolist() == [0, 1, 0]


def test_unusable_levels_and_methods_are_told(make):
    images = paint_images(3)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        nest_parts(make("kmeans", 4), images, [2])
    method = make("kmeans", 4).fit(images)
    with pytest.raises(ConfigError, match="from 2 to below --num-parts"):
        nest_parts(method, images, [4])
    rng = np.random.default_rng(0)
    maps = [rng.random((6, 5, 8), dtype=np.float32) for _ in range(3)]
    scops = create_discoverer(
        "scops", 3, training={"batch_size": 2}, steps=1, foreground="none", device="cpu"
    )
    features = make("kmeans", 3).fit_features(maps)
    with pytest.raises(DataError, match="features of 8 channels"):
        nest_parts(features, images, [2])
    with pytest.raises(ConfigError, match="merge_parts"):
        nest_parts(scops.fit_features(maps), images, [2])


def test_merged_levels_may_stand_beside_parts_as_they_are(make):
    images = paint_images()
    method = make("kmeans", 4).fit(images)
    before = method.predict(images)
    merge_parts(method, images, [2])
    for here, there in zip(before, method.predict(images), strict=True):
        np.testing.assert_array_equal(here.maps, there.maps)
