"""Channels of features brought to a common scale before they are factorized or clustered.

Factorization needs non-negative input. Features after a ReLU are taken as they are (each layer divided by its root
mean square when several are joined); signed ones are standardised and split into positive and negative halves, or
standardised and cut at zero. They are never shifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from partdisc.errors import ConfigError, DataError
from partdisc.processes import ALONE, Processes
from partdisc.rows import BLOCK_ROWS
from partdisc.threads import spread

SIGNED = ("auto", "split", "relu", "error")


class FeatureBlocks(Protocol):
    """What is read here of a feature set: its shape and its rows, block by block.

    Where processes learn together these are this process's rows, and it has an attribute `processes`; one `scratch`
    where features lie on disk (see `RowBlocks`).
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C)."""
        ...

    def blocks(self, max_rows: int) -> Iterator[Tensor]:
        """Blocks (m, C), m <= max_rows."""
        ...


@dataclass(frozen=True)
class FeatureScaling:
    """x -> (x - mean) / scale for each channel, then what `rule` says.

    Attributes:
        mean: (C,) float32.
        scale: (C,) float32, > 0.
        rule: "keep" leaves the sign as it is, "split" gives [z⁺, z⁻] (2C channels), "relu" gives z⁺.
    """

    mean: Tensor
    scale: Tensor
    rule: str = "keep"

    def __call__(self, features: Tensor) -> Tensor:
        """Scale rows (m, C) of any dtype -> float32 (m, C), or (m, 2C) for "split"."""
        z = (features.float() - self.mean).div_(self.scale)
        if self.rule == "split":
            C = z.shape[-1]
            halves = z.new_empty(*z.shape[:-1], 2 * C)
            torch.clamp(z, min=0, out=halves[..., :C])
            torch.clamp(z.neg_(), min=0, out=halves[..., C:])
            return halves
        return z.clamp_(min=0) if self.rule == "relu" else z


@dataclass(frozen=True)
class ScaledBlocks:
    """A feature set seen through a scaling: a source of row blocks for the solvers."""

    features: FeatureBlocks
    scaling: FeatureScaling

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C), C counted after the scaling."""
        M, C = self.features.shape
        return M, C * (2 if self.scaling.rule == "split" else 1)

    @property
    def processes(self) -> Processes:
        """Those that learn together, each with rows of its own."""
        return getattr(self.features, "processes", ALONE)

    @property
    def scratch(self) -> Path | None:
        """A folder for what is too large for memory."""
        return getattr(self.features, "scratch", None)

    def blocks(self, max_rows: int) -> Iterator[Tensor]:
        """Scaled blocks (m, C) float32."""
        for block in self.features.blocks(max_rows):
            yield self.scaling(block)

    def matrix(self) -> Tensor:
        """X (M, C) float32 as one tensor in memory."""
        X = torch.from_numpy(np.empty(self.shape, np.float32))  # numpy asks for huge pages, torch does not

        def fill(item: tuple[int, Tensor]) -> None:
            start, block = item
            X[start : start + len(block)] = self.scaling(block)

        for _ in spread(fill, _placed(self.features.blocks(BLOCK_ROWS))):
            pass
        return X


def _placed(blocks: Iterable[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """Blocks with the number of their first rows."""
    start = 0
    for block in blocks:
        yield start, block
        start += len(block)


@dataclass(frozen=True)
class ChannelStatistics:
    """Moments of each channel over all rows, float64 (C,), and the smallest value of all."""

    mean: Tensor
    std: Tensor
    square: Tensor
    smallest: float


def channel_statistics(features: FeatureBlocks) -> ChannelStatistics:
    """Mean, standard deviation and mean square of each channel over all processes, in float64 and one pass.

    Raises:
        DataError: if there are no rows, or values are not finite.
    """
    processes = getattr(features, "processes", ALONE)
    C = features.shape[1]
    M = sum(processes.gather(features.shape[0]))
    if M == 0:
        raise DataError("Expected features of at least one image, but got none.")
    total, square = torch.zeros(C, dtype=torch.float64), torch.zeros(C, dtype=torch.float64)
    smallest = float("inf")
    for sums, squares, least in spread(_block_moments, features.blocks(BLOCK_ROWS)):
        total += sums
        square += squares
        smallest = min(smallest, least)
    processes.add_up(total, square)
    smallest = min(processes.gather(smallest))
    if not torch.isfinite(square).all():
        raise DataError("Expected finite features, but found NaN or infinity.")
    mean = total / M
    std = (square / M - mean.square()).clamp(min=0).sqrt()
    return ChannelStatistics(mean, std, square / M, smallest)


def _block_moments(block: Tensor) -> tuple[Tensor, Tensor, float]:
    x = block.double()
    return x.sum(0), x.square().sum(0), float(x.min())


def standardizing(statistics: ChannelStatistics, rule: str = "keep") -> FeatureScaling:
    """Zero mean and unit variance for each channel; a channel that never changes becomes zero."""
    constant = statistics.std <= 1e-6 * statistics.square.sqrt() + 1e-12
    scale = torch.where(constant, torch.inf, statistics.std)
    return FeatureScaling(statistics.mean.float(), scale.float(), rule)


def unit_scaling(statistics: ChannelStatistics) -> FeatureScaling:
    """Mean square 1 for each channel, its sign and its zero as they are; a channel of zeros stays zero.

    Not centred, for the means of clusters of centred rows depend on each other, and activations would not be unique.
    """
    rms = statistics.square.sqrt()
    return FeatureScaling(torch.zeros(len(rms)), torch.where(rms > 0, rms, 1.0).float())


def non_negative_scaling(
    statistics: ChannelStatistics, layer_channels: Sequence[int] | None, signed: str = "auto"
) -> FeatureScaling:
    """The scaling with which features enter a non-negative factorization.

    Args:
        statistics: of the features.
        layer_channels: channels of each joined layer; None means one layer.
        signed: what is done with features below zero: "auto" and "split" split the standardised features into
            halves, "relu" cuts them at zero, "error" refuses them.

    Raises:
        ConfigError: if `signed` is none of these.
        DataError: for "error" where features are signed.
    """
    if signed not in SIGNED:
        raise ConfigError(f"Expected signed to be one of {', '.join(SIGNED)}, but got {signed!r}.")
    if statistics.smallest < 0 and signed == "error":
        raise DataError(
            f"Expected features >= 0, but the smallest is {statistics.smallest:.3g}. Choose a layer after a ReLU, or "
            "signed='split' or 'relu'."
        )
    if statistics.smallest < 0:
        return standardizing(statistics, "relu" if signed == "relu" else "split")
    C = len(statistics.mean)
    sizes = list(layer_channels or [C])
    rms = torch.cat(
        [part.mean().sqrt().clamp(min=1e-12).expand(len(part)) for part in statistics.square.split(sizes)]
    )
    return FeatureScaling(torch.zeros(C), rms.float())
