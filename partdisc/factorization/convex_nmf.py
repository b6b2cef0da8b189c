"""Convex NMF: every basis vector is a weighted mean of data rows (Ding, Li and Jordan 2010, section 3).

The basis of semi-NMF may be anything; here H = G A, where the rows of A are data and G >= 0, so that a basis vector
looks like data. In the paper A is all of X and G has a weight for each of its rows, too many for a large X. Here A is
the means of many fine clusters (`num_anchors`) of a sample of X. A mean of such means is a mean of rows of X, so this
is the paper's model with rows of one cluster weighed alike and those outside the sample not at all, whose error can
only be larger. Where X has no more rows than anchors, A is X, as in the paper.

The paper updates both factors multiplicatively; here both take coordinate sweeps, which fall faster. Every step
lowers ½ ‖X − W G A‖².
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from partdisc.checks import check_count
from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.checks import check_descent
from partdisc.factorization.engine import Descent, Factorization, Rule, descend, gradient_fell
from partdisc.factorization.estimator import BasisModel
from partdisc.factorization.kmeans import KMeans
from partdisc.factorization.sampling import sample_rows
from partdisc.factorization.signed_start import CLUSTER_FLOOR, INNER_SWEEPS, cluster, cluster_start
from partdisc.factorization.survey import survey
from partdisc.factorization.updates import hals_sweep
from partdisc.threads import one_thread

NUM_ANCHORS = 64
SAMPLE_ROWS = 16_384  # of X, from which anchors are made
FINE_ITERATIONS = 20  # of the clustering that anchors come from
MIX_SWEEPS = 2  # over the weights of each basis vector, for each read of X


class ConvexNMF(BasisModel):
    """X (M, C) ≈ W (M, K) G (K, S) A (S, C) with W, G >= 0 and A means of rows of X, minimising ½ ‖X − W G A‖².

    X may be an array, a tensor or a `RowBlocks`; kinds, dtypes and devices as in `NMF`. It starts from cluster
    indicators + 0.2 as in the paper.

    Args:
        num_components: K.
        num_anchors: S at most: how many fine clusters of X the basis may be made of; at least K are used.
        max_iter: iterations at most.
        tol: stop once the projected gradient of W has fallen to `tol` of its first norm, or an iteration lowers the
            loss by less than half of `tol` of itself.
        seed: of all random numbers.
        block_rows: rows of X handled at once; None chooses by cache and C.
        device: where to compute; None means where X lies.

    Attributes:
        anchors_: A (S, C), the means of the fine clusters, or X itself where it has no more rows.
        mixture_: G (K, S), each row sums to 1; a row of `components_` is that mean of anchors.
        components_, n_iter_, loss_history_, reconstruction_err_, relative_error_, converged_: as in `NMF`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(30, 8))
    >>> model = ConvexNMF(3).fit(X)
    >>> model.mixture_.shape, bool(np.allclose(model.mixture_ @ model.anchors_, model.components_))
    ((3, 30), True)
    """

    signed = True

    def __init__(
        self,
        num_components: int,
        *,
        num_anchors: int = NUM_ANCHORS,
        max_iter: int = 200,
        tol: float = 1e-4,
        seed: int = 0,
        block_rows: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.num_components = num_components
        self.num_anchors = num_anchors
        self.max_iter = max_iter
        self.tol = tol
        self.seed = seed
        self.block_rows = block_rows
        self.device = device

    @one_thread()
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn the basis from X (M, C) and return its activations W (M, K) >= 0; y is ignored."""
        check_count("num_components", self.num_components)
        check_count("num_anchors", self.num_anchors)
        check_descent(self.max_iter, self.tol, self.seed)
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        square = survey(reader, signed=True).square
        anchors = _anchors(reader, max(self.num_anchors, self.num_components), self.seed)
        clusters = cluster(reader, self.num_components, self.seed)
        nearest = torch.as_tensor(clusters.predict(anchors)).to(reader.device)
        mixture = Mixture(anchors, _start_mixture(nearest, self.num_components))
        W = cluster_start(reader, clusters, self.num_components)
        rule = Rule(
            partial(hals_sweep, sweeps=INNER_SWEEPS),
            mixture,
            partial(gradient_fell, tol=self.tol),
            self.max_iter,
        )
        found = descend(reader, [Descent(reader, W, mixture.basis(), rule, square)])[0]
        return self._keep_mixture(reader, found, mixture)

    def _keep_mixture(self, reader: BlockReader, found: Factorization, mixture: Mixture) -> Any:
        """Store what was found, each row of G summing to 1 and W making up for it."""
        weights = reader.processes.from_first(lambda: mixture.weights_of(found.H))
        total = weights.sum(1, keepdim=True)
        total = torch.where(total > 0, total, torch.ones_like(total))
        self.anchors_ = reader.restore(mixture.anchors)
        self.mixture_ = reader.restore((weights / total).to(reader.dtype))
        scale = total.to(reader.dtype)
        return self._keep(
            replace(found, W=reader.restore(found.W.mul_(scale.T)), H=reader.restore(found.H / scale))
        )


class Mixture:
    """The basis H = G A as a step of the descent: called with H, it improves G and sets H to G A.

    Attributes:
        anchors: A of shape (S, C).
    """

    def __init__(self, anchors: torch.Tensor, weights: torch.Tensor) -> None:
        self.anchors = anchors
        self._exact = anchors.double()
        self._kernel = self._exact @ self._exact.T
        self._weights = self._older = weights.double()

    def basis(self) -> torch.Tensor:
        """H (K, C) of the anchors' dtype."""
        return (self._weights @ self._exact).to(self.anchors.dtype)

    def __call__(self, H: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> None:
        """Lower the loss by sweeps over G for the sums WᵀW (K, K) and WᵀX (K, C), and H to match, in place."""
        self._older, self._weights = self._weights, self._weights.clone()
        mix_sweep(self._weights, self._kernel, gram.double(), product.double() @ self._exact.T)
        H.copy_(self.basis())

    def weights_of(self, H: torch.Tensor) -> torch.Tensor:
        """G (K, S) in float64 of the basis the descent ended with: it takes back a step that gained nothing."""
        return self._weights if torch.equal(self.basis(), H) else self._older


def mix_sweep(
    G: torch.Tensor, kernel: torch.Tensor, gram: torch.Tensor, product: torch.Tensor, sweeps: int = MIX_SWEEPS
) -> None:
    """Lower ½ ⟨gram, G kernel Gᵀ⟩ − ⟨product, G⟩ over G >= 0 in place, row by row, each by coordinate sweeps.

    This is ½ ‖X − W G A‖² as a function of G alone, up to a constant.

    Args:
        G: (K, S).
        kernel: AAᵀ (S, S).
        gram: WᵀW (K, K).
        product: WᵀXAᵀ (K, S).
        sweeps: over the weights of each row.
    """
    images = G @ kernel
    for k, own in enumerate(gram.diagonal().tolist()):
        if own > 0:  # else its activations are zero, and it keeps its weights so that they can come back
            target = (product[k] - gram[k] @ images) / own + images[k]
            hals_sweep(G[k, :, None], kernel, target[:, None], sweeps=sweeps)
            images[k] = G[k] @ kernel


def _anchors(reader: BlockReader, count: int, seed: int) -> torch.Tensor:
    """A of shape (S, C), the same for every number of processes."""
    sample = sample_rows(reader, max(SAMPLE_ROWS, count), torch.Generator().manual_seed(seed))
    if len(sample) <= count:
        return sample
    fine = KMeans(count, restarts=1, max_iter=FINE_ITERATIONS, seed=seed, device=reader.device)
    return reader.processes.from_first(lambda: fine.fit(sample).cluster_centers_)


def _start_mixture(labels: torch.Tensor, num_components: int) -> torch.Tensor:
    """G (K, S) from the anchors' clusters, rows summing to 1."""
    indicator = torch.nn.functional.one_hot(labels, num_components).T.double() + CLUSTER_FLOOR
    return indicator / indicator.sum(1, keepdim=True)
