"""What is minimised: all losses of one batch, from one forward pass of the image and one of its warp."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partdisc.discovery.scops import losses
from partdisc.discovery.scops.augmentation import recolour, sample_colours, sample_warp
from partdisc.discovery.scops.batches import Batch
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.network import Segmenter
from partdisc.geometry.cells import sample_cells
from partdisc.geometry.moments import areas
from partdisc.geometry.warps import INSIDE, Warp, sample_maps, sampling_places, warp_maps


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
        places = sampling_places(
            warp, *batch.valid.shape[-2:], dtype=torch.float32, device=batch.valid.device
        )
        # as SCOPS has it, the image itself is not recoloured: its features are the teacher's
        plain = self.plain_logits(batch)
        moved = self._logits(self._warped(batch, warp, places), batch, True)
        probabilities = plain.softmax(dim=1)
        seen, target, labels = _carried(batch, probabilities, places)
        first = int(self.background)
        parts = probabilities[:, first:]
        terms = {
            "concentration": losses.concentration(parts, batch.valid),
            "equivariance": losses.divergence(moved, target, seen),
            "centroids": losses.centroid_equivariance(
                moved.softmax(dim=1)[:, first:], target[:, first:], seen
            ),
            "semantic": losses.semantic_consistency(
                batch.targets, parts, self.basis, batch.valid, batch.foreground
            ),
            "orthonormality": losses.orthonormality(self.basis),
        }
        if batch.foreground is not None:
            terms["foreground"] = losses.foreground_agreement(plain, batch.foreground, batch.valid)
        if batch.labels is not None and labels is not None:
            kept = losses.divergence(plain, batch.labels, batch.valid)
            terms["labels"] = (kept + losses.divergence(moved, labels, seen)) / 2
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

    def _warped(self, batch: Batch, warp: Warp, places: Tensor) -> Tensor:
        if batch.inputs.dtype != torch.uint8:  # features: on the grid of the maps
            return sample_cells(batch.inputs, places)
        colours = sample_colours(self.seed, batch.positions, self.config).to(batch.inputs.device)
        return warp_maps(recolour(batch.inputs.float(), colours), warp, padding="reflection")

    @torch.no_grad()
    def project(self) -> None:
        """Keep the basis non-negative; done after each step."""
        self.basis.clamp_(min=0)


@torch.no_grad()
def _carried(batch: Batch, probabilities: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """What is known of an image, warped: where it is seen whole (0 or 1), its maps, and its labels if it has any."""
    known = [batch.valid, probabilities] + ([] if batch.labels is None else [batch.labels])
    warped = sample_maps(torch.cat(known, dim=1), places).split([maps.shape[1] for maps in known], dim=1)
    seen = (warped[0] >= INSIDE).to(batch.valid.dtype)
    return seen, warped[1], None if batch.labels is None else warped[2]
