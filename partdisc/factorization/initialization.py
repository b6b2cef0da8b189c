"""Where a factorization starts: random, or from the singular vectors of X.

All starts are pairs (W, H) with W held as (K, M) and H as (K, C), in the reader's dtype and on its device, and
are the same for the same seed on every device, and for every number of processes that share the rows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from partdisc.checks import check_array
from partdisc.errors import ConfigError
from partdisc.factorization.blocks import BlockReader
from partdisc.processes import Processes
from partdisc.threads import spread

INITS = ("random", "nndsvd", "nndsvda")
OVERSAMPLING = 10
POWER_PASSES = 2

Start = tuple[torch.Tensor, torch.Tensor]


def start_factors(reader: BlockReader, num_components: int, init: str, mean: float, seed: int) -> Start:
    """A start by name.

    Args:
        reader: X, of shape (M, C), >= 0.
        num_components: K.
        init: "random": |N(0,1)| sqrt(mean(X) / K), the start of Collins et al. (2018). "nndsvd": positive parts of
            the leading singular pairs (Boutsidis and Gallopoulos 2008); sparse, and its zeros stay zero under
            multiplicative updates. "nndsvda": the same with zeros set to
            sqrt(mean(X) / K), so that they can grow.
        mean: the mean of X.
        seed: of the random numbers; the singular vectors come from a randomised range finder.
    """
    generator = torch.Generator().manual_seed(seed)
    scale = (max(mean, 0.0) / num_components) ** 0.5
    if init == "random":
        return _random_start(reader, num_components, scale, generator)
    left, values, right = truncated_svd(reader, num_components, generator)
    found = values > 0  # components beyond the rank of X have no singular pair: they start at random
    random = _random_start(reader, num_components, scale, generator)
    for factor, part in zip(random, _positive_parts(left, values, right, reader.processes), strict=True):
        if init == "nndsvda":
            part[part == 0] = scale
        factor[: len(found)] = torch.where(found[:, None], part, factor[: len(found)])
    return random


def _random_start(
    reader: BlockReader, num_components: int, scale: float, generator: torch.Generator
) -> Start:
    """Drawn for all rows of X, of which a process keeps its own."""
    first, M = reader.place()
    shape = (M, reader.shape[1])
    W, H = random_factors(shape, num_components, scale, generator, reader.dtype, reader.device)
    own = W[:, first : first + reader.shape[0]]
    return own.contiguous(), H


def given_start(reader: BlockReader, num_components: int, init: Any) -> Start:
    """A copy of the caller's start (W, H) of shapes (M, K) and (K, C).

    Raises:
        ConfigError: if shapes do not fit, or an entry is negative or not finite.
    """
    M, C = reader.shape
    factors = []
    for name, factor, shape in zip(("W", "H"), init, ((M, num_components), (num_components, C)), strict=True):
        if not isinstance(factor, torch.Tensor):
            factor = check_array(f"a start {name}", factor, "(M, K)" if name == "W" else "(K, C)").copy()
        tensor = torch.as_tensor(factor)
        if tuple(tensor.shape) != shape:
            raise ConfigError(f"Expected a start {name} of shape {shape}, but got {tuple(tensor.shape)}.")
        if not (tensor >= 0).all() or not torch.isfinite(tensor).all():
            raise ConfigError(f"Expected a start {name} that is finite and >= 0 throughout.")
        factors.append(tensor.to(device=reader.device, dtype=reader.dtype))
    return factors[0].T.clone(memory_format=torch.contiguous_format), factors[1].clone()


def truncated_svd(
    reader: BlockReader, rank: int, generator: torch.Generator, passes: int = POWER_PASSES
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The leading singular triplets of X by a randomised range finder (Halko, Martinsson and Tropp 2011).

    X is read `passes` + 1 times; besides its blocks only C-sized and M-sized panels of `rank` + 10 are held.

    Returns:
        Left vectors (R, M) of this process's rows, values (R,) in float64 falling, right vectors (R, C), with
        R = min(rank, rows, C).
    """
    M, C = reader.shape
    width = min(rank + OVERSAMPLING, reader.place()[1], C)
    panel = torch.randn(C, width, generator=generator, dtype=torch.float64).to(reader.device)
    for _ in range(passes):
        basis = _orthonormal(panel).to(reader.dtype)
        panel = torch.zeros(C, width, dtype=torch.float64, device=reader.device)
        for share in spread(partial(_through, basis), reader, reader.device):
            panel += share
        reader.processes.add_up(panel)
    basis = _orthonormal(panel).to(reader.dtype)
    image = torch.empty(width, M, dtype=reader.dtype, device=reader.device)
    gram = torch.zeros(width, width, dtype=torch.float64, device=reader.device)

    def visit(item: tuple[slice, torch.Tensor]) -> torch.Tensor:
        rows, block = item
        image[:, rows] = basis.T @ block.T
        return image[:, rows] @ image[:, rows].T

    for share in spread(visit, reader, reader.device):
        gram += share
    reader.processes.add_up(gram)
    squares, rotation = torch.linalg.eigh(gram)
    reader.processes.agree(squares, rotation)
    order = torch.arange(width - 1, max(width - rank, 0) - 1, -1, device=reader.device)
    values, rotation = squares[order].clamp(min=0).sqrt(), rotation[:, order]
    present = values > values[0] * torch.finfo(reader.dtype).eps * 10
    inverse = torch.where(present, 1 / values, torch.zeros_like(values))
    left = (rotation * inverse).T.to(reader.dtype) @ image
    return left, torch.where(present, values, 0.0), (basis @ rotation.to(reader.dtype)).T


def _through(basis: torch.Tensor, item: tuple[slice, torch.Tensor]) -> torch.Tensor:
    block = item[1]
    return block.T @ (block @ basis)


def _orthonormal(panel: torch.Tensor) -> torch.Tensor:
    return torch.linalg.qr(panel).Q


def random_factors(
    shape: tuple[int, int],
    num_components: int,
    scale: float,
    generator: torch.Generator,
    dtype: torch.dtype,
    device: torch.device,
) -> Start:
    """|N(0,1)| times `scale`, for X of the given shape (M, C); the same numbers in every dtype."""
    M, C = shape
    # H first: it does not depend on the number of rows
    sizes = ((num_components, C), (num_components, M))
    H, W = (torch.randn(size, generator=generator).abs_().to(device, dtype).mul_(scale) for size in sizes)
    return W, H


def _positive_parts(
    left: torch.Tensor, values: torch.Tensor, right: torch.Tensor, processes: Processes
) -> Start:
    """The heavier of the positive and the negative half of each singular pair, both with equal norms."""
    halves = []
    for sign in (1, -1):
        u, v = (sign * left).clamp(min=0), (sign * right).clamp(min=0)
        squares = torch.linalg.vector_norm(u, dim=1).double().square()
        processes.add_up(squares)
        halves.append((u, v, squares.sqrt().to(u.dtype), torch.linalg.vector_norm(v, dim=1)))
    (u, v, u_norm, v_norm), (nu, nv, nu_norm, nv_norm) = halves
    swap = (nu_norm * nv_norm > u_norm * v_norm)[:, None]
    u, v = torch.where(swap, nu, u), torch.where(swap, nv, v)
    u_norm = torch.where(swap[:, 0], nu_norm, u_norm)
    v_norm = torch.where(swap[:, 0], nv_norm, v_norm)
    scale = (values * (u_norm * v_norm).double()).sqrt().to(u.dtype)
    tiny = torch.finfo(u.dtype).tiny
    return u * (scale / u_norm.clamp_min(tiny))[:, None], v * (scale / v_norm.clamp_min(tiny))[:, None]
