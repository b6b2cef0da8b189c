"""The sets of the bench: which images are discovered together, how many parts are asked for, how they are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.data import ImageList, list_images
from partdisc.data.annotations import AnnotatedImage, AnnotationSet, read_annotations
from partdisc.data.synthetic import make_synthetic
from partdisc.metrics import PartEvaluator
from partdisc.spacing import evenly

SYNTHETIC_IMAGES = 132  # twelve of each super-category
SYNTHETIC_SIZE = 256
TRAIN_IMAGES = 200  # that supervision sees


@dataclass(frozen=True)
class Group:
    """Images whose parts are discovered together.

    Attributes:
        name: of the group; the super-category where the set has any.
        num_parts: K.
        images: annotated images, in order.
        paths: their files.
    """

    name: str
    num_parts: int
    images: tuple[AnnotatedImage, ...]
    paths: tuple[Path, ...]

    @cached_property
    def listed(self) -> ImageList:
        """The files as `partdisc` lists them, in the same order."""
        return list_images(self.paths)


@dataclass(frozen=True)
class BenchSet:
    """One annotated set.

    Attributes:
        name: of the set.
        headline: the score that decides which of two rows is better.
        annotations: the annotated images.
        groups: images that are discovered together.
        scoring: options of `PartEvaluator`.
        train: opens the images that supervision may learn from, where the bench has any.
    """

    name: str
    headline: str
    annotations: AnnotationSet
    groups: tuple[Group, ...]
    scoring: Mapping[str, Any] = field(default_factory=dict)
    train: Callable[[], AnnotationSet] | None = None
    _targets: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def part_names(self) -> list[str]:
        """Names of the annotated parts; of the object where there are only object masks."""
        return list(self.annotations.part_names) if self.annotations.has_masks else ["object"]

    def evaluator(self, num_parts: Mapping[str, int]) -> PartEvaluator:
        """An empty evaluator for as many discovered parts in each group."""
        by_category = self.scoring.get("scope") == "category"
        count = dict(num_parts) if by_category else next(iter(num_parts.values()))
        return PartEvaluator(count, self.part_names, **self.scoring)

    def target(self, image: AnnotatedImage) -> np.ndarray:
        """Annotated labels, uint8 (H, W), read once."""
        if image.id not in self._targets:
            self._targets[image.id] = self._read_target(image)
        return self._targets[image.id]

    def _read_target(self, image: AnnotatedImage) -> np.ndarray:
        if self.annotations.has_masks:
            return self.annotations.labels(image)
        foreground = self.annotations.foreground(image)
        if foreground is None:
            raise ValueError(f"{self.name}: expected an object mask for {image.id}, but there is none")
        return foreground.astype(np.uint8)


def open_set(name: str, data: Path, work: Path, limit: int | None = None) -> BenchSet:
    """Open a set; `limit` keeps so many of its images, spread evenly."""
    return OPENERS[name](data, work, limit)


def _carparts(data: Path, work: Path, limit: int | None) -> BenchSet:
    def read(split: str) -> AnnotationSet:
        root = data / "carparts"
        return read_annotations(root / split / "annotations.json", groups=root / "groups.json")

    annotations = read("test")
    groups = (_group("carparts", 8, annotations, annotations.images, limit),)
    scoring = {"partial_annotation": True}
    return BenchSet("carparts", "part_miou", annotations, groups, scoring, lambda: read("train"))


def _ccp(data: Path, work: Path, limit: int | None) -> BenchSet:
    def read(split: str) -> AnnotationSet:
        root = data / "ccp"
        return read_annotations(
            root,
            labels=root / "labels.json",
            groups=root / "groups.json",
            split=f"{root / 'splits.json'}:{split}",
        )

    annotations = read("test")
    groups = (_group("ccp", 6, annotations, annotations.images, limit),)
    return BenchSet("ccp", "part_miou", annotations, groups, {}, lambda: read("train"))


def _badja(data: Path, work: Path, limit: int | None) -> BenchSet:
    annotations = read_annotations(data / "badja")
    groups = (_group("badja", 8, annotations, annotations.images, limit),)
    return BenchSet("badja", "foreground_iou", annotations, groups, {"foreground_only": True})


def _synthetic(data: Path, work: Path, limit: int | None) -> BenchSet:
    """As on PartImageNet: one discovery for each super-category, as many parts as it has."""
    root = work / "synthetic"
    if not (root / "test.json").exists():
        make_synthetic(
            root,
            num_images=SYNTHETIC_IMAGES,
            size=SYNTHETIC_SIZE,
            splits=("test",),
            workers=2,
            overwrite=True,
        )
    annotations = read_annotations(root / "test.json")
    groups = []
    for name, parts in annotations.super_parts.items():
        images = [image for image in annotations.images if image.super_category == name]
        share = None if limit is None else max(4, limit // len(annotations.super_parts))
        groups.append(_group(name, len(parts), annotations, images, share))
    return BenchSet("synthetic", "part_miou", annotations, tuple(groups), {"scope": "category"})


OPENERS = {"carparts": _carparts, "ccp": _ccp, "badja": _badja, "synthetic": _synthetic}


def _group(name: str, num_parts: int, annotations: AnnotationSet, images: Any, limit: int | None) -> Group:
    chosen = list(images) if limit is None else evenly(list(images), limit)
    paths = [annotations.image_path(image) for image in chosen]
    missing = [image.id for image, path in zip(chosen, paths, strict=True) if path is None]
    if missing:
        raise ValueError(f"{name}: {len(missing)} images are not there, first {missing[0]}")
    return Group(name, num_parts, tuple(chosen), tuple(path for path in paths if path is not None))
