from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.features import create_backbone
from partdisc.foreground import ESTIMATORS, class_logits
from partdisc.foreground.cut import MIXTURES, Cutter, cut_image, keep_main


def scaled(scenes):
    rows = torch.cat([m.flatten(0, 1) for m in scenes.maps])
    return [(m - rows.mean(0)) / rows.std(0) for m in scenes.maps]


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_objects_score_higher_than_background(scenes, plain_scenes, name):
    scenes = plain_scenes if name == "factor" else scenes
    scores = ESTIMATORS[name](scaled(scenes), seed=0)
    inside = torch.cat([s[t] for s, t in zip(scores, scenes.truth, strict=True)])
    outside = torch.cat([s[~t] for s, t in zip(scores, scenes.truth, strict=True)])
    assert inside.mean() > outside.mean() + 0.3 * outside.std()


@pytest.mark.parametrize("name", ["border", "spectral"])
def test_one_image_does_not_depend_on_the_others(scenes, name):
    maps = scaled(scenes)
    torch.testing.assert_close(ESTIMATORS[name](maps)[0], ESTIMATORS[name](maps[:1])[0])


@pytest.mark.parametrize("rough", [False, True])
def test_cut_snaps_to_colours(scenes, rough):
    blurred = [torch.nn.functional.avg_pool2d(t.float()[None], 3, 1, 1)[0].numpy() for t in scenes.truth]
    cutter = Cutter(scenes.images)
    cuts = [cutter(number, probability, rough=rough) for number, probability in enumerate(blurred)]
    assert scenes.iou([torch.from_numpy(c) > 0.5 for c in cuts]) > 0.95


def test_cut_is_repeatable(scenes):
    probability = torch.nn.functional.avg_pool2d(scenes.truth[0].float()[None], 5, 1, 2)[0].numpy()
    cutters = [Cutter([scenes.images[0]] * 2) for _ in range(2)]
    first, second = ([cutter(number, probability) for number in (0, 1, 0)] for cutter in cutters)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.array_equal(first[0], first[1])


def test_a_later_cut_starts_from_the_colours_of_the_one_before(scenes):
    probability = torch.nn.functional.avg_pool2d(scenes.truth[0].float()[None], 5, 1, 2)[0].numpy()
    fine = np.kron(probability, np.ones((4, 4), np.float32))
    mixtures = np.zeros(MIXTURES)
    first = cut_image(scenes.images[0], fine, mixtures)
    assert np.array_equal(first, cut_image(scenes.images[0], fine))
    assert mixtures.any(1).all()
    learnt = mixtures.copy()
    again = cut_image(scenes.images[0], fine, mixtures)
    truth = np.kron(scenes.truth[0].numpy(), np.ones((4, 4))) > 0
    assert not np.array_equal(learnt, mixtures)
    assert (again & truth).sum() / (again | truth).sum() > 0.95


def test_objects_of_few_pixels_are_cut_though_every_second_pixel_misses_them():
    image, probability = np.zeros((16, 16, 3), np.uint8), np.full((16, 16), 0.1, np.float32)
    image[5, 3:13], probability[5, 3:13] = 255, 0.9
    assert np.array_equal(cut_image(image, probability), probability > 0.5)


def test_a_rough_cut_needs_no_more_than_a_pixel_a_cell():
    image = np.zeros((12, 12, 3), np.uint8)
    image[3:9, 3:9] = 255
    probability = (image[..., 0] / 255).astype(np.float32) * 0.6 + 0.2
    cut = Cutter([image])(0, probability, rough=True)
    assert np.array_equal(cut > 0.5, image[..., 0] > 0)


def test_an_empty_side_is_not_cut():
    probability = np.full((8, 8), 0.1, np.float32)
    assert not cut_image(np.zeros((8, 8, 3), np.uint8), probability).any()


def test_only_small_regions_are_quietened():
    probability = np.full((20, 20), 0.1, np.float32)
    probability[6:14, 5:15] = 0.9
    probability[1:3, 1:3] = 0.9
    kept = keep_main(probability)
    assert (kept[1:3, 1:3] < 0.5).all()
    assert (kept[6:14, 5:15] == probability[6:14, 5:15]).all()
    assert probability[1, 1] == np.float32(0.9)


def test_class_logits_are_those_of_the_network():
    backbone = create_backbone("tf_efficientnet_lite0", weights="auto")
    logits = class_logits(backbone)
    image = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))
    last = backbone.model.forward_intermediates(
        backbone.normalize(image), indices=[4], intermediates_only=True
    )[0]
    joined = torch.cat([torch.zeros(1, 112, *last.shape[2:]), last], 1)[0].permute(1, 2, 0)
    features = backbone.model.forward_features(backbone.normalize(image))
    expected = backbone.model.classifier(features[0].permute(1, 2, 0))
    torch.testing.assert_close(logits(joined), expected, atol=1e-3, rtol=1e-4)


def test_no_logits_without_trained_weights():
    assert class_logits(create_backbone("tf_efficientnet_lite0", weights="random")) is None
    assert class_logits(create_backbone("tf_efficientnet_lite0", layers=["blocks.4"])) is None
