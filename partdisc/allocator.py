"""glibc's allocator told to keep what is freed, because the next image needs as much again.

By itself it gives freed memory back to the system and asks for it anew: every large array is mapped, or the end of
the heap trimmed, and each of its pages costs a fault and is cleared. A network's activations are such arrays, one
after the other; an image went through EfficientNet-Lite0 with 10,000 faults, a third of its time.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them
CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
MAPPED = 64 * 2**20  # bytes from which an array is mapped by itself, and given back once it is freed
KEPT = 256 * 2**20  # free bytes at the end of a heap that are kept


def keep_freed_memory() -> bool:
    """Let this process keep freed memory, some hundred MiB at most; whether that was possible.

    Only with glibc, and not where the environment says otherwise. Other allocators are left alone.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in CHOSEN_BY_USER):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, MAPPED) and mallopt(_TRIM_THRESHOLD, KEPT))
