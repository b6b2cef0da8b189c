"""Discovery by the factorizations for signed features, which take them whole: semi-NMF and convex NMF.

Plain DFF has to split signed features into positive and negative halves, for its basis cannot be negative. These need
not: activations are >= 0, the basis is free (semi-NMF), or a mean of cells of the images (convex NMF). Both are of
Ding, Li and Jordan (PAMI 2010). Each channel is divided by its root mean square and keeps its zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from partdisc.discovery.devices import resolve_device
from partdisc.discovery.factors import FactorDiscoverer
from partdisc.factorization import ConvexNMF, SemiNMF


@dataclass(eq=False, repr=False)
class SemiFeatureFactorization(FactorDiscoverer):
    """Parts as the factors of a joint semi-NMF of deep features.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
        init: "kmeans" (the paper's), "svd" or "random"; see `SemiNMF`.
        max_iter: iterations at most.
        tol: when the solver stops; see `SemiNMF`.
        max_cells: cells that the basis is learnt from at most; see `FactorDiscoverer`.

    Attributes:
        components_: (K, C) basis H, of any sign, unit rows.
        scaling_: how features are brought to a common scale.
        loss_history_: ½ ‖X − WH‖² of the cells that the basis is learnt from, after each iteration.
        relative_error_: ‖X − WH‖ / ‖X‖ of the same cells.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.normal(size=(6, 5, 8)).astype(np.float32) for _ in range(2)]
    >>> method = SemiFeatureFactorization(num_parts=3).fit_features(maps)
    >>> method.predict_features(maps)[0].maps.shape
    (4, 6, 5)
    """

    method: ClassVar[str] = "semi-nmf"

    init: str = "kmeans"
    max_iter: int = 200
    tol: float = 1e-4

    def _solver(self) -> SemiNMF:
        return SemiNMF(
            self.num_parts_,
            init=self.init,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=self.seed,
            device=resolve_device(self.device),
        )


@dataclass(eq=False, repr=False)
class ConvexFeatureFactorization(FactorDiscoverer):
    """Parts as the factors of a joint convex NMF of deep features: each basis vector is a mean of cells.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
        num_anchors: how many fine clusters of cells the basis may be made of; see `ConvexNMF`.
        max_iter: iterations at most.
        tol: when the solver stops; see `ConvexNMF`.
        max_cells: cells that the basis is learnt from at most; see `FactorDiscoverer`.

    Attributes:
        components_: (K, C) basis H, unit rows.
        scaling_: how features are brought to a common scale.
        loss_history_: ½ ‖X − WH‖² of the cells that the basis is learnt from, after each iteration.
        relative_error_: ‖X − WH‖ / ‖X‖ of the same cells.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.normal(size=(6, 5, 8)).astype(np.float32) for _ in range(2)]
    >>> method = ConvexFeatureFactorization(num_parts=3).fit_features(maps)
    >>> method.predict_features(maps)[0].maps.shape
    (4, 6, 5)
    """

    method: ClassVar[str] = "convex-nmf"

    num_anchors: int = 64
    max_iter: int = 200
    tol: float = 1e-4

    def _solver(self) -> ConvexNMF:
        return ConvexNMF(
            self.num_parts_,
            num_anchors=self.num_anchors,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=self.seed,
            device=resolve_device(self.device),
        )
