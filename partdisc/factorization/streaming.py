"""NMF and k-means of a stream of batches: only sums of size (K, C) and (K, K) are kept of what has been seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from partdisc.factorization.activations import solve_activations
from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.lloyd import Assignment
from partdisc.factorization.passes import sums_over
from partdisc.factorization.updates import hals_sweep

FORGETTING = 0.9  # early batches were explained by a worse basis, so their sums fade
BASIS_SWEEPS = 10


@dataclass(frozen=True)
class StreamState:
    """Faded sums over the batches seen so far, in float64.

    Attributes:
        product: WᵀX of shape (K, C).
        gram: WᵀW of shape (K, K).
        batches: how many batches were absorbed.
    """

    product: torch.Tensor
    gram: torch.Tensor
    batches: int


def absorb(
    reader: BlockReader, basis: torch.Tensor, state: StreamState | None, forgetting: float = FORGETTING
) -> tuple[StreamState, torch.Tensor]:
    """Take in one batch: its activations for the present basis, faded sums, then the basis from the sums.

    This is online matrix factorization by surrogate minimisation (Mairal et al. 2010, algorithm 1) with a
    non-negative basis.

    Args:
        reader: the batch, of shape (m, C).
        basis: H of shape (K, C); not changed.
        state: what earlier batches left, or None.
        forgetting: the weight of what was seen before, for each batch.

    Returns:
        The new state and the new basis.
    """
    W = solve_activations(reader, basis).T
    sums = sums_over(reader, W, basis)
    product, gram = sums.product, sums.gram
    if state is not None:
        product = product + forgetting * state.product
        gram = gram + forgetting * state.gram
    improved = basis.clone()
    hals_sweep(improved, gram.to(basis.dtype), product.to(basis.dtype), sweeps=BASIS_SWEEPS)
    return StreamState(product, gram, 1 if state is None else state.batches + 1), improved


@dataclass(frozen=True)
class CenterSums:
    """Faded sums over the rows that each centre won, in float64.

    Attributes:
        sums: of shape (K, C).
        counts: of shape (K,).
        batches: how many batches were absorbed.
    """

    sums: torch.Tensor
    counts: torch.Tensor
    batches: int

    def centers(self, present: torch.Tensor) -> torch.Tensor:
        """The means (K, C); of a cluster that never won a row, its `present` centre."""
        means = (self.sums / self.counts[:, None]).to(present.dtype)
        return torch.where(self.counts[:, None] > 0, means, present)


def absorb_rows(found: Assignment, state: CenterSums | None, forgetting: float = FORGETTING) -> CenterSums:
    """Take in the rows of one batch, given to their nearest centres; what was seen before fades.

    Each centre moves at a rate of its own, the share of the batch in all its rows (Sculley, "Web-scale k-means
    clustering", WWW 2010).
    """
    if state is None:
        return CenterSums(found.sums, found.counts, 1)
    sums, counts = found.sums + forgetting * state.sums, found.counts + forgetting * state.counts
    return CenterSums(sums, counts, state.batches + 1)
