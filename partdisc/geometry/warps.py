"""One warp for an image, its maps and its points.

A warp moves the plane, in the isotropic coordinates of `moments`: `push` tells where a point of the source comes to
lie, `pull` where a point of the warped image came from. An image of any resolution is warped by sampling it at
the pulled centres of its pixels, so an image and its coarse maps move alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.errors import ConfigError
from partdisc.geometry.moments import coordinate_grid
from partdisc.geometry.thin_plate import ThinPlateSpline

NEWTON_STEPS = 8
INSIDE = 1 - 1e-4  # of a warped mask: below it, something outside was mixed in


class Warp(ABC):
    """A movement of the plane for each of B images; points (1, N, 2) are the same ones in each image."""

    @abstractmethod
    def push(self, points: Tensor) -> Tensor:
        """Where points (B, N, 2) of the source come to lie in the warped image."""

    @abstractmethod
    def pull(self, points: Tensor) -> Tensor:
        """Where points (B, N, 2) of the warped image came from in the source."""

    def inverse(self) -> Warp:
        """The warp that undoes this one."""
        return InverseWarp(self)

    def then(self, second: Warp) -> Warp:
        """This warp, followed by another."""
        return ComposedWarp(self, second)


@dataclass(frozen=True)
class AffineWarp(Warp):
    """push(p) = A p + t.

    Attributes:
        matrix: (B, 2, 3), [A | t].
    """

    matrix: Tensor

    def push(self, points: Tensor) -> Tensor:
        """See `Warp.push`."""
        return points @ self.matrix[:, :, :2].mT + self.matrix[:, None, :, 2]

    def pull(self, points: Tensor) -> Tensor:
        """See `Warp.pull`."""
        return self.inverse().push(points)

    def inverse(self) -> AffineWarp:
        """The affine warp that undoes this one."""
        back = torch.linalg.inv(self.matrix[:, :, :2])
        return AffineWarp(torch.cat([back, -back @ self.matrix[:, :, 2:]], dim=-1))


@dataclass(frozen=True)
class ThinPlateWarp(Warp):
    """pull(p) = p + f(p) for a thin-plate spline f; push solves it by Newton's method.

    Attributes:
        spline: the displacements f.
    """

    spline: ThinPlateSpline

    def pull(self, points: Tensor) -> Tensor:
        """See `Warp.pull`."""
        return points + self.spline(points)

    def push(self, points: Tensor) -> Tensor:
        """See `Warp.push`; right where the warp does not fold."""
        guess = points - self.spline(points)
        for _ in range(NEWTON_STEPS):
            error = self.pull(guess) - points
            guess = guess - torch.linalg.solve(self.jacobian(guess), error)
        return guess

    def jacobian(self, points: Tensor) -> Tensor:
        """(B, N, 2, 2) derivatives of `pull`."""
        return torch.eye(2, dtype=points.dtype, device=points.device) + self.spline.derivative(points)

    def folds(self, height: int, width: int) -> Tensor:
        """(B,) bool: whether the warp turns some cell of a grid inside out."""
        control = self.spline.control
        grid = coordinate_grid(height, width, dtype=control.dtype, device=control.device)
        points = grid.flatten(0, 1).expand(len(self.spline.coefficients), -1, -1)
        return (torch.linalg.det(self.jacobian(points)) <= 0).any(dim=-1)


@dataclass(frozen=True)
class ComposedWarp(Warp):
    """`first`, then `second`."""

    first: Warp
    second: Warp

    def push(self, points: Tensor) -> Tensor:
        """See `Warp.push`."""
        return self.second.push(self.first.push(points))

    def pull(self, points: Tensor) -> Tensor:
        """See `Warp.pull`."""
        return self.first.pull(self.second.pull(points))

    def inverse(self) -> Warp:
        """The warp that undoes both."""
        return ComposedWarp(self.second.inverse(), self.first.inverse())


@dataclass(frozen=True)
class InverseWarp(Warp):
    """What undoes `warp`."""

    warp: Warp

    def push(self, points: Tensor) -> Tensor:
        """See `Warp.push`."""
        return self.warp.pull(points)

    def pull(self, points: Tensor) -> Tensor:
        """See `Warp.pull`."""
        return self.warp.push(points)

    def inverse(self) -> Warp:
        """The warp itself."""
        return self.warp


def similarity(
    angle: Tensor, scale: Tensor, shift: Tensor, centre: Tensor | Sequence[float] = (0.0, 0.0)
) -> AffineWarp:
    """Rotate and scale about a centre, then shift.

    Args:
        angle: (B,) in radians; positive turns x towards y, which looks clockwise.
        scale: (B,) > 0; above 1 things become larger.
        shift: (B, 2) in half long sides.
        centre: (B, 2) or (2,), what stays in place but for the shift.

    Raises:
        ConfigError: if a scale is not positive.

    >>> warp = similarity(torch.tensor([torch.pi / 2]), torch.tensor([2.0]), torch.zeros(1, 2))
    >>> torch.allclose(warp.push(torch.tensor([[[0.1, 0.0]]])), torch.tensor([0.0, 0.2]), atol=1e-6)
    True
    """
    if not (scale > 0).all():
        raise ConfigError(f"Expected scales above 0, but got {scale.min().item():g}.")
    cos, sin = scale * angle.cos(), scale * angle.sin()
    linear = torch.stack([torch.stack([cos, -sin], dim=-1), torch.stack([sin, cos], dim=-1)], dim=-2)
    middle = torch.as_tensor(centre, dtype=shift.dtype, device=shift.device).expand_as(shift)
    moved = middle + shift - (linear @ middle[..., None])[..., 0]
    return AffineWarp(torch.cat([linear, moved[..., None]], dim=-1))


def warp_maps(maps: Tensor, warp: Warp, *, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    """Warp images or maps (B, C, h, w).

    Args:
        maps: (B, C, h, w) of any floating dtype; half precision is sampled in float32.
        warp: of B images.
        mode: "bilinear" or "nearest".
        padding: what comes from outside: "zeros", "border" or "reflection".

    Returns:
        (B, C, h, w) in the dtype of `maps`.
    """
    exact = maps.dtype if maps.dtype == torch.float64 else torch.float32
    places = sampling_places(warp, *maps.shape[-2:], dtype=exact, device=maps.device)
    return sample_maps(maps, places, mode=mode, padding=padding)


def sampling_places(
    warp: Warp, height: int, width: int, *, dtype: torch.dtype, device: torch.device | str | None = None
) -> Tensor:
    """Where each cell of a warped map comes from, for any number of maps of that shape; see `sample_maps`.

    Returns:
        (B, h, w, 2), or (1, h, w, 2) where the warp is the same for all; each side of a map runs from -1 to 1.
    """
    grid = coordinate_grid(height, width, dtype=dtype, device=device).flatten(0, 1)
    unit = max(height, width)
    scale = torch.tensor([unit / width, unit / height], dtype=dtype, device=device)
    return (warp.pull(grid[None]) * scale).to(dtype).unflatten(1, (height, width))


def sample_maps(maps: Tensor, places: Tensor, *, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    """Maps (B, C, h, w) as they are at `sampling_places`; other arguments and dtypes as for `warp_maps`."""
    places = places.expand(len(maps), -1, -1, -1)
    sampled = F.grid_sample(
        maps.to(places.dtype), places, mode=mode, padding_mode=padding, align_corners=False
    )
    return sampled.to(maps.dtype)
