"""Decoding runs ahead of the consumer in worker processes, or in whichever threads the consumer has.

The plan (which images form a batch, and at which size) is made beforehand, so the result depends neither on
the number of workers nor on their speed: batches come in the planned order, images in theirs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import numpy as np

from partdisc.checks import check_count
from partdisc.data.decoding import decode_image, explain, load_rgb, quiet
from partdisc.data.images import ImageRecord, SkippedImage
from partdisc.errors import DataError


class LoadedBatch(NamedTuple):
    """Decoded images: `records[i]` belongs to `images[i]`, uint8 RGB (h, w, 3); `skipped` could not be decoded."""

    records: list[ImageRecord]
    images: list[np.ndarray]
    skipped: list[SkippedImage]


class ImageLoader:
    """Iterates over planned batches, decoded and resized; every iteration starts anew.

    Args:
        batches: the images of each batch.
        sizes: the (height, width) in pixels at which an image is wanted.
        workers: processes that decode; 0 decodes in this one.
        prefetch: batches that each worker decodes ahead.

    On platforms that start processes by spawning (macOS, Windows) a script that uses workers needs the usual
    ``if __name__ == "__main__":``.

    Raises:
        ConfigError: if `workers` or `prefetch` is out of range.
        DataError: while iterating, if a worker dies (the system may kill one for its memory).

    >>> from partdisc.data import list_images
    >>> images = list_images([np.zeros((4, 8, 3), dtype=np.uint8)])
    >>> batch = next(iter(ImageLoader([images.records], lambda record: (2, 4))))
    >>> batch.images[0].shape
    (2, 4, 3)
    """

    def __init__(
        self,
        batches: Sequence[Sequence[ImageRecord]],
        sizes: Callable[[ImageRecord], tuple[int, int]],
        workers: int = 0,
        prefetch: int = 2,
    ) -> None:
        self.workers, self.prefetch = check_count("workers", workers, 0), check_count("prefetch", prefetch)
        self._plan = _Plan([[(record, sizes(record)) for record in batch] for batch in batches])

    def __len__(self) -> int:
        return len(self._plan)

    def load(self, index: int) -> LoadedBatch:
        """Batch `index`, decoded here and now; several threads may call at once."""
        return self._plan[index]

    def __iter__(self) -> Iterator[LoadedBatch]:
        if self.workers == 0:
            return map(self.load, range(len(self)))
        return self._run_ahead()

    def _run_ahead(self) -> Iterator[LoadedBatch]:
        # forking needs neither an import nor a main guard; the parent's threads do not matter, workers only decode
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        pool = ProcessPoolExecutor(self.workers, context, initializer=_start_worker, initargs=(self._plan,))
        ahead: deque[Future[LoadedBatch]] = deque()
        try:
            for index in range(len(self._plan)):
                ahead.append(pool.submit(_load, index))
                if len(ahead) > self.workers * self.prefetch:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "A process that decodes images died; the system may have killed it for its memory. "
                f"Use fewer workers (now {self.workers}) or none."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Plan:
    """Batches by index, decoded when asked for: what a worker process holds."""

    def __init__(self, batches: list[list[tuple[ImageRecord, tuple[int, int]]]]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> LoadedBatch:
        loaded = LoadedBatch([], [], [])
        for record, size in self._batches[index]:
            try:
                with quiet():
                    pixels = _decode(record, size)
            except Exception as error:
                loaded.skipped.append(SkippedImage(record.id, record.path, explain(error)))
            else:
                loaded.records.append(record)
                loaded.images.append(pixels)
        return loaded


def _decode(record: ImageRecord, size: tuple[int, int]) -> np.ndarray:
    if record.pixels is not None:
        return decode_image(record.pixels, size=size)
    return load_rgb(record.path, size)


_worker_plan: _Plan  # in a worker process: what it decodes from


def _start_worker(plan: _Plan) -> None:
    global _worker_plan
    _worker_plan = plan
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """No worker outlives a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _load(index: int) -> LoadedBatch:
    return _worker_plan[index]
