"""Semi-NMF: X and the basis may have any sign, the activations may not (Ding, Li and Jordan 2010).

It is what signed features (a ViT's, a layer before its ReLU) need: part activations stay non-negative, so
they can be read as heat maps, while the basis vectors are free. The paper updates W multiplicatively; here
W takes the same coordinate sweeps as in NMF (they need no sign of X), which fall faster, and H its
least-squares optimum for W. Every step lowers ½ ‖X − W H‖².
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from partdisc.checks import check_choice, check_count
from partdisc.factorization.blocks import open_blocks
from partdisc.factorization.checks import check_descent
from partdisc.factorization.engine import Descent, Rule, descend, gradient_fell
from partdisc.factorization.estimator import BasisModel
from partdisc.factorization.passes import sums_over
from partdisc.factorization.signed_start import INITS, INNER_SWEEPS, start_activations
from partdisc.factorization.survey import survey
from partdisc.factorization.updates import hals_sweep, least_squares_step
from partdisc.threads import one_thread


class SemiNMF(BasisModel):
    """X (M, C) ≈ W (M, K) H (K, C) with W >= 0 and X, H of any sign, minimising ½ ‖X − W H‖².

    X may be an array, a tensor or a `RowBlocks`; kinds, dtypes and devices as in `NMF`.

    Args:
        num_components: K.
        init: "kmeans" starts from cluster indicators + 0.2 as in the paper, "svd" from the positive parts of the
            left singular vectors, "random" from |N(0,1)|.
        max_iter: iterations at most.
        tol: stop once the projected gradient has fallen to `tol` of its first norm, or an iteration lowers the loss
            by less than half of `tol` of itself.
        seed: of all random numbers.
        block_rows: rows of X handled at once; None chooses by cache and C.
        device: where to compute; None means where X lies.

    Attributes:
        components_, n_iter_, loss_history_, reconstruction_err_, relative_error_, converged_: as in `NMF`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(30, 8))
    >>> model = SemiNMF(3).fit(X)
    >>> bool((model.transform(X) >= 0).all()), model.components_.shape
    (True, (3, 8))
    """

    signed = True

    def __init__(
        self,
        num_components: int,
        *,
        init: str = "kmeans",
        max_iter: int = 200,
        tol: float = 1e-4,
        seed: int = 0,
        block_rows: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.num_components = num_components
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.seed = seed
        self.block_rows = block_rows
        self.device = device

    @one_thread()
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn the basis from X (M, C) and return its activations W (M, K) >= 0; y is ignored."""
        check_count("num_components", self.num_components)
        check_descent(self.max_iter, self.tol, self.seed)
        check_choice("init", self.init, INITS)
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        square = survey(reader, signed=True).square
        W = start_activations(reader, self.num_components, self.init, self.seed)
        H = torch.zeros(self.num_components, reader.shape[1], dtype=reader.dtype, device=reader.device)
        sums = sums_over(reader, W, H)
        least_squares_step(H, sums.gram, sums.product)
        finished = partial(gradient_fell, tol=self.tol)
        rule = Rule(partial(hals_sweep, sweeps=INNER_SWEEPS), least_squares_step, finished, self.max_iter)
        found = descend(reader, [Descent(reader, W, H, rule, square)])[0]
        return self._keep(replace(found, W=reader.restore(found.W), H=reader.restore(found.H)))
