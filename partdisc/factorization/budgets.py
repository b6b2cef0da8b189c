"""Limits on time and memory that a factorization keeps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from partdisc.errors import ConfigError
from partdisc.factorization.blocks import BlockReader

BLOCKS_AT_ONCE = 4  # beyond one for each thread: read ahead, and waiting to be added up
MIN_BLOCK_ROWS, MIN_SAMPLE_ROWS = 64, 256
# copies of what has a row for each row of X or of the sample, counted at the worst moment
COPIES_OF_W = {"compressed": 3, "random": 3, "nndsvd": 5, "nndsvda": 5}
BLOCK_COLUMNS_PER_COMPONENT, SAMPLE_COLUMNS_PER_COMPONENT = 10, 24


class Deadline:
    """A moment `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether it lies behind."""
        return time.monotonic() >= self.end


@dataclass(frozen=True)
class MemoryPlan:
    """How a fit keeps within its memory.

    Attributes:
        together: how many factorizations share a pass.
        block_rows: rows of a block.
        sample_rows: rows of the small copy that "compressed" starts from.
    """

    together: int
    block_rows: int
    sample_rows: int


def plan_memory(
    max_memory: float, reader: BlockReader, ranks: Sequence[int], init: str, threads: int
) -> MemoryPlan:
    """Divide `max_memory` bytes, counted beside X itself, between activations, blocks and the sample.

    Args:
        max_memory: bytes.
        reader: X, of shape (M, C).
        ranks: K of each factorization.
        init: name of the start.
        threads: how many blocks are worked on at once.

    Raises:
        ConfigError: if not even one factorization fits, naming what it takes.
    """
    M, C = max(reader.processes.gather(reader.shape[0])), reader.shape[1]
    size, rank = reader.dtype.itemsize, max(ranks)
    copies = COPIES_OF_W.get(init, COPIES_OF_W["compressed"])
    on_disk = reader.scratch is not None and reader.device.type == "cpu"
    whole = [0 if on_disk else copies * K * M * size for K in ranks]
    sums = 4 * 8 * (threads + 1) * sum(ranks) * (C + max(ranks))
    together = len(ranks) if sum(whole) + sums <= max_memory / 2 else 1
    counted = sum(ranks) if together > 1 else rank
    left = max_memory - (sum(whole) if together > 1 else max(whole)) - sums
    block = (threads + BLOCKS_AT_ONCE) * size * (C + BLOCK_COLUMNS_PER_COMPONENT * counted)
    sample = size * (C + SAMPLE_COLUMNS_PER_COMPONENT * rank) if init == "compressed" else 0
    fewest = min(MIN_SAMPLE_ROWS, sum(reader.processes.gather(reader.shape[0])))
    least = min(MIN_BLOCK_ROWS, M) * block + fewest * sample
    if left < least:
        raise ConfigError(
            f"Expected max_memory of at least {max_memory - left + least:,.0f} bytes for {M:,} rows, {C:,} columns "
            f"and {rank} components, but got {max_memory:,.0f}. Raise it, or take fewer rows or components."
        )
    sample_rows = max(fewest, int(left / 2 / sample)) if sample else fewest
    rows = max(1, int((left - fewest * sample) / 2 / block), min(MIN_BLOCK_ROWS, M))
    return MemoryPlan(together, min(reader.block_rows, rows), sample_rows)
