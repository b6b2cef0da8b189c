"""In which precision products with X are taken; sums, updates and the loss stay in the working precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = ("full", "tf32", "bfloat16")


def multiply(a: torch.Tensor, b: torch.Tensor, precision: str) -> torch.Tensor:
    """The matrix product; for "bfloat16" of operands rounded to it, added up and returned in float32.

    On a CPU the rounded operands are multiplied in float32: the numbers of an accelerator, not its speed.
    """
    if precision != "bfloat16":
        return a @ b
    a, b = a.bfloat16(), b.bfloat16()
    if a.is_cuda and hasattr(torch.ops.aten.mm, "dtype"):  # untested: no accelerator was at hand
        return torch.mm(a, b, out_dtype=torch.float32)
    return a.float() @ b.float()


@contextmanager
def tensor_cores(precision: str) -> Iterator[None]:
    """Let float32 products use TF32 where the device has it, for "tf32"; the caller's setting comes back."""
    if precision != "tf32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
