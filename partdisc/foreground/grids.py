"""Small tools on the grids of feature maps: borders, centres, coarser grids, common scale."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.checks import check_array, check_count
from partdisc.store.features import FeatureEntry


def pool_map(features: Tensor, cells: int) -> Tensor:
    """Average a map (h, w, C) to a grid whose long side has at most `cells` cells.

    >>> pool_map(torch.ones(28, 20, 3), 14).shape
    torch.Size([14, 10, 3])
    """
    h, w, _ = features.shape
    factor = -(-max(h, w) // cells)
    channels_first = features.float().permute(2, 0, 1)[None].contiguous()
    # adaptive, so that the coarse cells divide the grid evenly and `enlarge` puts them back in place
    pooled = F.adaptive_avg_pool2d(channels_first, (-(-h // factor), -(-w // factor)))
    return pooled[0].permute(1, 2, 0)


def enlarge(score: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bilinear: a score (h', w') on the grid (h, w)."""
    return F.interpolate(score[None, None], grid, mode="bilinear", align_corners=False)[0, 0]


def border_mask(height: int, width: int) -> Tensor:
    """(h, w) bool: the outermost cells.

    >>> border_mask(3, 3).long().tolist()
    [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    """
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[1:-1, 1:-1] = False
    return mask


def centre_weight(height: int, width: int, spread: float = 0.5) -> Tensor:
    """(h, w) in (0, 1]: a Gaussian about the middle; `spread` counts half sides of the grid."""
    y = torch.linspace(-1, 1, height)[:, None] if height > 1 else torch.zeros(1, 1)
    x = torch.linspace(-1, 1, width)[None] if width > 1 else torch.zeros(1, 1)
    return torch.exp(-(x.square() + y.square()) / (2 * spread**2))


def standardize(scores: Sequence[Tensor]) -> list[Tensor]:
    """Maps of scores brought to mean 0 and deviation 1 over all images together."""
    values = torch.cat([s.flatten() for s in scores])
    mean, scale = values.mean(), values.std(correction=0).clamp(min=1e-6)
    return [(s - mean) / scale for s in scores]


def grid_image(image: np.ndarray, entry: FeatureEntry, scale: int = 4) -> np.ndarray:
    """The image laid on its feature grid, `scale` pixels a cell side.

    Args:
        image: (H, W, 3) uint8 RGB, of any size.
        entry: where the image lies on the grid.
        scale: pixels along a cell's side.

    Returns:
        (h * scale, w * scale, 3) uint8; cells beyond the image repeat its border.
    """
    check_array("an image", image, "(H, W, 3)")
    check_count("scale", scale)
    h, w = entry.grid
    rows, columns = (
        max(1, min(round(c * scale), g * scale)) for c, g in zip(entry.content, (h, w), strict=True)
    )
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.pad(small, ((0, h * scale - rows), (0, w * scale - columns), (0, 0)), mode="edge")
