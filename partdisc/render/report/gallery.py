"""The gallery's files: a thumbnail for each image, its outlines in shards, one index of everything to search.

A page that is opened from disk may not fetch, but it may load scripts: all data are calls of `partdisc.*`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.errors import PartdiscError
from partdisc.render.pictures import encode_picture, fit_within, resize, resize_labels
from partdisc.render.report.outlines import part_paths
from partdisc.render.survey import part_regions
from partdisc.store.masks import MaskEntry

SHARD_SIZE = 200
THUMBNAIL_QUALITY = 80


@dataclass(frozen=True)
class Layer:
    """One way to label the images: an annotation or a run.

    Attributes:
        name: as shown above its pictures.
        keys: image entry -> for each label the key of the part it is shown as.
        labels: image entry -> labels (H, W), or None where this layer does not know the image.
        main: whether this is the run the report is about.
    """

    name: str
    keys: Callable[[MaskEntry], Sequence[int]]
    labels: Callable[[MaskEntry], np.ndarray | None]
    main: bool = False


@dataclass
class GalleryItem:
    """What the page knows of one image; `problem` says why there is no picture."""

    size: tuple[int, int]
    paths: list[dict[int, str] | None] = field(default_factory=list)
    regions: np.ndarray | None = None
    problem: str = ""


def thumbnail_side(num_images: int) -> int:
    """Long side of the thumbnails: large for few images, small for many, so that the report stays light."""
    return 512 if num_images <= 500 else 320 if num_images <= 5000 else 192


def make_item(
    entry: MaskEntry,
    index: int,
    layers: Sequence[Layer],
    read_picture: Callable[[MaskEntry, tuple[int, int]], np.ndarray],
    folder: Path,
    side: int,
) -> GalleryItem:
    """Write the thumbnail of one image and find its outlines."""
    side = min(side, max(entry.height, entry.width))
    height, width = fit_within((entry.height, entry.width), (side, side))
    item = GalleryItem((width, height))
    try:
        pixels = resize(read_picture(entry, (height, width)), (height, width))
        (folder / thumbnail_name(index)).write_bytes(encode_picture(pixels, ".jpg", THUMBNAIL_QUALITY))
        for layer in layers:
            labels = layer.labels(entry)
            if layer.main and labels is not None:
                item.regions = part_regions(labels, index)
            small = None if labels is None else resize_labels(labels, (height, width))
            item.paths.append(None if small is None else part_paths(small, layer.keys(entry)))
    except PartdiscError as error:
        item.problem = " ".join(str(error).split())
        item.paths = [None] * len(layers)
    return item


def thumbnail_name(index: int) -> str:
    """Path of a thumbnail in the report; a number, whatever the image is called."""
    return f"thumbs/{index // 1000:03d}/{index:06d}.jpg"


def make_items(
    entries: Sequence[MaskEntry], make: Callable[[MaskEntry, int], GalleryItem], workers: int
) -> Iterator[GalleryItem]:
    """`make` for every entry, in order, by a few threads; no more than a few hundred wait at a time."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        numbered = enumerate(entries)
        while chunk := list(itertools.islice(numbered, 256)):
            yield from pool.map(lambda pair: make(pair[1], pair[0]), chunk)


class ShardWriter:
    """Writes the outlines of `SHARD_SIZE` images at a time to data/shard_NNNN.js."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[list[list[tuple[int, str]] | None]] = []
        self._number = 0

    def add(self, paths: list[dict[int, str] | None]) -> None:
        """Take the outlines of the next image, one for each layer."""
        # pairs, because an object's whole-number keys would come back sorted
        self._waiting.append([None if layer is None else list(layer.items()) for layer in paths])
        if len(self._waiting) == SHARD_SIZE:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            path = self.folder / "data" / f"shard_{self._number:04d}.js"
            write_call(path, "shard", self._number, self._waiting)
            self._waiting, self._number = [], self._number + 1


def write_call(path: Path, function: str, *arguments: Any) -> None:
    """A script that hands data to the page: `partdisc.function(...)`, plain ASCII."""
    text = ",".join(json.dumps(argument, separators=(",", ":"), allow_nan=False) for argument in arguments)
    path.write_text(f"partdisc.{function}({text});\n", encoding="ascii")


def present_keys(regions: np.ndarray | None, keys: Sequence[int]) -> list[int]:
    """Keys of the parts an image has."""
    labels: Iterable[int] = () if regions is None else regions["label"].tolist()
    return sorted({keys[label] for label in labels if label < len(keys) and keys[label]})
