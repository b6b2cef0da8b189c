"""Where soft maps lie and how far they spread.

Coordinates are isotropic: the origin is the centre of the grid, the unit half its long side, x runs to the right and
y down, and a cell stands at its centre. A circle is thus a circle on grids of any shape, transposing a map swaps x
and y, and the numbers do not depend on the resolution.
"""

from __future__ import annotations

import torch
from torch import Tensor

EMPTY = 1e-6  # maps with less than this share of the grid have no place of their own


def coordinate_grid(
    height: int, width: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """(h, w, 2) coordinates (x, y) of the cells of a grid.

    >>> coordinate_grid(2, 4)[0, :, 0].tolist(), coordinate_grid(2, 4)[:, 0, 1].tolist()
    ([-0.75, -0.25, 0.25, 0.75], [-0.25, 0.25])
    """
    unit = max(height, width)
    x, y = (
        (2 * torch.arange(n, dtype=dtype or torch.get_default_dtype(), device=device) + 1 - n) / unit
        for n in (width, height)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def areas(maps: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of the grid that each map takes: its mean over the grid, or over `valid` cells.

    Args:
        maps: (B, K, h, w), >= 0.
        valid: (B, 1, h, w) in [0, 1], how much each cell counts; None means 1.

    Returns:
        (B, K), float32 at least; zero where no cell is valid.
    """
    mass = _weighted(maps, valid).sum(dim=(-2, -1))
    if valid is None:
        return mass / maps[0, 0].numel()
    return mass / valid.to(mass).sum(dim=(-2, -1)).clamp(min=1e-12)


def centroids(maps: Tensor, valid: Tensor | None = None) -> Tensor:
    """First moments: the centre of mass (x, y) of each map.

    Args:
        maps: (B, K, h, w), >= 0, of any scale.
        valid: (B, 1, h, w) in [0, 1], how much each cell counts; None means 1.

    Returns:
        (B, K, 2), float32 at least; the origin for an empty map.
    """
    mass = _weighted(maps, valid).flatten(2)
    grid = coordinate_grid(*maps.shape[-2:], dtype=mass.dtype, device=mass.device).flatten(0, 1)
    return (mass @ grid) / _total(mass)[..., None]


def spreads(maps: Tensor, valid: Tensor | None = None) -> Tensor:
    """Second central moments: the mean squared distance of each map's mass from its centroid.

    Args:
        maps: (B, K, h, w), >= 0, of any scale.
        valid: (B, 1, h, w) in [0, 1], how much each cell counts; None means 1.

    Returns:
        (B, K), float32 at least; zero for a point mass and for an empty map.

    >>> point = torch.zeros(1, 1, 3, 5)
    >>> point[0, 0, 1, 4] = 0.5
    >>> spreads(point).item(), round(spreads(torch.ones(1, 1, 100, 100)).item(), 3)
    (0.0, 0.667)
    """
    mass = _weighted(maps, valid).flatten(2)
    grid = coordinate_grid(*maps.shape[-2:], dtype=mass.dtype, device=mass.device).flatten(0, 1)
    total = _total(mass)
    centres = (mass @ grid) / total[..., None]
    squares = (grid - centres[..., None, :]).square().sum(dim=-1)  # (B, K, h w)
    return (mass * squares).sum(dim=-1) / total


def _weighted(maps: Tensor, valid: Tensor | None) -> Tensor:
    maps = maps if maps.dtype in (torch.float32, torch.float64) else maps.float()
    return maps if valid is None else maps * valid.to(maps.dtype)


def _total(mass: Tensor) -> Tensor:
    return mass.sum(dim=-1).clamp(min=EMPTY * mass.shape[-1])
