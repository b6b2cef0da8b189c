"""Deep Feature Factorization (Collins, Achanta, Süsstrunk, ECCV 2018).

The factorization is non-negative: W, H >= 0 (see `factors`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from partdisc.discovery.devices import resolve_device
from partdisc.discovery.factors import FactorDiscoverer
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.scaling import FeatureScaling, channel_statistics, non_negative_scaling
from partdisc.factorization import NMF


@dataclass(eq=False, repr=False)
class DeepFeatureFactorization(FactorDiscoverer):
    """Parts as the factors of a joint non-negative factorization of deep features.

    Without a foreground stage there are K factors, every one a part, and label 0 is not used. A cell belongs to the
    factor with the largest activation times the norm of its basis; where nothing is active, to part 1.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
        signed: what is done with features below zero: "split" ("auto") standardises them and splits them into
            positive and negative halves, "relu" standardises and cuts at zero, "error" refuses them.
        solver: "hals", or "mu" as in the paper.
        init: "compressed" searches for a good start on a small copy of the features; or "nndsvda", "nndsvd",
            "random" (the paper's).
        max_iter: iterations at most.
        tol: when the solver stops; see `non_negative_factorization`.
        restarts: number of starts, of which the best counts.
        max_cells: cells that the basis is learnt from at most; see `FactorDiscoverer`.

    Attributes:
        components_: (K, C') basis H, unit rows; C' = 2C where features were split.
        scaling_: how features are brought to a common scale.
        loss_history_: ½ ‖X − WH‖² of the cells that the basis is learnt from, after each iteration.
        relative_error_: ‖X − WH‖ / ‖X‖ of the same cells.

    >>> import numpy as np
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

    def _scale(self, features: RowsInside) -> FeatureScaling:
        layers = features.key.get("backbone", {}).get("channels")
        return non_negative_scaling(channel_statistics(features), layers, self.signed)

    def _solver(self) -> NMF:
        return NMF(
            self.num_parts_,
            init=self.init,
            solver=self.solver,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=self.seed,
            restarts=self.restarts,
            device=resolve_device(self.device),
        )
