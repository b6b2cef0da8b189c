"""What a fit costs by its sizes, and how near a pass over X comes to what the machine can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from speed_peers import partdisc_nmf

SWEEPS = 3  # coordinate sweeps for each read of X
COPY_FLOATS, GEMM_SIDE, REPEATS = 1 << 26, 2048, 5


def measure_machine() -> dict:
    """Copy bandwidth (read and written bytes) and the rate of large float32 products, best of a few."""
    source = torch.ones(COPY_FLOATS)
    target, square = torch.empty_like(source), torch.ones(GEMM_SIDE, GEMM_SIDE)
    return {
        "copy_bytes_per_s": 2 * 4 * COPY_FLOATS / best_of(lambda: target.copy_(source)),
        "gemm_flops_per_s": 2 * GEMM_SIDE**3 / best_of(lambda: square @ square),
    }


def best_of(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def pass_cost(M: int, C: int, K: int) -> tuple[float, float]:
    """Bytes one pass must move and operations it must do: X read once, W and its last value read and written."""
    moved = 4 * (M * C + 4 * M * K)
    return moved, 4 * M * C * K + 2 * M * K * K * (SWEEPS + 2)


def roofline(X: torch.Tensor, rank: int, machine: dict) -> dict:
    """Seconds of a pass, measured and as the slower of bytes / bandwidth and operations / rate."""
    passes = seconds_of_passes(X, rank)
    moved, operations = pass_cost(*X.shape, rank)
    memory, compute = moved / machine["copy_bytes_per_s"], operations / machine["gemm_flops_per_s"]
    return {
        "pass_seconds": median(passes), "bytes": moved, "operations": operations, "memory_seconds": memory,
        "compute_seconds": compute, "share_of_roofline": max(memory, compute) / median(passes),
    }  # fmt: skip


def seconds_of_passes(X: torch.Tensor, rank: int) -> list[float]:
    ends = partdisc_nmf(X, rank, 0).ends
    return np.diff(ends).tolist() or ends


def cost_curves(X: torch.Tensor, quick: bool) -> list[dict]:
    """Seconds of a whole fit and of a pass over locations, channels and K, one of them varied at a time."""
    M, C = X.shape
    parts = (4, 2, 1) if quick else (8, 4, 2, 1)
    sizes = {
        "locations": [(M // part, C, 16) for part in parts],
        "channels": [(M, C // part, 16) for part in parts],
        "K": [(M, C, 32 // part) for part in parts],
    }
    curves = []
    for name, points in sizes.items():
        for rows, columns, rank in points:
            part = X[:: M // rows, :columns][:rows].contiguous()
            start = time.perf_counter()
            ends = partdisc_nmf(part, rank, 0).ends
            seconds = time.perf_counter() - start
            each = median(np.diff(ends).tolist() or ends)
            curves.append(
                {
                    "over": name,
                    "shape": [rows, columns],
                    "num_components": rank,
                    "seconds": seconds,
                    "pass_seconds": each,
                }
            )
    return curves
