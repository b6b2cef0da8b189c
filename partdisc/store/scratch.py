"""Large tensors of passing interest, in files rather than in memory."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from pathlib import Path

import torch

from partdisc.store.files import PARTIAL_PREFIX


def scratch_tensor(shape: tuple[int, ...], dtype: torch.dtype, folder: Path | None) -> torch.Tensor:
    """A CPU tensor of zeros: mapped from a file in `folder` that goes with it, or in memory where that is None.

    >>> scratch_tensor((2, 3), torch.int64, Path(tempfile.gettempdir())).sum()
    tensor(0)
    """
    size = math.prod(shape)
    if folder is None or not size:
        return torch.zeros(shape, dtype=dtype)
    handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=folder)
    try:
        # taken in full: to run out of disk later, on touching a page, would end the process
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size * dtype.itemsize)
        found = torch.from_file(name, shared=True, size=size, dtype=dtype).view(shape)
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):  # Windows keeps it; `remove_partial_files` clears it
            os.unlink(name)
    return found
