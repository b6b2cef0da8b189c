from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.discovery.scops.export import export_segmenter
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.errors import ArtifactError, ConfigError, NotFittedError
from partdisc.features import create_backbone
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY


@pytest.fixture(scope="module")
def fitted() -> CoPartSegmentation:
    backbone = create_backbone("resnet18", weights="random", layers="layer2")
    training = {**TINY, "steps": 2}
    segmenter = CoPartSegmentation(2, backbone=backbone, image_size=64, training=training, foreground="none")
    return segmenter.fit(paint_images(3))


@pytest.mark.slow
def test_exported_program_computes_the_same(fitted, tmp_path):
    path = export_segmenter(fitted, tmp_path / "parts.pt2", height=48, width=64, batch_size=2)
    images = torch.rand(2, 3, 48, 64) * 255
    with torch.no_grad():
        found = torch.export.load(path).module()(images)
        expected = fitted.head_(fitted.get_backbone()(images)).softmax(1)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


def test_program_that_differs_is_removed(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("partdisc.discovery.scops.export.TOLERANCE", -1.0)
    with pytest.raises(ArtifactError, match="differs from the model by"):
        export_segmenter(fitted, tmp_path / "parts.pt2", height=32, width=32)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_told(fitted, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in .pt2"):
        export_segmenter(fitted, tmp_path / "parts.onnx", height=32, width=32)
    with pytest.raises(NotFittedError, match="not fitted"):
        export_segmenter(CoPartSegmentation(2), tmp_path / "parts.pt2", height=32, width=32)
