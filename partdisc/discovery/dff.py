"""Deep Feature Factorization (Collins, Achanta, Süsstrunk, ECCV 2018).

All grid cells of all images are the rows of one matrix X (M, C) ≈ W H with W, H >= 0. Row k of H is the basis of
part k, column k of W, laid out on the images' grids, its heat map in every image at once: the factorization is joint,
which is why a part is the same part everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from partdisc.discovery.base import PartDiscoverer, as_feature_set, resolve_device
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.scaling import FeatureScaling, ScaledBlocks, channel_statistics, non_negative_scaling
from partdisc.factorization import NMF, TensorBlocks
from partdisc.factorization.activations import solve_activations
from partdisc.factorization.blocks import open_blocks
from partdisc.features.extraction import fits_in_memory

RULES = ("keep", "split", "relu")


@dataclass(eq=False, repr=False)
class DeepFeatureFactorization(PartDiscoverer):
    """Parts as the factors of a joint non-negative factorization of deep features.

    Without a foreground stage there are K factors, every one a part, and label 0 is not used. A cell belongs to the
    factor with the largest activation times the norm of its basis; where nothing is active, to part 1.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `PartDiscoverer`.
        signed: what is done with features below zero: "split" ("auto") standardises them and splits them into
            positive and negative halves, "relu" standardises and cuts at zero, "error" refuses them.
        solver: "hals", or "mu" as in the paper.
        init: "compressed" searches for a good start on a small copy of the features; or "nndsvda", "nndsvd",
            "random" (the paper's).
        max_iter: iterations at most.
        tol: when the solver stops; see `non_negative_factorization`.
        restarts: number of starts, of which the best counts.

    Attributes:
        components_: (K, C') basis H, unit rows; C' = 2C where features were split.
        scaling_: how features are brought to a common scale.
        loss_history_: ½ ‖X − WH‖² after each iteration.
        relative_error_: ‖X − WH‖ / ‖X‖.

    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.random((6, 5, 8), dtype=np.float32) for _ in range(2)]
    >>> dff = DeepFeatureFactorization(num_parts=3).fit_features(maps)
    >>> dff.predict_features(maps)[0].maps.shape
    (4, 6, 5)
    """

    method: ClassVar[str] = "dff"

    signed: str = "auto"
    solver: str = "hals"
    init: str = "compressed"
    max_iter: int = 200
    tol: float = 1e-4
    restarts: int = 1

    def transform(self, images: Any) -> list[np.ndarray]:
        """Heat maps of the factors: (K, h, w) activations >= 0 for each image, in feature units.

        Divide by an image's maximum for display, as the paper does; a part that is absent is zero throughout.
        """
        self._check_fitted()
        features = as_feature_set(self.extract(images))
        heat = []
        for entry, rows in zip(features.entries, features, strict=True):
            heat.append(self._activations(rows.flatten(0, 1)).T.unflatten(1, entry.grid).cpu().numpy())
        return heat

    def _fit_features(self, features: RowsInside) -> None:
        layers = features.key.get("backbone", {}).get("channels")
        self.scaling_ = non_negative_scaling(channel_statistics(features), layers, self.signed)
        source: Any = ScaledBlocks(features, self.scaling_)
        if fits_in_memory(source.shape[0] * source.shape[1] * 4, self.budget):
            # scaled once instead of in every iteration
            source = TensorBlocks(source.matrix(), source.processes)
        nmf = NMF(
            self.num_parts_,
            init=self.init,
            solver=self.solver,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=self.seed,
            restarts=self.restarts,
            device=resolve_device(self.device),
        )
        nmf.fit(source)
        H = torch.as_tensor(nmf.components_).float().cpu()
        self.components_ = (H / H.norm(dim=1, keepdim=True).clamp(min=1e-12)).contiguous()
        self.loss_history_ = [float(loss) for loss in nmf.loss_history_]
        self.relative_error_ = float(nmf.relative_error_)

    def _activations(self, rows: Tensor) -> Tensor:
        """W (m, K) for unit basis rows: an activation is then in units of the features."""
        return solve_activations(open_blocks(self.scaling_(rows)), self.components_)

    def _part_scores(self, rows: Tensor) -> Tensor:
        activations = self._activations(rows)
        total = activations.sum(1, keepdim=True)
        return torch.where(total > 0, activations / total.clamp(min=1e-30), 1 / activations.shape[1])

    def _state(self) -> dict[str, Tensor]:
        return {
            "components": self.components_,
            "mean": self.scaling_.mean,
            "scale": self.scaling_.scale,
            "rule": torch.tensor(RULES.index(self.scaling_.rule)),
        }

    def _set_state(self, state: dict[str, Tensor]) -> None:
        self.components_ = state["components"]
        self.scaling_ = FeatureScaling(state["mean"], state["scale"], RULES[int(state["rule"])])

    def _reorder(self, order: Tensor) -> None:
        self.components_ = self.components_[order]

    def _basis(self) -> Tensor:
        return self.components_
