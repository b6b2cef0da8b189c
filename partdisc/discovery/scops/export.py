"""A trained segmenter as one file that runs without partdisc: images in, part probabilities out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.scops.network import AtrousHead
from partdisc.errors import ArtifactError, ConfigError, MissingDependencyError
from partdisc.features import Backbone
from partdisc.store.files import atomic_path

TOLERANCE = 1e-4  # by which probabilities of the exported program may differ
FORMATS = (".pt2", ".onnx")


class PartProbabilities(nn.Module):
    """(B, 3, H, W) RGB images in [0, 255] -> (B, K', h, w) probabilities, the background first if there is one.

    Args:
        backbone: makes the features.
        head: makes logits of them.
    """

    def __init__(self, backbone: Backbone, head: AtrousHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of the parts at each cell of the backbone's grid."""
        return self.head(self.backbone(images)).softmax(dim=1)


def export_segmenter(
    segmenter: CoPartSegmentation,
    path: str | os.PathLike[str],
    *,
    height: int,
    width: int,
    batch_size: int = 1,
) -> Path:
    """Write a fitted segmenter as a `torch.export` program or as ONNX and check that it computes the same.

    Args:
        segmenter: fitted.
        path: a .pt2 file, which `torch.export.load(path).module()` runs, or an .onnx file, whose input is called
            "images" and whose output is called "probabilities".
        height: of the images it will take, in pixels.
        width: likewise.
        batch_size: number of images it will take at once.

    Raises:
        ConfigError: if the path is neither, or the network cannot be exported.
        MissingDependencyError: if ONNX is asked for and its packages are not installed.
        ArtifactError: if what was written does not compute the same.
    """
    target = Path(path)
    if target.suffix not in FORMATS:
        raise ConfigError(f"Expected a file name that ends in {' or '.join(FORMATS)}, but got {target}.")
    segmenter._check_fitted()
    module = PartProbabilities(segmenter.get_backbone(), segmenter.head_).eval().cpu()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch_size, 3, height, width, generator=generator) * 255
    write = _write_onnx if target.suffix == ".onnx" else _write_program
    with torch.no_grad():
        expected = module(images)
        with atomic_path(target) as partial:
            difference = float((write(module, images, partial)(images) - expected).abs().max())
            if not difference <= TOLERANCE:
                raise ArtifactError(
                    f"The exported program differs from the model by {difference:.2g}, more than {TOLERANCE}; "
                    "nothing was written."
                )
    return target


def _write_program(module: PartProbabilities, images: Tensor, path: Path) -> Callable[[Tensor], Tensor]:
    """Write by `torch.export`; returns what the file computes."""
    try:
        program = torch.export.export(module, (images,))
    except Exception as error:  # whatever the tracer meets in somebody's network
        raise _not_exported(module, error) from error
    torch.export.save(program, path)
    return torch.export.load(path).module()


def _write_onnx(module: PartProbabilities, images: Tensor, path: Path) -> Callable[[Tensor], Tensor]:
    """Write ONNX, weights inside; returns what the file computes."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"Export to ONNX needs {error.name}. Install it with pip install onnx onnxscript onnxruntime, or "
            "export to a .pt2 file."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter about itself
            torch.onnx.export(
                module,
                (images,),
                path,
                dynamo=True,
                external_data=False,
                verbose=False,
                input_names=["images"],
                output_names=["probabilities"],
            )
    except Exception as error:
        raise _not_exported(module, error) from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {"images": x.numpy()})[0])


def _not_exported(module: PartProbabilities, error: Exception) -> ConfigError:
    return ConfigError(f"{module.backbone.name} cannot be exported: {' '.join(str(error).split())[:200]}")
