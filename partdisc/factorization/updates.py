"""The update steps of one factor with the other fixed; both factors are held with K rows.

With Gram matrix G (K,K) and product P (K,m), every step lowers f(V) = ½ tr(VᵀGV) − tr(VᵀP) over V (K,m):
V = Wᵀ with G = HHᵀ, P = HXᵀ, or V = H with G = WᵀW, P = WᵀX. Held so, a component is one contiguous row and
a sweep over components is a sweep over rows. This is the place for a fused kernel on an accelerator: a step
takes and changes tensors only, nothing in it waits for the host.
"""

from __future__ import annotations

import torch


def hals_sweep(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor, sweeps: int = 1) -> None:
    """Sweep over the components of V >= 0 in place, each set to its optimum with the others fixed.

    Hierarchical alternating least squares (Cichocki and Phan 2009), that is, block coordinate descent for
    non-negative least squares; several sweeps for one product are the acceleration of Gillis and Glineur (2012).

    Args:
        V: (K, m), changed in place; rows may be a view with any row stride.
        gram: (K, K), symmetric and positive semi-definite.
        product: (K, m).
        sweeps: how often to go over all components.
    """
    couplings, targets = scaled_system(gram, product)
    others, value = V.T, torch.empty_like(targets[0])
    rows = list(zip(V.unbind(), couplings.unbind(), targets.unbind(), strict=True))
    for _ in range(sweeps):
        for row, coupling, target in rows:
            torch.addmv(target, others, coupling, alpha=-1, out=value)
            torch.clamp(value, min=0, out=row)


def scaled_system(gram: torch.Tensor, product: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Divide row k of the system by gram[k, k], so that the optimum of row k is targets[k] - couplings[k] @ V.

    A component whose partner is zero (gram[k, k] == 0) keeps its value, so that its partner can come back.
    """
    diagonal = gram.diagonal()
    dead = diagonal <= 0
    scale = torch.where(dead, torch.zeros_like(diagonal), 1 / diagonal)
    couplings = gram * scale[:, None]
    couplings.diagonal().copy_(-dead.to(gram.dtype))
    return couplings, product * scale[:, None]


def multiplicative_step(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> None:
    """Multiply V >= 0 in place by product / (gram V): Lee and Seung (2001), theorem 1."""
    V.mul_(product / (gram @ V).clamp_min_(torch.finfo(V.dtype).tiny))


def least_squares_step(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> None:
    """Set V, of any sign, in place to the least-squares optimum of smallest norm."""
    inverse = torch.linalg.pinv(gram.double(), hermitian=True)
    V.copy_(inverse @ product.double())


def projected_gradient(V: torch.Tensor, gram: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
    """The gradient gram V - product where V >= 0 may follow it; zero exactly at the optimum. Shape (K, m)."""
    gradient = torch.addmm(product, gram, V, beta=-1)
    return torch.where(V > 0, gradient, gradient.clamp(max=0))
