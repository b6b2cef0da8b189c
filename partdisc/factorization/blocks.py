"""Row blocks: how every solver reads X, whether it lies in memory or on disk.

Solvers never index X. They read it front to back, a block of rows at a time, once for each pass, so anything
that can be iterated again fits: an array, a memory-mapped store, a generator that decodes shards. Blocks are
sized to the cache of a CPU, or larger on an accelerator, where a launch costs more than a read.

Several processes may hold the rows of one X between them, each a source of its own with an attribute `processes`.
Everything with a row for each row of X (activations, labels) then stays with the process; (K, C) and (K, K) sums are
added up over all, and what is decided from them is decided alike everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from partdisc.checks import check_array, check_count, check_device
from partdisc.errors import DataError
from partdisc.processes import ALONE, Processes
from partdisc.store.scratch import scratch_tensor

CPU_BLOCK_BYTES = (
    16 << 20
)  # smaller ones save memory traffic, but operations then cost more to start than to do
SCRATCH_BLOCK_BYTES = (
    4 << 20
)  # of sources on disk: several blocks are made ahead, and nothing else is as large
DEVICE_BLOCK_BYTES = 256 << 20
SPLITS = 8  # blocks at least that a sample is split into, so that threads can share it
STACK = "Stack the locations of all images as rows."
MIN_BLOCK_ROWS, MAX_BLOCK_ROWS = 256, 8192


@runtime_checkable
class RowBlocks(Protocol):
    """A matrix X of shape (M, C) that can be read again and again in blocks of rows.

    Blocks may be of any floating dtype (float16 on disk, say); they are computed with in float32, or in
    float64 if they are float64.

    A source may have an attribute `processes` (see above), and one `scratch`: a folder in which the solvers keep what
    has a column for each row of X, for sources too large for memory.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C)."""
        ...

    def blocks(self, max_rows: int) -> Iterator[torch.Tensor]:
        """Yield X from its first row to its last as tensors of shape (m, C) with 1 <= m <= `max_rows`."""
        ...


@dataclass(frozen=True)
class TensorBlocks:
    """A tensor of shape (M, C) as `RowBlocks`; blocks are views. `processes` hold rows of the same matrix."""

    X: torch.Tensor
    processes: Processes = ALONE

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C)."""
        return (self.X.shape[0], self.X.shape[1])

    def blocks(self, max_rows: int) -> Iterator[torch.Tensor]:
        """Yield views of at most `max_rows` rows."""
        if len(self.X):
            yield from self.X.split(max_rows)


@dataclass(frozen=True)
class BlockReader:
    """Reads a `RowBlocks` in one dtype, on one device, and checks what it yields.

    Attributes:
        source: the matrix.
        dtype: float32 or float64, what is computed with.
        device: where is computed.
        block_rows: rows of a block at most.
        restore: turns a result tensor into the caller's kind of array (numpy for numpy).
        processes: those that hold rows of the same matrix.
        scratch: a folder for what is too large for memory, or None.
        precision: of products with X; see `precision`.
    """

    source: RowBlocks
    dtype: torch.dtype
    device: torch.device
    block_rows: int
    restore: Callable[[torch.Tensor], Any]
    processes: Processes = ALONE
    scratch: Path | None = None
    precision: str = "full"

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C), M being the rows of this process."""
        return self.source.shape

    def place(self) -> tuple[int, int]:
        """How many rows of X come before this process's, in processes of lower rank, and how many there are."""
        counts = self.processes.gather(self.shape[0])
        return sum(counts[: self.processes.rank]), sum(counts)

    def columns(self, count: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Zeros (count, M), a column for each row of X, on the device; on disk where X is."""
        scratch = self.scratch if self.device.type == "cpu" else None
        shape = (count, self.shape[0])
        return scratch_tensor(shape, dtype or self.dtype, scratch).to(self.device)

    def over(self, X: torch.Tensor) -> BlockReader:
        """The same reader over another tensor, which every process holds whole."""
        rows = max(1, min(self.block_rows, -(-len(X) // SPLITS)))
        return replace(
            self, source=TensorBlocks(X), block_rows=rows, processes=ALONE, scratch=None, precision="full"
        )

    def for_products(self) -> BlockReader:
        """The same reader with blocks of the dtype that products with X take."""
        return replace(self, dtype=torch.bfloat16) if self.precision == "bfloat16" else self

    def __iter__(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield (rows, block), rows being the block's place in X.

        Raises:
            DataError: if the blocks do not make up a matrix of the promised shape.
        """
        M, C = self.shape
        start = 0
        for block in self.source.blocks(self.block_rows):
            rows = slice(start, start + block.shape[0])
            if block.ndim != 2 or block.shape[1] != C or rows.stop > M:
                raise DataError(
                    f"Expected blocks that make up a matrix of shape {(M, C)}, but got {tuple(block.shape)} at row "
                    f"{start}. Let the source's `shape` say what its `blocks` yield."
                )
            yield rows, block.to(device=self.device, dtype=self.dtype)
            start = rows.stop
        if start != M:
            raise DataError(
                f"Expected {M} rows, but the source yielded {start}. It must be readable again from the start."
            )


def open_blocks(
    X: Any, *, block_rows: int | None = None, device: torch.device | str | None = None
) -> BlockReader:
    """Make any accepted X readable in blocks.

    Args:
        X: array, tensor or nested list of shape (M, C), or a `RowBlocks`. float64 is computed in float64,
            everything else in float32.
        block_rows: rows of a block at most; None chooses by the device and C.
        device: where to compute; None means where X lies (CPU for numpy).

    Raises:
        DataError: if X is not a two-dimensional matrix of numbers with at least one row and one column.
    """
    if isinstance(X, torch.Tensor) or not isinstance(X, RowBlocks):
        tensor = _as_tensor(X)
        place = check_device(device) if device is not None else tensor.device
        source: RowBlocks = TensorBlocks(tensor)
        restore = _restore_tensor(tensor.device) if isinstance(X, torch.Tensor) else _restore_numpy
        kind = tensor.dtype
        processes, scratch = ALONE, None
    else:
        processes, scratch = getattr(X, "processes", ALONE), getattr(X, "scratch", None)
        first = _first_block(X, processes)
        place = check_device(device) if device is not None else first.device
        source, restore, kind = X, _restore_tensor(first.device), first.dtype
    # float32 is what a process without rows brings
    dtype = torch.float64 if any(processes.gather(kind == torch.float64)) else torch.float32
    most = SCRATCH_BLOCK_BYTES if scratch else CPU_BLOCK_BYTES
    rows = _choose_rows(source.shape[1], dtype, place, most) if block_rows is None else block_rows
    return BlockReader(source, dtype, place, check_count("block_rows", rows), restore, processes, scratch)


def _as_tensor(X: Any) -> torch.Tensor:
    if not isinstance(X, torch.Tensor):
        array = check_array("X", X, "(M, C)", hint=STACK)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()  # torch warns of the one and cannot hold the other
        X = torch.from_numpy(array)
    if X.ndim != 2 or 0 in X.shape or X.is_complex():
        raise DataError(
            f"Expected X of shape (M, C) with at least one row and column, but got {tuple(X.shape)}. {STACK}"
        )
    return X.detach()


def _first_block(source: RowBlocks, processes: Processes) -> torch.Tensor:
    shape = tuple(source.shape)
    if len(shape) != 2 or shape[1] < 1 or sum(processes.gather(shape[0])) < 1:
        raise DataError(f"Expected a source of shape (M, C) with at least one row, but got {source.shape}.")
    return next(iter(source.blocks(MIN_BLOCK_ROWS)), torch.empty(0, shape[1]))


def _choose_rows(columns: int, dtype: torch.dtype, device: torch.device, most_on_cpu: int) -> int:
    budget = most_on_cpu if device.type == "cpu" else DEVICE_BLOCK_BYTES
    rows = budget // (columns * dtype.itemsize)
    return max(MIN_BLOCK_ROWS, min(rows, MAX_BLOCK_ROWS) if device.type == "cpu" else rows)


def _restore_numpy(result: torch.Tensor) -> np.ndarray:
    return result.cpu().numpy()


def _restore_tensor(device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda result: result.to(device)
