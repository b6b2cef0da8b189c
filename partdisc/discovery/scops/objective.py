"""What is minimised: all losses of one batch, from one forward pass of the image and one of its warp."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partdisc.discovery.scops import losses
from partdisc.discovery.scops.augmentation import recolour, sample_colours, sample_warp
from partdisc.discovery.scops.batches import Batch
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.network import Segmenter
from partdisc.geometry.moments import areas
from partdisc.geometry.warps import Warp, visible, warp_maps

TERMS = ("concentration", "equivariance", "centroids", "semantic", "orthonormality", "foreground")


class Objective(nn.Module):
    """The segmenter with the part basis, and their losses.

    Args:
        segmenter: the network.
        basis: (K, C') >= 0, the start of the part basis.
        config: weights of the losses, ranges of warps.
        background: whether the first map is the background.
        seed: the run's, from which warps and colours are drawn.
    """

    def __init__(
        self, segmenter: Segmenter, basis: Tensor, config: ScopsConfig, *, background: bool, seed: int
    ) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.basis = nn.Parameter(basis.clone())
        self.config, self.background, self.seed = config, background, seed

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The total loss, and what it is made of: each term (unweighted), and "areas" (K,) of the parts."""
        config = self.config
        warp = sample_warp(self.seed, batch.positions, config, batch.centres, batch.valid.device)
        # as SCOPS has it, the image itself is not recoloured: its features are the teacher's
        plain = self.plain_logits(batch)
        moved = self._logits(self._warped(batch, warp), batch, True)
        probabilities = plain.softmax(dim=1)
        target = warp_maps(probabilities, warp)
        seen = visible(warp, batch.valid)
        first = int(self.background)
        parts = probabilities[:, first:]
        terms = {
            "concentration": losses.concentration(parts, batch.valid),
            "equivariance": losses.map_equivariance(moved, target, seen),
            "centroids": losses.centroid_equivariance(
                moved.softmax(dim=1)[:, first:], target[:, first:].detach(), seen
            ),
            "semantic": losses.semantic_consistency(
                batch.targets, parts, self.basis, batch.valid, batch.foreground
            ),
            "orthonormality": losses.orthonormality(self.basis),
        }
        if batch.foreground is not None:
            terms["foreground"] = losses.foreground_agreement(plain, batch.foreground, batch.valid)
        total = torch.stack([getattr(config, name) * value for name, value in terms.items()]).sum()
        return total, {**terms, "areas": areas(parts.detach(), batch.valid).mean(dim=0)}

    def plain_logits(self, batch: Batch) -> Tensor:
        """(B, K', h, w) logits of the images as they are."""
        return self._logits(batch.inputs if self.segmenter.train_encoder else batch.features, batch, False)

    def _logits(self, inputs: Tensor, batch: Batch, encode: bool) -> Tensor:
        segmenter = self.segmenter
        network = segmenter if encode or segmenter.train_encoder else segmenter.head
        logits = network(inputs)[..., : batch.valid.shape[-2], : batch.valid.shape[-1]]
        return logits.float()  # softmax and moments are not for half precision

    def _warped(self, batch: Batch, warp: Warp) -> Tensor:
        if batch.inputs.dtype != torch.uint8:
            return warp_maps(batch.inputs, warp, padding="reflection")
        colours = sample_colours(self.seed, batch.positions, self.config).to(batch.inputs.device)
        return warp_maps(recolour(batch.inputs.float(), colours), warp, padding="reflection")

    @torch.no_grad()
    def project(self) -> None:
        """Keep the basis non-negative; done after each step."""
        self.basis.clamp_(min=0)
