"""Thin-plate splines: the smoothest displacement of the plane that moves control points by given amounts.

Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", PAMI 1989:
f(p) = a₀ + A p + Σᵢ wᵢ U(‖p − cᵢ‖) with U(r) = r² log r², the wᵢ free of mean and of first moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partdisc.errors import ConfigError

TINY = 1e-20  # squared distances below it count as it: the logarithm stays finite


@dataclass(frozen=True)
class ThinPlateSpline:
    """Displacements f(p) of the plane, one for each of B images.

    Attributes:
        control: (P, 2) control points.
        coefficients: (B, P + 3, 2): the wᵢ, then a₀ and the rows of A for x and y.
    """

    control: Tensor
    coefficients: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """Displacements (B, N, 2) at points (B, N, 2), or at the same points (1, N, 2) in each image."""
        squared = self._offsets(points).square().sum(dim=-1)
        kernel = squared * squared.clamp(min=TINY).log()  # r² log r² -> 0 for r -> 0
        w, constant, linear = self.coefficients.split([len(self.control), 1, 2], dim=1)
        return kernel @ w + constant + points @ linear

    def derivative(self, points: Tensor) -> Tensor:
        """(B, N, 2, 2) derivatives of f at points (B, N, 2): entry [i, j] is ∂fᵢ/∂pⱼ."""
        offsets = self._offsets(points)
        log = offsets.square().sum(dim=-1, keepdim=True).clamp(min=TINY).log()
        w, linear = self.coefficients[:, :-3], self.coefficients[:, -2:]
        return torch.einsum("bnpj,bpi->bnij", 2 * offsets * (log + 1), w) + linear.mT[:, None]

    def _offsets(self, points: Tensor) -> Tensor:
        """(B, N, P, 2) from each control point."""
        return points[..., None, :] - self.control


def spline_solver(control: Tensor) -> Tensor:
    """(P + 3, P) float64, by which displacements (P, 2) of control points (P, 2) become coefficients.

    Raises:
        ConfigError: if the control points determine no spline.

    >>> control = torch.tensor([[-1.0, -1], [1, -1], [-1, 1], [1, 1]], dtype=torch.float64)
    >>> moves = torch.zeros(1, 4, 2, dtype=torch.float64)
    >>> moves[0, 3] = 0.2
    >>> spline = ThinPlateSpline(control, spline_solver(control) @ moves)
    >>> torch.allclose(spline(control[None]), moves)
    True
    """
    P = len(control)
    plane = torch.cat([torch.ones_like(control[:, :1]), control], dim=1).double()
    if P < 3 or torch.linalg.matrix_rank(plane) < 3:
        raise ConfigError(f"Expected at least 3 control points that span the plane, but got {P}.")
    squared = torch.cdist(control.double(), control.double()).square()
    system = torch.zeros(P + 3, P + 3, dtype=torch.float64, device=control.device)
    system[:P, :P] = squared * squared.clamp(min=TINY).log()
    system[:P, P:], system[P:, :P] = plane, plane.T
    return torch.linalg.inv(system)[:, :P]


def control_grid(
    points: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """(points², 2) control points evenly over the square [-1, 1]²."""
    if points < 2:
        raise ConfigError(f"Expected at least 2 x 2 control points, but got {points} x {points}.")
    line = torch.linspace(-1, 1, points, dtype=dtype, device=device)
    return torch.cartesian_prod(line, line)
