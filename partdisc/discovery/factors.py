"""What discovery by factorization shares: parts are factors, their heat maps the activations.

All grid cells of all images are the rows of one matrix X (M, C) ≈ W H with W >= 0. Row k of H is the basis of part k,
column k of W, laid out on the images' grids, its heat map in every image at once: the factorization is joint, which
is why a part is the same part everywhere. Of many cells the basis is learnt from some; each image's activations are
its own cells', whatever the basis was learnt from.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.checks import check_count
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.drawing import DrawnCells
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.predicting import as_feature_set
from partdisc.discovery.scaling import FeatureScaling, ScaledBlocks, channel_statistics, unit_scaling
from partdisc.factorization import TensorBlocks
from partdisc.factorization.activations import solve_products
from partdisc.factorization.estimator import BasisModel
from partdisc.features.planning import fits_in_memory

MAX_CELLS = 32_768
PRODUCT_ROWS = 256  # scaled at a time, which then are in the cache for the product
RULES = ("keep", "split", "relu")


@dataclass(eq=False, repr=False)
class FactorDiscoverer(PartDiscoverer):
    """Parts as the factors of a joint factorization.

    A cell belongs to the factor with the largest activation times the norm of its basis; where nothing is active, to
    part 1.

    Args:
        max_cells: cells that the basis is learnt from at most; of more, so many are drawn evenly over all images.

    Attributes:
        components_: basis H, unit rows.
        scaling_: how features are brought to a common scale.
        loss_history_: ½ ‖X − WH‖² after each iteration, X being the cells that the basis is learnt from.
        relative_error_: ‖X − WH‖ / ‖X‖ of the same cells.
    """

    max_cells: int = MAX_CELLS

    def _scale(self, features: RowsInside) -> FeatureScaling:
        """How features enter the factorization: whole, with their zero, channels alike in size."""
        return unit_scaling(channel_statistics(features))

    @abstractmethod
    def _solver(self) -> BasisModel:
        """The factorization of `num_parts_` factors, with this method's settings."""

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
        self.scaling_ = self._scale(features)
        cells = DrawnCells(features, check_count("max_cells", self.max_cells), self.seed)
        source: Any = ScaledBlocks(cells, self.scaling_)
        if fits_in_memory(source.shape[0] * source.shape[1] * 4, self.budget):
            # scaled once instead of in every iteration
            source = TensorBlocks(source.matrix(), source.processes)
        model = self._solver()
        model.fit(source)
        H = torch.as_tensor(model.components_).float().cpu()
        self.components_ = (H / H.norm(dim=1, keepdim=True).clamp(min=1e-12)).contiguous()
        self.loss_history_ = [float(loss) for loss in model.loss_history_]
        self.relative_error_ = float(model.relative_error_)

    def _activations(self, rows: Tensor) -> Tensor:
        """W (m, K) for unit basis rows: an activation is then in units of the features."""
        products = [self.components_ @ self.scaling_(block).T for block in rows.split(PRODUCT_ROWS)]
        return solve_products(torch.cat(products, dim=1), self.components_).T

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
