"""From what the user named to a list of usable images, each with a stable id; what is not usable, with the reason.

Only headers are read here, so that listing is fast; a file that turns out to be damaged when its pixels are
decoded is reported by `partdisc.data.loader`.

An id is the path relative to the images' root, with "/" between folders and the file's extension. Images come
in the plain order of their ids (by code point, as `LC_ALL=C sort` has it); lists and sequences keep their order.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.checks import check_count
from partdisc.data.decoding import MAX_PIXELS, explain, quiet, read_size
from partdisc.data.pixels import array_to_rgb, is_pixels
from partdisc.data.remote import file_size
from partdisc.data.sources import Candidate, Found, find_candidates, find_files
from partdisc.errors import ConfigError, DataError

MAX_NAME_BYTES = 240  # file systems end at 255, and a mask's name is the image's with something added


@dataclass(frozen=True)
class ImageRecord:
    """One image that looks usable: its id, its file, its size in pixels as displayed.

    `file_size` is in bytes. An image in memory has `pixels`, uint8 RGB (H, W, 3), and no file.
    """

    id: str
    path: Path
    width: int
    height: int
    file_size: int = 0
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class SkippedImage:
    """One image that cannot be used, with the reason in one sentence."""

    id: str
    path: Path
    reason: str


@dataclass(frozen=True)
class ImageList:
    """The usable images below `root`, those skipped, and how many other files were passed over."""

    root: Path
    records: tuple[ImageRecord, ...]
    skipped: tuple[SkippedImage, ...] = ()
    ignored: int = 0

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)

    @property
    def digest(self) -> str:
        """SHA-256 over ids, sizes in pixels and bytes, and the pixels of images in memory."""
        sha = hashlib.sha256()
        for r in self.records:
            sha.update(json.dumps([r.id, r.width, r.height, r.file_size]).encode())
            if r.pixels is not None:
                sha.update(r.pixels.tobytes())
        return sha.hexdigest()


def list_images(
    source: Any, *, limit: int | None = None, workers: int = 0, max_pixels: int = MAX_PIXELS
) -> ImageList:
    """List the images of `source` and sort out what cannot be used.

    Args:
        source: a folder (walked recursively), a glob, a text list of paths (.txt, .lst, .list), one image file, the
            URL of one of these that fsspec can open, a
            sequence of paths and of images in memory (uint8 arrays (H, W, 3) or (H, W), uint8 tensors
            (3, H, W), Pillow images), or an `ImageList`, which is returned, cut to `limit`.
        limit: keep the first `limit` usable images.
        workers: threads that read headers; the result does not depend on it.
        max_pixels: larger images are skipped before anything is decoded.

    Raises:
        ConfigError: if `source` does not exist or an argument is unusable.
        DataError: if no image in it is usable; the message counts what was found.

    >>> images = list_images([np.zeros((2, 3, 3), dtype=np.uint8), np.ones((4, 4), dtype=np.uint8)])
    >>> [(image.id, image.width, image.height) for image in images]
    [('image_00000', 3, 2), ('image_00001', 4, 4)]
    """
    if limit is not None:
        check_count("limit", limit)
    if check_count("max_pixels", max_pixels) > MAX_PIXELS:
        raise ConfigError(f"Expected max_pixels between 1 and {MAX_PIXELS:,}, but got {max_pixels:,}.")
    if isinstance(source, ImageList):
        return ImageList(source.root, source.records[:limit], source.skipped, source.ignored)
    with quiet():
        found, checked = _open_source(source, workers, max_pixels)
        result = _collect(found, checked, limit)
    if not result.records:
        raise DataError(_nothing_usable(source, result))
    return result


def _open_source(
    source: Any, workers: int, max_pixels: int
) -> tuple[Found, Iterable[ImageRecord | SkippedImage]]:
    """What was found in `source`, and its candidates as they are checked one after the other."""
    if isinstance(source, (str, os.PathLike)):
        found = find_candidates(source)
        return found, _check_all(found.candidates, workers, max_pixels)
    items = _items(source)
    found = find_files([item for item in items if not is_pixels(item)])
    from_files = iter(_check_all(found.candidates, workers, max_pixels))
    checked = (
        _record_pixels(item, index) if is_pixels(item) else next(from_files)
        for index, item in enumerate(items)
    )
    return found, checked


def _items(source: Any) -> list[Any]:
    """The images of a sequence; an array of more than three axes is a sequence of images, a smaller one an image."""
    if is_pixels(source) and getattr(source, "ndim", 2) <= 3:
        return [source]
    items = list(source) if isinstance(source, Iterable) else [source]
    for item in items:
        if not is_pixels(item) and not isinstance(item, (str, os.PathLike)):
            raise ConfigError(
                "Expected images as a path, a sequence of paths, or uint8 arrays, Pillow images or tensors, "
                f"but got {type(item).__name__}."
            )
    return items


def _record_pixels(item: Any, index: int) -> ImageRecord:
    name = f"image_{index:05d}"
    pixels = array_to_rgb(item, name)
    return ImageRecord(name, Path(name), pixels.shape[1], pixels.shape[0], pixels.nbytes, pixels)


def _check_all(
    candidates: list[Candidate], workers: int, max_pixels: int
) -> Iterator[ImageRecord | SkippedImage]:
    check = functools.partial(check_file, max_pixels=max_pixels)
    if workers < 2:
        yield from map(check, candidates)
        return
    remaining = iter(candidates)
    with ThreadPoolExecutor(workers) as pool:
        while chunk := list(itertools.islice(remaining, 64 * workers)):  # so that `limit` can end it early
            yield from pool.map(check, chunk)


def check_file(candidate: Candidate, *, max_pixels: int = MAX_PIXELS) -> ImageRecord | SkippedImage:
    """Read the header of one candidate; whatever is wrong with the file becomes the reason."""
    reason = candidate.reason or _unusable_name(candidate)
    if reason is None:
        try:
            width, height = read_size(candidate.path, max_pixels)
            return ImageRecord(candidate.id, candidate.path, width, height, file_size(candidate.path))
        except Exception as error:
            reason = explain(error)
    printable = os.fsencode(candidate.id).decode("utf-8", "backslashreplace")
    return SkippedImage(printable, candidate.path, reason)


def _unusable_name(candidate: Candidate) -> str | None:
    encoded = os.fsencode(candidate.id)
    try:
        encoded.decode("utf-8")
    except UnicodeDecodeError:
        return f"Its name is not valid UTF-8 ({encoded!r}); rename it."
    longest = max(len(part) for part in encoded.split(b"/"))
    if longest > MAX_NAME_BYTES:
        return f"Its name is too long for a mask named after it ({longest} bytes; at most {MAX_NAME_BYTES})."
    return None


def _collect(found: Found, checked: Iterable[ImageRecord | SkippedImage], limit: int | None) -> ImageList:
    records: list[ImageRecord] = []
    skipped: list[SkippedImage] = []
    for item in checked:
        if isinstance(item, SkippedImage):
            skipped.append(item)
            continue
        records.append(item)
        if len(records) == limit:
            break
    return ImageList(found.root, tuple(records), tuple(skipped), found.ignored)


def _nothing_usable(source: Any, result: ImageList) -> str:
    place = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the sequence of images"
    text = f"Expected at least one usable image in {place}, but found none"
    if result.skipped:
        first = result.skipped[0]
        text += f" among {len(result.skipped)} candidates; the first, {first.id}: {first.reason}"
    elif result.ignored:
        text += f" among {result.ignored} files: no name ends like an image's (.jpg, .png, ...)."
    else:
        text += ": there is no file."
    return text
