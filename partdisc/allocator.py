"""glibc's allocator told to keep what is freed, because the next image needs as much again.

By itself it gives freed memory back to the system and asks for it anew: every large array is mapped, or the end of
the heap trimmed, and each of its pages costs a fault and is cleared. A network's activations are such arrays, one
after the other; an image went through EfficientNet-Lite0 with 10,000 faults, a third of its time.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them
CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
MAPPED = 64 * 2**20  # bytes from which an array is mapped by itself, and given back once it is freed
KEPT = 256 * 2**20  # free bytes at the end of a heap that are kept


@contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """While open, this process keeps freed memory, some hundred MiB at most; yields whether that is possible.

    Only with glibc, and not where the environment says otherwise. Other allocators are left alone.
    """
    kept = _set_thresholds(MAPPED, KEPT)
    try:
        yield kept
    finally:
        if kept:
            _set_thresholds(MAPPED // 2, KEPT // 4)  # to where glibc's own go by themselves, at most
            give_back_freed_memory()


def _set_thresholds(mapped: int, trimmed: int) -> bool:
    if any(name in os.environ for name in CHOSEN_BY_USER) or "glibc.malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    ):
        return False
    mallopt = _glibc("mallopt")
    return bool(mallopt and mallopt(_MMAP_THRESHOLD, mapped) and mallopt(_TRIM_THRESHOLD, trimmed))


def give_back_freed_memory() -> None:
    """Give back what is kept and not in use: with time, what stays in use lies scattered over ever more of it."""
    trim = _glibc("malloc_trim")
    if trim:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
