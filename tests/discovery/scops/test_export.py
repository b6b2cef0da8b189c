from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from partdisc.discovery.scops.export import export_segmenter
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.errors import ArtifactError, ConfigError, MissingDependencyError, NotFittedError
from partdisc.features import create_backbone
from tests.discovery.conftest import paint_images
from tests.discovery.scops.conftest import TINY


@pytest.fixture(scope="module")
def fitted() -> CoPartSegmentation:
    backbone = create_backbone("resnet18", weights="random", layers="layer2")
    training = {**TINY, "steps": 2}
    segmenter = CoPartSegmentation(2, backbone=backbone, image_size=64, training=training, foreground="none")
    return segmenter.fit(paint_images(3))


def run_program(path: Path, images: torch.Tensor) -> torch.Tensor:
    return torch.export.load(path).module()(images)


def run_onnx(path: Path, images: torch.Tensor) -> torch.Tensor:
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return torch.from_numpy(session.run(["probabilities"], {"images": images.numpy()})[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "run"), [("parts.pt2", run_program), ("parts.onnx", run_onnx)])
def test_exported_program_computes_the_same(fitted, tmp_path, name, run):
    if name.endswith("onnx"):
        pytest.importorskip("onnxscript")
    path = export_segmenter(fitted, tmp_path / name, height=48, width=64, batch_size=2)
    assert [p.name for p in tmp_path.iterdir()] == [name]  # weights inside, nothing left over
    images = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        expected = fitted.head_(fitted.get_backbone()(images)).softmax(1)
        found = run(path, images)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


def test_missing_onnx_is_named(fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match="pip install onnx onnxscript onnxruntime"):
        export_segmenter(fitted, tmp_path / "parts.onnx", height=32, width=32)
    assert not list(tmp_path.iterdir())


def test_program_that_differs_is_removed(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("partdisc.discovery.scops.export.TOLERANCE", -1.0)
    with pytest.raises(ArtifactError, match="differs from the model by"):
        export_segmenter(fitted, tmp_path / "parts.pt2", height=32, width=32)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_told(fitted, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in .pt2 or .onnx"):
        export_segmenter(fitted, tmp_path / "parts.pt", height=32, width=32)
    with pytest.raises(NotFittedError, match="not fitted"):
        export_segmenter(CoPartSegmentation(2), tmp_path / "parts.pt2", height=32, width=32)
