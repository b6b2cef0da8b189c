from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.discovery import create_discoverer, load_discoverer, merge_parts, nest_parts
from partdisc.discovery.nesting import owners_of, tree_of
from partdisc.errors import ConfigError, NotFittedError
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
            apart = np.abs(found[order] - direct.maps)
            assert (apart.max() < 1e-4) if level == 2 else (apart.mean() < 0.1)


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


def test_parts_are_numbered_by_their_area_within_levels(make):
    images = paint_images()
    method = make("kmeans", 6).fit(images)
    nest_parts(method, images, [2])
    assert torch.equal(method.areas_, method.areas_.sort(descending=True).values)
    assert float(method.areas_.sum()) == pytest.approx(1)


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
    assert tree_of(3, [owners_of(fine, coarse)]).levels == {2: (1, 2, 1)}


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
    with pytest.raises(ConfigError, match="merge_parts"):
        nest_parts(scops.fit_features(maps), images, [2])


def test_merged_levels_may_stand_beside_parts_as_they_are(make):
    images = paint_images()
    method = make("kmeans", 4).fit(images)
    before = method.predict(images)
    merge_parts(method, images, [2])
    for here, there in zip(before, method.predict(images), strict=True):
        np.testing.assert_array_equal(here.maps, there.maps)
