from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.training import Lesson, SeenImages, teach
from partdisc.features import create_backbone, extract_features
from partdisc.store.features import FeatureSet
from tests.discovery.scops.conftest import PARTS, TINY, disc_maps

CPU = torch.device("cpu")


@pytest.fixture
def seen() -> SeenImages:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((48, 90), (70, 33))]
    backbone = create_backbone(weights="random", layers="stride32")
    return SeenImages(list_images(images).records, backbone, image_size=80)


def test_the_canvas_holds_every_image_and_both_strides_divide_it(seen):
    config = ScopsConfig.from_dict({"train_encoder": True, "output_stride": 16})
    height, width = seen.canvas()
    assert (height, width) == (96, 96)  # 80 pixels at the most along each side, to whole cells of 32
    encoder = seen.encoder(config, CPU)
    assert (encoder.stride, seen.backbone.stride) == (16, 32)
    assert height % encoder.stride == width % encoder.stride == 0


def test_a_frozen_encoder_is_the_backbone_and_a_trained_one_is_a_copy(seen):
    assert seen.encoder(ScopsConfig(), CPU) is seen.backbone
    trained = seen.encoder(ScopsConfig(train_encoder=True), CPU)
    assert all(p.requires_grad for p in trained.model.parameters())
    assert not any(p.requires_grad for p in seen.backbone.model.parameters())


def test_a_lesson_without_images_trains_a_head_for_its_features():
    features = FeatureSet.from_maps([torch.from_numpy(m) for m in disc_maps()])
    taught = teach(Lesson(features), PARTS, ScopsConfig.from_dict(TINY), seed=0, device=CPU)
    assert taught.encoder is None
    assert taught.head(features[0].permute(2, 0, 1)[None].float()).shape == (1, PARTS, 8, 11)
    assert [line["step"] for line in taught.history] == list(range(1, TINY["steps"] + 1))


def test_only_a_trained_encoder_is_handed_back(seen):
    images = [record.pixels for record in seen.records]
    features = extract_features(seen.backbone, images, image_size=seen.image_size, device="cpu")
    for train in (False, True):
        config = ScopsConfig.from_dict({**TINY, "steps": 1, "train_encoder": train})
        taught = teach(Lesson(features, images=seen), 2, config, seed=0, device=CPU)
        assert (taught.encoder is not None) == train
    assert taught.encoder.weights_hash != seen.backbone.weights_hash
