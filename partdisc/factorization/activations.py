"""Activations W of new rows for a basis H that stays fixed: a convex problem, solved to its optimum."""

from __future__ import annotations

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.updates import hals_sweep, projected_gradient
from partdisc.threads import spread

SWEEPS_PER_CHECK = 10
MAX_SWEEPS = 10_000


def solve_activations(
    reader: BlockReader, H: torch.Tensor, tol: float | None = None, max_sweeps: int = MAX_SWEEPS
) -> torch.Tensor:
    """Minimise ‖X − W H‖ over W >= 0, each row on its own, reading X once.

    Args:
        reader: X of shape (M, C).
        H: basis of shape (K, C), of any sign, in the reader's dtype and on its device.
        tol: a row x is done once no entry of its projected gradient exceeds `tol` times the largest entry of |Hx|;
            None means what the dtype can resolve.
        max_sweeps: coordinate sweeps at most.

    Returns:
        W of shape (M, K).
    """
    W = torch.empty(reader.shape[0], H.shape[0], dtype=H.dtype, device=H.device)

    def visit(item: tuple[slice, torch.Tensor]) -> None:
        rows, block = item
        W[rows] = solve_products(H @ block.T, H, tol, max_sweeps).T

    for _ in spread(visit, reader, H.device):
        pass
    return W


def solve_products(
    product: torch.Tensor, H: torch.Tensor, tol: float | None = None, max_sweeps: int = MAX_SWEEPS
) -> torch.Tensor:
    """The same of rows X that are known by their products HXᵀ (K, m) alone; returns Wᵀ (K, m).

    All rows are swept over, then those that are not done yet, and so on.
    """
    gram = H @ H.T
    tol = 50 * torch.finfo(H.dtype).eps if tol is None else tol
    # most of the optimum without the constraint holds with it too, which saves a third of the sweeps
    start = torch.linalg.pinv(gram, rtol=1e-3, hermitian=True) @ product
    solution = start.clamp_(min=0)
    allowed = tol * product.abs().amax(dim=0)
    open_rows = torch.arange(product.shape[1], device=product.device)
    V = solution.clone()
    for _ in range(0, max_sweeps, SWEEPS_PER_CHECK):
        hals_sweep(V, gram, product, sweeps=SWEEPS_PER_CHECK)
        solution[:, open_rows] = V
        rest = (projected_gradient(V, gram, product).abs().amax(dim=0) > allowed).nonzero().flatten()
        if not len(rest):
            break
        open_rows, allowed = open_rows[rest], allowed[rest]
        V, product = V[:, rest], product[:, rest]
    return solution
