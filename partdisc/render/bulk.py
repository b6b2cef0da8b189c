"""Overlays of a whole run, one file an image."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from partdisc.errors import DataError, PartdiscError
from partdisc.progress import Progress
from partdisc.render.overlay import PartOverlay
from partdisc.render.pictures import write_picture
from partdisc.store.masks import MaskEntry

CHUNK = 256  # images that may wait for a thread


def write_overlays(
    entries: Sequence[MaskEntry],
    read_pair: Callable[[MaskEntry], tuple[np.ndarray, np.ndarray]],
    overlay: PartOverlay,
    folder: Path,
    *,
    suffix: str = ".jpg",
    workers: int = 2,
    verbosity: int = 1,
) -> list[tuple[str, str]]:
    """Write `folder/<id><suffix>` for every image.

    Args:
        entries: the images.
        read_pair: gives pixels (H, W, 3) and labels (H, W) of an image; called by several threads.
        overlay: how parts are drawn.
        folder: where the pictures go; the images' subfolders are kept.
        suffix: .jpg, .png or .webp.
        workers: threads.
        verbosity: 0 prints no progress.

    Returns:
        Ids of images that could not be drawn, each with the reason.

    Raises:
        DataError: if none could be drawn.
    """

    def draw(entry: MaskEntry) -> str:
        try:
            if ".." in Path(entry.id).parts or Path(entry.id).is_absolute():
                raise DataError(f"The id {entry.id!r} leads out of {folder}.")
            pixels, labels = read_pair(entry)
            write_picture(folder / (entry.id + suffix), overlay.annotate(pixels, labels))
        except PartdiscError as error:
            return " ".join(str(error).split())
        return ""

    problems = []
    remaining = iter(entries)
    with (
        ThreadPoolExecutor(max(1, workers)) as pool,
        Progress("overlays", len(entries), verbosity=verbosity) as progress,
    ):
        while chunk := list(itertools.islice(remaining, CHUNK)):
            for entry, problem in zip(chunk, pool.map(draw, chunk), strict=True):
                if problem:
                    problems.append((entry.id, problem))
                progress.advance()
    if problems and len(problems) == len(entries):
        raise DataError(f"No image could be drawn. {problems[0][1]}")
    return problems
