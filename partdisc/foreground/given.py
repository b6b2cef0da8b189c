"""Foreground masks that the user gives: a folder of PNGs, the images' own alpha channel, or a COCO file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from partdisc.data import ImageList, read_alpha
from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.coco import read_coco
from partdisc.data.decoding import declares_alpha
from partdisc.errors import ConfigError, DataError
from partdisc.foreground.mask_file import (
    check_header,
    holds_shades,
    lay_on_grid,
    read_levels,
    read_mask_file,
    resize_mask,
)
from partdisc.metrics.pairing import pair_images
from partdisc.store.features import FeatureEntry

ALPHA = "alpha"
SAMPLE = 32  # masks of a folder that the rule of shades looks at

Reader = Callable[[], np.ndarray]


@dataclass(frozen=True)
class GivenMasks:
    """Foreground masks of images, read when asked for.

    Attributes:
        source: what they were read from.
        readers: by image id: gives float32 (H, W) in [0, 1], of any size.
        soft: whether masks hold probabilities.
        missing: ids of the images without a mask.
    """

    source: str
    readers: Mapping[str, Reader] = field(repr=False)
    soft: bool
    missing: tuple[str, ...] = ()

    def __contains__(self, image_id: str) -> bool:
        return image_id in self.readers

    def at_size(self, image_id: str, size: tuple[int, int]) -> np.ndarray:
        """The mask of an image, float32 (H, W) in [0, 1], resized to `size`."""
        return resize_mask(self.readers[image_id](), size)

    def on_grid(self, entry: FeatureEntry) -> Tensor:
        """The share of each grid cell that is object, float32 (h, w) in [0, 1]; see `lay_on_grid`."""
        return lay_on_grid(self.readers[entry.id](), entry)


def open_masks(source: str | os.PathLike[str], images: ImageList) -> GivenMasks:
    """Find the masks of images.

    Args:
        source: "alpha" for the images' own opacity; a COCO file (.json), of which the instances of an image are
            united; a folder of PNGs that mirrors the images' folder (`a/b.png` or `a/b.jpg.png` for `a/b.jpg`; else
            the longest unique end of the path decides); or the run of `partdisc foreground`.
        images: the images.

    Raises:
        ConfigError: if there is no such file or folder.
        DataError: if no image has a mask, or a mask cannot be used.
    """
    path = Path(source)
    if str(source) == ALPHA:
        readers: dict[str, Reader] = _alpha_readers(images)
        soft = True
    elif path.is_file():
        readers, soft = _coco_readers(path, images), False
    elif path.is_dir():
        files = _mask_files(_masks_of_run(path), images)
        soft = holds_shades(read_levels(files[id]) for id in _evenly(sorted(files), SAMPLE))
        readers = {id: functools.partial(read_mask_file, file, soft=soft) for id, file in files.items()}
    else:
        raise ConfigError(
            f"Expected foreground masks at {path}, a folder of PNGs or a COCO file, but there is nothing there."
        )
    missing = tuple(record.id for record in images.records if record.id not in readers)
    return GivenMasks(str(source), readers, soft, missing)


def _masks_of_run(path: Path) -> Path:
    """The soft masks of a run of `partdisc foreground`, or the masks of any run, where `path` is a run."""
    if not (path / "run.json").is_file():
        return path
    return path / "foreground" if (path / "foreground").is_dir() else path / "parts" / "masks"


def _mask_files(folder: Path, images: ImageList) -> dict[str, Path]:
    """{image id: mask file}; every mask's header is looked at."""
    ids = [record.id for record in images.records]
    known, names = set(ids), {}
    for file in sorted(folder.rglob("*.[pP][nN][gG]")):
        if not file.name.startswith("."):
            name = file.relative_to(folder).as_posix()
            whole = name[: -len(".png")]  # a/b.jpg.png, as runs name the mask of a/b.jpg
            names[whole if whole in known else name] = file
    if not names:
        raise DataError(f"Expected foreground masks in {folder}, but there is no PNG in it.")
    found = {ids[i]: names[name] for i, name in _pairs(ids, list(names), folder, images.root)}
    for file in found.values():
        check_header(file)
    return found


def _pairs(ids: list[str], names: list[str], source: Path, root: Path) -> Iterable[tuple[int, str]]:
    try:
        found = pair_images(ids, names)
    except DataError as error:
        raise DataError(
            f"No image of {root} has a foreground mask in {source}: the images are called {ids[0]!r}, ..., the masks "
            f"{names[0]!r}, ... Masks need the images' names and subfolders, with .png in the end."
        ) from error
    return [(i, names[n]) for i, n in found.pairs]


def _coco_readers(path: Path, images: ImageList) -> dict[str, Reader]:
    annotations = read_coco(path)
    contents = {image.file_name: image for image in annotations.images}
    if not contents:
        raise DataError(f"Expected images with instances in {path}, but it lists none.")
    ids = [record.id for record in images.records]
    pairs = _pairs(ids, list(contents), path, images.root)
    return {ids[i]: functools.partial(_union, annotations, contents[name]) for i, name in pairs}


def _union(annotations: AnnotationSet, image: AnnotatedImage) -> np.ndarray:
    mask = np.zeros(image.size, dtype=bool)
    for instance in annotations.instances(image):
        mask |= instance.mask
    return mask.astype(np.float32)


def _alpha_readers(images: ImageList) -> dict[str, Reader]:
    readers: dict[str, Reader] = {
        record.id: functools.partial(_alpha, record.path)
        for record in images.records
        if record.pixels is None and declares_alpha(record.path)
    }
    if not readers:
        raise DataError(
            f"None of the {len(images)} images in {images.root} has an alpha channel, as --foreground alpha expects."
        )
    return readers


def _alpha(path: Path) -> np.ndarray:
    alpha = read_alpha(path)
    if alpha is None:
        raise DataError(f"Expected {path} to have an alpha channel, but it has none any more.")
    return alpha.astype(np.float32) / 255


def _evenly(items: list[str], count: int) -> list[str]:
    return [items[i * len(items) // count] for i in range(count)] if len(items) > count else items
