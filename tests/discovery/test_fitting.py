from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.discovery import ConvexFeatureFactorization, FeatureClustering
from partdisc.discovery.fitting import check_learnable, choose_number, count_cells
from partdisc.discovery.inside import RowsInside, small_images
from partdisc.errors import ConfigError, DataError
from partdisc.store.features import FeatureSet
from tests.discovery.conftest import paint_images


def test_pictures_that_are_there_already_are_looked_at_and_change_nothing(tiny_backbone):
    images = list_images(paint_images())
    asked = []

    def learnt(**options):
        method = FeatureClustering(
            2, backbone=tiny_backbone, image_size=64, foreground="border", device="cpu"
        )
        features = method.extract(images)
        given = small_images(features, images)
        pictures = {"pictures": lambda index: asked.append(index) or given(index)} if options else {}
        method.learn(images, features, **pictures)
        return method

    alone, shared = learnt(), learnt(pictures=True)
    assert sorted(set(asked)) == list(range(len(images)))
    for name, tensor in alone._state().items():
        assert torch.equal(tensor, shared._state()[name]), name


def test_a_given_number_of_parts_is_no_choice():
    rows = RowsInside(FeatureSet.from_maps([torch.rand(3, 3, 2)]), None)
    assert choose_number(FeatureClustering(3), rows, None) == (3, None)


def test_too_few_cells_and_a_choice_that_a_method_cannot_make_are_told():
    features = FeatureSet.from_maps([torch.rand(2, 2, 3)])
    check_learnable(ConvexFeatureFactorization(4), features)
    with pytest.raises(DataError, match="at least 5 grid cells for 5 parts, but got 4"):
        check_learnable(ConvexFeatureFactorization(5), features)
    with pytest.raises(DataError, match="at least 5 grid cells inside the foreground"):
        check_learnable(ConvexFeatureFactorization(5), RowsInside(features, None))

    class Fixed(FeatureClustering):
        chooses = False

    with pytest.raises(ConfigError, match="expected a whole number, but got 'auto'"):
        check_learnable(Fixed("auto"), features)


def test_cells_are_counted_by_the_part_they_belong_to(monkeypatch):
    rng = np.random.default_rng(0)
    maps = [rng.random((4, 5, 6), dtype=np.float32) for _ in range(3)]
    method = FeatureClustering(3, foreground="none").fit_features(maps)
    labels = torch.cat([method._part_scores(torch.from_numpy(m).flatten(0, 1)).argmax(1) for m in maps])
    features = FeatureSet.from_maps([torch.from_numpy(m) for m in maps])
    assert count_cells(method, features).tolist() == torch.bincount(labels, minlength=3).tolist()
    monkeypatch.setattr("partdisc.discovery.fitting.ORDER_CELLS", 10)
    assert int(count_cells(method, features).sum()) == 10
