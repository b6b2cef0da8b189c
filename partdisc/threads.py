"""Pieces of work in parallel, each on one thread, instead of one piece's operations on all threads.

The operations of a solver, or of a network on one image, are small, from tens of microseconds. Spread over threads
each would end in a barrier, and on a machine that others use too, every barrier waits for a thread that is not
running: two threads were seen to be thirty times slower than one. A block of rows or an image handed whole to one
thread meets no barrier before its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain, islice
from typing import TypeVar

import cv2
import torch

CPU = torch.device("cpu")

Item = TypeVar("Item")
Result = TypeVar("Result")


_available: ContextVar[int | None] = ContextVar("available", default=None)  # threads outside of `one_thread`


def thread_count() -> int:
    """How many pieces `spread` works on at once on a CPU."""
    return _available.get() or torch.get_num_threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run operations of torch and OpenCV on the calling thread alone; `spread` still uses all threads there were."""
    count, of_opencv = torch.get_num_threads(), cv2.getNumThreads()
    token = _available.set(_available.get() or count)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)
        cv2.setNumThreads(of_opencv)
        _available.reset(token)


def spread(
    work: Callable[[Item], Result], items: Iterable[Item], device: torch.device = CPU
) -> Iterator[Result]:
    """Yield work(item) for each item, in their order.

    On the CPU, which is meant unless told otherwise, as many items are worked on at once as torch has threads, and
    one more is read ahead; on other devices, which queue their work themselves, one after the other.
    """
    if device.type != "cpu":
        yield from map(work, items)
        return
    with one_thread():
        count = thread_count()
        items = iter(items)
        first = list(islice(items, 2))
        if count == 1 or len(first) < 2:
            yield from map(work, chain(first, items))
            return
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting: deque[Future[Result]] = deque()
            for item in chain(first, items):
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


@contextmanager
def team(
    device: torch.device = CPU,
) -> Iterator[Callable[[Callable[[Item], Result], Sequence[Item]], list[Result]]]:
    """Yields `together(work, items)`, which gives [work(item) ...] of a few items: work too short for `spread`.

    The threads are started once, and the calling one takes its share.

    >>> with team() as together:
    ...     together(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    with one_thread():
        count = thread_count() if device.type == "cpu" else 1
        with ThreadPoolExecutor(max(1, count - 1), initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def together(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
                def share(first: int) -> list[Result]:
                    return [work(item) for item in items[first::count]]

                others = [pool.submit(share, first) for first in range(1, min(count, len(items)))]
                shares = [share(0), *(other.result() for other in others)]
                return [shares[place % count][place // count] for place in range(len(items))]

            yield together


class OneAhead:
    """Calls `work` in a thread of its own, one call ahead of the caller, and raises here what it raised there."""

    def __init__(self, work: Callable[..., object]) -> None:
        self._work = work
        self._pending: Future[object] | None = None

    def __enter__(self) -> OneAhead:
        self._pool = ThreadPoolExecutor(1)
        return self

    def __call__(self, *arguments: object) -> None:
        """Hand over the next call's arguments, once the one before is done."""
        if self._pending is not None:
            self._pending.result()
        self._pending = self._pool.submit(self._work, *arguments)

    def __exit__(self, exc_type: object, *rest: object) -> None:
        self._pool.shutdown(wait=True)
        if self._pending is not None and exc_type is None:
            self._pending.result()
