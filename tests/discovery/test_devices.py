from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.discovery import create_discoverer
from partdisc.discovery.devices import resolve_device
from partdisc.errors import ConfigError
from tests.discovery.conftest import paint_images


def test_a_device_that_is_not_there_is_refused():
    for name in ("cuda:99", "tpu"):
        with pytest.raises(ConfigError, match=f"got .{name}"):
            resolve_device(name)
    assert resolve_device("cpu") == torch.device("cpu")


def test_an_accelerator_is_taken_where_there_is_one(pretended_device):
    assert resolve_device("auto").type == "cuda"


@pytest.mark.parametrize("name", ["two-stage", "dff", "semi-nmf", "convex-nmf", "kmeans"])
@pytest.mark.parametrize("foreground", ["none", "border"])
def test_a_method_finds_the_same_on_an_accelerator(name, foreground, tiny_backbone, pretended_device):
    images = paint_images()
    options = {"foreground": foreground, "image_size": 64, "backbone": tiny_backbone, "layers": None}
    labels = []
    for device in ("cpu", pretended_device):
        method = create_discoverer(name, 3, device=device, **options).fit(images)
        assert method.get_backbone().mean.device.type == device
        labels.append([maps.maps.argmax(0) for maps in method.predict(images)])
    same = [np.mean(here == there) for here, there in zip(*labels, strict=True)]
    assert min(same) > 0.98


@pytest.mark.parametrize(
    "training",
    [{"start": "kmeans"}, {"start": "two-stage", "precision": "bfloat16"}, {"warped": "features"}],
    ids=str,
)
def test_a_network_is_trained_on_an_accelerator(training, tiny_backbone, pretended_device):
    method = create_discoverer(
        "scops",
        2,
        backbone=tiny_backbone,
        image_size=64,
        foreground="border",
        device=pretended_device,
        training={"batch_size": 2, **training},
        steps=2,
    )
    images = paint_images(4)
    maps = method.fit(images).predict(images)[0].maps
    assert method.get_backbone().mean.device.type == "cuda"
    assert np.isfinite(np.asarray(maps)).all()
