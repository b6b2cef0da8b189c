"""A trained segmenter as one file that runs without partdisc: images in, part probabilities out."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.scops.network import AtrousHead
from partdisc.errors import ArtifactError, ConfigError
from partdisc.features import Backbone
from partdisc.store.files import atomic_path

TOLERANCE = 1e-4  # by which probabilities of the exported program may differ


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
    """Write a fitted segmenter as a `torch.export` program and check that it computes the same.

    Args:
        segmenter: fitted.
        path: a .pt2 file; `torch.export.load(path).module()` runs it.
        height: of the images it will take, in pixels.
        width: likewise.
        batch_size: number of images it will take at once.

    Raises:
        ConfigError: if the path is no .pt2 file, or the network cannot be exported.
        ArtifactError: if what was written does not compute the same.
    """
    target = Path(path)
    if target.suffix != ".pt2":
        raise ConfigError(f"Expected a file name that ends in .pt2, but got {target}.")
    segmenter._check_fitted()
    module = PartProbabilities(segmenter.get_backbone(), segmenter.head_).eval().cpu()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch_size, 3, height, width, generator=generator) * 255
    with torch.no_grad():
        expected = module(images)
        try:
            program = torch.export.export(module, (images,))
        except Exception as error:  # whatever the tracer meets in somebody's network
            raise ConfigError(
                f"{segmenter.get_backbone().name} cannot be exported: {' '.join(str(error).split())[:200]}"
            ) from error
        with atomic_path(target) as partial:
            torch.export.save(program, partial)
        found = torch.export.load(target).module()(images)
    difference = float((found - expected).abs().max())
    if not difference <= TOLERANCE:
        target.unlink()
        raise ArtifactError(
            f"The exported program differs from the model by {difference:.2g}, more than {TOLERANCE}; removed."
        )
    return target
