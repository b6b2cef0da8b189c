"""Foreground masks that the user gives: a folder of PNGs, the images' own alpha channel, or a COCO file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partdisc.checks import check_seed
from partdisc.data import ImageList, read_alpha
from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.coco import read_coco
from partdisc.data.decoding import declares_alpha
from partdisc.errors import ConfigError, DataError
from partdisc.foreground.auto import SAMPLE_IMAGES
from partdisc.foreground.logistic import LinearForeground, fit_logistic
from partdisc.foreground.mask_file import (
    holds_shades,
    lay_on_grid,
    mask_size,
    read_levels,
    read_mask_file,
)
from partdisc.metrics.pairing import pair_images
from partdisc.spacing import evenly
from partdisc.store.features import FeatureSet

ALPHA = "alpha"
SAMPLE_ROWS = 24_576  # cells that the classifier of given masks is learnt from
SAMPLE = 32  # masks of a folder that the rule of shades looks at

Reader = Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class GivenMasks(Mapping[str, np.ndarray]):
    """Foreground masks by image id, float32 (H, W) in [0, 1], of any size; each is read when asked for.

    Attributes:
        source: what they are read from.
        readers: by image id.
        soft: whether masks hold probabilities.
        missing: ids of the images without a mask.
        distorted: ids of the images whose mask has other proportions.
    """

    source: str
    readers: Mapping[str, Reader] = field(repr=False)
    soft: bool
    missing: tuple[str, ...] = ()
    distorted: tuple[str, ...] = ()

    def __getitem__(self, image_id: str) -> np.ndarray:
        return self.readers[image_id]()

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.readers  # the inherited one would read the mask

    def __iter__(self) -> Iterator[str]:
        return iter(self.readers)

    def __len__(self) -> int:
        return len(self.readers)

    def of(self, images: ImageList) -> GivenMasks:
        """The masks of some of the images.

        Raises:
            DataError: if none of them has one.
        """
        ids = [record.id for record in images.records]
        readers = {id: self.readers[id] for id in ids if id in self.readers}
        if not readers:
            raise DataError(f"None of the {len(ids)} images has a foreground mask in {self.source}.")
        missing, distorted = (tuple(id for id in ids if id in of) for of in (self.missing, self.distorted))
        return replace(self, readers=readers, missing=missing, distorted=distorted)

    def facts(self) -> dict[str, Any]:
        """What was found, for a run's record."""
        found = {name: getattr(self, name) for name in ("source", "soft", "missing", "distorted")}
        return {**found, "given": len(self)}

    def lines(self) -> list[str]:
        """What was found, as people are told."""
        lines = [
            f"{'soft' if self.soft else 'hard'} foreground masks of {len(self)} images from {self.source}"
        ]
        if self.distorted:
            lines.append(
                f"{len(self.distorted)} masks have other proportions than their images and are stretched (turned?), "
                f"first: that of {self.distorted[0]}"
            )
        if self.missing:
            lines.append(
                f"{len(self.missing)} images have no mask but what was learnt, first: {self.missing[0]}"
            )
        return lines


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
    distorted: tuple[str, ...] = ()
    if str(source) == ALPHA:
        readers: dict[str, Reader] = _alpha_readers(images)
        soft = True
    elif path.is_file():
        readers, soft = _coco_readers(path, images), False
    elif path.is_dir():
        files = _mask_files(_masks_of_run(path), images)
        distorted = _distorted(files, images)
        soft = holds_shades(read_levels(files[id]) for id in evenly(sorted(files), SAMPLE))
        readers = {id: functools.partial(read_mask_file, file, soft=soft) for id, file in files.items()}
    else:
        raise ConfigError(
            f"Expected foreground masks at {path}, a folder of PNGs or a COCO file, but there is nothing there."
        )
    missing = tuple(record.id for record in images.records if record.id not in readers)
    return GivenMasks(str(source), readers, soft, missing, distorted)


def check_masks(masks: Mapping[str, np.ndarray]) -> None:
    """Check that masks are given by their images' ids.

    Raises:
        DataError: if they are not.
    """
    if not isinstance(masks, Mapping):
        raise DataError(f"Expected foreground masks by image id, but got {type(masks).__name__}.")


def fit_to_masks(features: FeatureSet, masks: Mapping[str, np.ndarray], *, seed: int = 0) -> LinearForeground:
    """Learn given masks, so that the foreground of images without one can be told.

    Args:
        features: of all images.
        masks: (H, W) in [0, 1] of any size, by image id.
        seed: of the sample of cells.

    Raises:
        DataError: if none of the images has a mask.
    """
    check_seed(seed)
    check_masks(masks)
    known = [i for i, entry in enumerate(features.entries) if entry.id in masks]
    if not known:
        raise DataError("Expected a foreground mask of at least one of the images, but got none.")
    chosen = evenly(known, SAMPLE_IMAGES)
    rows = torch.cat([features[i].float().flatten(0, 1) for i in chosen])
    entries = [features.entries[i] for i in chosen]
    targets = torch.cat([lay_on_grid(masks[entry.id], entry).flatten() for entry in entries])
    mean, scale = rows.mean(0), rows.std(0, correction=0).clamp(min=1e-6)
    sample = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:SAMPLE_ROWS]
    weight, bias = fit_logistic((rows[sample] - mean) / scale, targets[sample])
    return LinearForeground(mean, scale, weight, bias)


def _masks_of_run(path: Path) -> Path:
    """The soft masks of a run of `partdisc foreground`, or the masks of any run, where `path` is a run."""
    if not (path / "run.json").is_file():
        return path
    return path / "foreground" if (path / "foreground").is_dir() else path / "parts" / "masks"


def _mask_files(folder: Path, images: ImageList) -> dict[str, Path]:
    """{image id: mask file}."""
    ids = [record.id for record in images.records]
    known, names = set(ids), {}
    for file in sorted(folder.rglob("*.[pP][nN][gG]")):
        if not file.name.startswith("."):
            name = file.relative_to(folder).as_posix()
            whole = name[: -len(".png")]  # a/b.jpg.png, as runs name the mask of a/b.jpg
            names[whole if whole in known else name] = file
    if not names:
        raise DataError(f"Expected foreground masks in {folder}, but there is no PNG in it.")
    return {ids[i]: names[name] for i, name in _pairs(ids, list(names), folder, images.root)}


def _distorted(files: Mapping[str, Path], images: ImageList) -> tuple[str, ...]:
    """Ids of the images whose mask file has other proportions, from its header."""
    found = []
    for record in images.records:
        if record.id in files:
            height, width = mask_size(files[record.id])
            # a mask that was made smaller is rounded to whole pixels
            if abs(width * record.height - height * record.width) > max(record.width, record.height):
                found.append(record.id)
    return tuple(found)


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
