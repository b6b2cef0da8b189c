"""The one interface of all annotated sets: images, part labels, instances, keypoints, foreground, quirks.

Labels are 0 background, 1..P parts in the order of `part_names`, 255 ignored, at the image's own size as
annotated. Masks are read one image at a time, on demand.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partdisc.data.annotations.painting import PartInstance, check_overlap_rule, paint
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.errors import DataError
from partdisc.parts import MAX_PARTS, PartNames


@dataclass(frozen=True)
class AnnotatedImage:
    """One image of an annotated set.

    Attributes:
        id: unique in the set; `file_name`, with the split before it where two splits use one name.
        file_name: as the annotation names it, with forward slashes.
        width: in pixels.
        height: in pixels.
        category: the class of the image (a synset, a bird species), if the set has classes.
        super_category: the group of classes that shares one list of parts, if the set has any.
        unit: the sampling unit for confidence intervals (a video sequence); None: the image itself.
        split: which split of the set it belongs to, if the set says so.
    """

    id: str
    file_name: str
    width: int
    height: int
    category: str | None = None
    super_category: str | None = None
    unit: str | None = None
    split: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.height, self.width


@dataclass(frozen=True)
class Keypoints:
    """Named points of one image.

    Attributes:
        names: of the N points; the same for all images of a set.
        xy: float64 (N, 2), pixels, x to the right and y down, origin as in the set's own files; where a point
            is not visible its numbers mean nothing.
        visible: bool (N,).
        box: (x, y, width, height) of the object in pixels, or None.
    """

    names: tuple[str, ...]
    xy: np.ndarray
    visible: np.ndarray
    box: tuple[float, float, float, float] | None = None


class AnnotationSet(ABC):
    """An annotated set; `read_annotations` opens one.

    Attributes:
        format: name of the format.
        has_masks: whether `labels` holds parts (a set may have only keypoints).
        has_instances: whether `instances` holds more than one region for each part.
        has_keypoints: whether `keypoints` gives any.
        path: what was read.
        part_names: names of parts 1..P.
        images: all images, in the order of the file.
        super_parts: the parts of each super-category, {name: (part ids)}; empty if the set has none.
        overlap: the rule by which overlapping instances are painted.
        report: what was unusual; it grows while masks are read.
    """

    format: str
    has_masks: bool = True
    has_instances: bool = False
    has_keypoints: bool = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        part_names: Sequence[str],
        images: Sequence[AnnotatedImage],
        images_root: str | os.PathLike[str] | None = None,
        super_parts: Mapping[str, tuple[int, ...]] | None = None,
        overlap: str = "largest-first",
        report: QuirkReport | None = None,
    ) -> None:
        self.path = Path(path)
        self.part_names = PartNames(tuple(part_names))
        self.images = tuple(images)
        self.images_root = Path(images_root) if images_root is not None else None
        self.super_parts = dict(super_parts or {})
        self.overlap = check_overlap_rule(overlap)
        self.report = report or QuirkReport()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def num_parts(self) -> int:
        """P, the number of declared parts."""
        return len(self.part_names)

    @property
    def own_ids(self) -> dict[int, int]:
        """{id in the annotation's own numbering: part id}; groups name their members by it."""
        return {part: part for part in range(1, self.num_parts + 1)}

    @abstractmethod
    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """The annotated regions of an image, (part id, bool mask (H, W)), in the order of the file.

        Formats without instances give one region for each part present.
        """

    def labels(self, image: AnnotatedImage) -> np.ndarray:
        """Part labels of an image, uint8 (H, W): 0 background, 1..P parts, 255 ignored.

        Raises:
            DataError: if the set has more than 254 parts, or the mask cannot be read.
        """
        if self.num_parts > MAX_PARTS:
            raise DataError(
                f"{self.path} declares {self.num_parts} parts, but a label map holds at most {MAX_PARTS}; "
                "merge them with a groups file (--groups)."
            )
        instances = self.instances(image)
        self._note_overlap(image, instances)
        labels = paint(instances, image.size, self.overlap)
        self._note_empty(image, labels)
        return labels

    def _note_empty(self, image: AnnotatedImage, labels: np.ndarray) -> None:
        if not labels.any():
            self.report.note("no annotation", image=image.id)

    def _note_overlap(self, image: AnnotatedImage, instances: Sequence[PartInstance]) -> None:
        if len(instances) < 2:
            return
        pixels = np.count_nonzero(np.sum([i.mask for i in instances], axis=0, dtype=np.uint16) > 1)
        if pixels:
            self.report.note("overlap", image=image.id, detail=f"{pixels} pixels")

    def keypoints(self, image: AnnotatedImage) -> Keypoints | None:
        """Named points of an image, or None if it has none."""
        return None

    def foreground(self, image: AnnotatedImage) -> np.ndarray | None:
        """Where the object is, bool (H, W), or None where the set does not say; a union of parts is no mask."""
        return None

    def image_path(self, image: AnnotatedImage) -> Path | None:
        """The image file, or None where it is not found."""
        if self.images_root is None:
            return None
        path = self.images_root / image.file_name
        return path if path.is_file() else None

    def parts_of(self, super_category: str | None) -> tuple[int, ...]:
        """Ids of the parts of one super-category; all parts for None or in a set without super-categories.

        Raises:
            DataError: if the set has super-categories, but not this one.
        """
        if super_category is None or not self.super_parts:
            return tuple(range(1, self.num_parts + 1))
        if super_category not in self.super_parts:
            raise DataError(
                f"{self.path} has the super-categories {', '.join(self.super_parts)}, not {super_category!r}."
            )
        return self.super_parts[super_category]
