from __future__ import annotations

import pytest
import torch

from partdisc.errors import ConfigError, DataError
from partdisc.foreground import AUTO, ESTIMATORS, LinearForeground, fit_foreground
from partdisc.foreground.auto import EVIDENCE_CELLS
from partdisc.foreground.grids import pool_map
from partdisc.store.features import FeatureSet


def masks(scenes, foreground):
    return [foreground(features) > 0.5 for features in scenes.features]


def test_objects_are_found_without_labels(scenes):
    found = fit_foreground(scenes.features, scenes.images)
    assert scenes.iou(masks(scenes, found)) > 0.9


def test_objects_are_found_without_pixels_too(scenes):
    assert scenes.iou(masks(scenes, fit_foreground(scenes.features))) > 0.7


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_each_estimator_beats_calling_everything_object(scenes, plain_scenes, name):
    scenes = plain_scenes if name == "factor" else scenes
    everything = scenes.iou([torch.ones_like(t) for t in scenes.truth])
    found = fit_foreground(scenes.features, scenes.images, evidence=[name])
    assert scenes.iou(masks(scenes, found)) > 1.5 * everything


def test_same_seed_same_bytes(scenes):
    first, second = (fit_foreground(scenes.features, scenes.images, seed=3) for _ in range(2))
    for name, tensor in first.state().items():
        assert torch.equal(tensor, second.state()[name]), name


def test_images_may_be_brought_one_by_one(scenes):
    listed = fit_foreground(scenes.features, scenes.images)
    called = fit_foreground(scenes.features, scenes.images.__getitem__)
    assert torch.equal(listed.weight, called.weight)


def test_features_are_left_as_they_were(scenes):
    before = [m.clone() for m in scenes.features]
    fit_foreground(scenes.features, scenes.images)
    assert all(torch.equal(a, b) for a, b in zip(before, scenes.features, strict=True))


def test_the_model_is_its_tensors(scenes):
    found = fit_foreground(scenes.features)
    again = LinearForeground(**found.state())
    assert torch.equal(found(scenes.features[0]), again(scenes.features[0]))


def test_probabilities_lie_in_the_unit_interval_whatever_the_dtype(scenes):
    found = fit_foreground(scenes.features)
    probability = found(scenes.features[0].half())
    assert probability.shape == scenes.truth[0].shape
    assert 0 <= float(probability.min()) <= float(probability.max()) <= 1


def test_a_classifier_is_asked_where_there_is_one(scenes):
    asked = []

    def logits(features):
        asked.append(features.shape)
        return features[..., :5]

    fit_foreground(scenes.features, evidence=["class", "certainty"], logits=logits)
    cells = [pool_map(m, EVIDENCE_CELLS)[..., 0].numel() for m in scenes.features]
    assert sum(rows for rows, _ in asked) == sum(cells)  # each once


def test_unknown_estimator_is_named_with_the_known(scenes):
    with pytest.raises(ConfigError, match=r"among border, .*class.*but got saliency"):
        fit_foreground(scenes.features, evidence=["saliency"])


def test_class_evidence_alone_needs_a_classifier(scenes):
    with pytest.raises(ConfigError, match="needs no classifier"):
        fit_foreground(scenes.features, evidence=["class"])


def test_no_features():
    with pytest.raises(DataError, match="at least one image"):
        fit_foreground(FeatureSet([]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2)])
def test_tiny_grids_pass(shape):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(*shape, 4, generator=generator) for _ in range(3)]
    found = fit_foreground(FeatureSet.from_maps(maps))
    assert bool(torch.isfinite(found(maps[0])).all())


def test_constant_features_pass():
    found = fit_foreground(FeatureSet.from_maps([torch.ones(5, 6, 4)] * 2))
    assert bool(torch.isfinite(found(torch.ones(5, 6, 4))).all())


def test_auto_names_exist():
    from partdisc.foreground import CLASS_ESTIMATORS

    assert set(AUTO) <= {*ESTIMATORS, *CLASS_ESTIMATORS}
