"""Random warps and colours, drawn for each image from its own seed.

What an image gets depends on the run's seed and on its place in the stream of images alone: not on the batch it is
in, on the process, or on where a run was resumed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from partdisc.discovery.scops.config import ScopsConfig
from partdisc.geometry.thin_plate import ThinPlateSpline, control_grid, spline_solver
from partdisc.geometry.warps import AffineWarp, ThinPlateWarp, Warp, similarity

# luma and two chroma axes (NTSC), in which a hue turns by rotation
YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def sample_warp(
    seed: int,
    positions: Sequence[int],
    config: ScopsConfig,
    centres: Tensor,
    device: torch.device | str = "cpu",
) -> Warp:
    """A similarity about each image's centre, followed by a thin-plate spline.

    Args:
        seed: the run's.
        positions: each image's place in the stream of images.
        config: ranges.
        centres: (B, 2) of the images, in the canvas; on the CPU, where everything is drawn.
        device: of the warp.
    """
    points = config.bend_points**2
    draws = np.stack([_generator(seed, p, 0).uniform(-1, 1, 4 + 2 * points) for p in positions])
    draw = torch.from_numpy(draws).float()
    low, high = map(math.log, config.scale)
    scale = ((low + high) / 2 + draw[:, 1] * (high - low) / 2).exp()
    turned = similarity(
        draw[:, 0] * math.radians(config.rotation), scale, draw[:, 2:4] * config.shift, centres
    )
    warp = AffineWarp(turned.matrix.to(device))
    if config.bend == 0:
        return warp
    moves = config.bend * draw[:, 4:].unflatten(1, (points, 2))
    control, solver = _solved_grid(config.bend_points)
    coefficients = (solver @ moves.double()).float()
    bent = ThinPlateSpline(control.to(device), coefficients.to(device))
    return warp.then(ThinPlateWarp(bent))


def sample_colours(seed: int, positions: Sequence[int], config: ScopsConfig) -> Tensor:
    """(B, 3, 3) colour matrices (brightness, saturation, hue) times contrast; see `recolour`.

    Returns:
        (B, 3, 4): the matrix, and in the last column the contrast.
    """
    draws = np.stack([_generator(seed, p, 1).uniform(-1, 1, 4) for p in positions])
    brightness, contrast, saturation = (
        torch.from_numpy(1 + draws[:, i] * config.jitter[i]).float() for i in range(3)
    )
    angle = torch.from_numpy(draws[:, 3] * config.jitter[3] * math.pi).float()
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = saturation * angle.cos(), saturation * angle.sin()
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).unflatten(1, (3, 3))
    matrix = brightness[:, None, None] * (torch.linalg.inv(YIQ) @ turn @ YIQ)
    return torch.cat([matrix, contrast[:, None, None].expand(-1, 3, 1)], dim=2)


def recolour(images: Tensor, colours: Tensor) -> Tensor:
    """Apply colours of `sample_colours` to RGB images (B, 3, H, W) in [0, 255], float; cut to that range."""
    matrix, contrast = colours[:, :, :3], colours[:, :, 3:, None]
    changed = torch.einsum("bij,bjhw->bihw", matrix, images)
    mean = changed.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + contrast * (changed - mean)).clamp(0, 255)


@cache
def _solved_grid(points: int) -> tuple[Tensor, Tensor]:
    """Control points, and what solves for their splines: the same in every step."""
    control = control_grid(points)
    return control, spline_solver(control)


def _generator(seed: int, position: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((seed, position, purpose))
