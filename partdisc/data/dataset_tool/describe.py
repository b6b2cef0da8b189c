"""What is in an annotated set, in the terms of the PartImageNet paper, for a set of any format.

Table 1: super-categories with their parts and how many classes each has. Table 2: classes and images of each
split. Figure 4: images a class. Figure 5: annotations an image. Beside them what a scorer wants to know: images,
instances and pixels of every part, and everything the reader found unusual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.pascal_part import PascalPart
from partdisc.data.dataset_tool.selection import first_images
from partdisc.parts import IGNORE
from partdisc.progress import Progress


def describe(annotations: AnnotationSet, *, limit: int | None = None, verbosity: int = 0) -> dict[str, Any]:
    """Describe an annotated set; every mask is read once.

    Args:
        annotations: the set.
        limit: describe only the first images.
        verbosity: 1 shows a progress line.

    Returns:
        A dictionary for JSON: "set", "super_categories" (Table 1), "splits" (Table 2), "images_per_class"
        (Figure 4), "annotations_per_image" (Figure 5), "parts", "pixels", "keypoints", "quirks"; a section the
        set cannot have is None.

    Raises:
        DataError: if a mask cannot be read.
    """
    images = first_images(annotations, limit)
    counts = _count(annotations, images, verbosity) if annotations.has_masks else None
    return {
        "set": _overview(annotations, images),
        "super_categories": _super_categories(annotations, images),
        "splits": _splits(images, counts),
        "images_per_class": _images_per_class(images),
        "annotations_per_image": counts and _annotations_per_image(annotations, counts),
        "parts": counts and _parts(annotations, counts),
        "pixels": counts and counts.pixel_shares(),
        "objects": _objects(annotations),
        "keypoints": _keypoints(annotations, images) if annotations.has_keypoints else None,
        "quirks": annotations.report.to_json(),
    }


class _Counts:
    """What one pass over the masks adds up."""

    def __init__(self, num_parts: int) -> None:
        self.pixels = np.zeros(IGNORE + 1, np.int64)  # by label
        self.instances = np.zeros(num_parts + 1, np.int64)
        self.images = np.zeros(num_parts + 1, np.int64)
        self.per_image: list[int] = []
        self.per_split: Counter[str | None] = Counter()

    def add(self, image: AnnotatedImage, labels: np.ndarray, parts: Sequence[int]) -> None:
        self.pixels += np.bincount(labels.ravel(), minlength=IGNORE + 1)
        for part in parts:
            self.instances[part] += 1
        self.images[sorted(set(parts))] += 1
        self.per_image.append(len(parts))
        self.per_split[image.split] += len(parts)

    def pixel_shares(self) -> dict[str, float]:
        total = max(1, int(self.pixels.sum()))
        return {
            "parts": float(self.pixels[1:IGNORE].sum() / total),
            "background": float(self.pixels[0] / total),
            "ignored": float(self.pixels[IGNORE] / total),
        }


def _count(annotations: AnnotationSet, images: Sequence[AnnotatedImage], verbosity: int) -> _Counts:
    counts = _Counts(annotations.num_parts)
    for image in Progress("describe", len(images), verbosity=verbosity).track(images):
        parts = [i.part for i in annotations.instances(image) if i.part != IGNORE]
        counts.add(image, annotations.labels(image), parts)
    return counts


def _overview(annotations: AnnotationSet, images: Sequence[AnnotatedImage]) -> dict[str, Any]:
    sizes = np.array([(image.width, image.height) for image in images])
    return {
        "path": str(annotations.path),
        "format": annotations.format,
        "num_images": len(images),
        "num_classes": len({image.category for image in images} - {None}),
        "num_parts": annotations.num_parts,
        "num_units": len({image.unit for image in images} - {None}) or None,
        "width": _spread(sizes[:, 0]),
        "height": _spread(sizes[:, 1]),
    }


def _spread(values: Sequence[int] | np.ndarray) -> dict[str, float]:
    array = np.asarray(values)
    return {
        "min": int(array.min()),
        "median": float(np.median(array)),
        "mean": float(array.mean()),
        "max": int(array.max()),
    }


def _super_categories(
    annotations: AnnotationSet, images: Sequence[AnnotatedImage]
) -> list[dict[str, Any]] | None:
    """Table 1: each super-category with its parts, its classes and its images."""
    if not annotations.super_parts:
        return None
    rows = []
    for name, parts in annotations.super_parts.items():
        own = [image for image in images if image.super_category == name]
        rows.append(
            {
                "name": name,
                # "Car Body" is Car's "Body" in the paper's table
                "parts": [annotations.part_names.of(part).removeprefix(f"{name} ") for part in parts],
                "num_classes": len({image.category for image in own} - {None}),
                "num_images": len(own),
            }
        )
    return rows


def _splits(images: Sequence[AnnotatedImage], counts: _Counts | None) -> dict[str, dict[str, Any]]:
    """Table 2: classes, images and annotations of each split, and of all."""
    groups: dict[str, list[AnnotatedImage]] = {}
    for image in images:
        groups.setdefault(image.split or "all", []).append(image)
    if set(groups) != {"all"}:
        groups["total"] = list(images)
    rows: dict[str, dict[str, Any]] = {}
    for name, own in groups.items():
        rows[name] = {
            "num_classes": len({image.category for image in own} - {None}),
            "num_images": len(own),
            "num_annotations": counts and sum(counts.per_split[split] for split in {i.split for i in own}),
        }
    return rows


def _images_per_class(images: Sequence[AnnotatedImage]) -> dict[str, int] | None:
    """Figure 4: {class: images}, most images first."""
    counts = Counter(image.category for image in images if image.category is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))) or None


def _annotations_per_image(annotations: AnnotationSet, counts: _Counts) -> dict[str, Any]:
    """Figure 5: how many images have 0, 1, 2, ... annotations."""
    histogram = np.bincount(counts.per_image)
    return {
        "counted": "annotations" if annotations.has_instances else "parts present",
        "total": sum(counts.per_image),
        **_spread(counts.per_image),
        "histogram": {str(number): int(images) for number, images in enumerate(histogram)},
    }


def _parts(annotations: AnnotationSet, counts: _Counts) -> list[dict[str, Any]]:
    super_of = {part: name for name, parts in annotations.super_parts.items() for part in parts}
    total = max(1, int(counts.pixels[1:IGNORE].sum()))
    return [
        {
            "id": part,
            "name": name,
            "super_category": super_of.get(part),
            "num_images": int(counts.images[part]),
            "num_annotations": int(counts.instances[part]),
            "pixels": int(counts.pixels[part]),
            "share_of_part_pixels": float(counts.pixels[part] / total),
        }
        for part, name in enumerate(annotations.part_names, start=1)
    ]


def _objects(annotations: AnnotationSet) -> list[dict[str, Any]] | None:
    """Objects and their part masks by class, before any merging, where the format has objects."""
    if not isinstance(annotations, PascalPart):
        return None
    return [
        {"class": kind, "num_objects": number, "num_part_masks": annotations.part_counts[kind]}
        for kind, number in sorted(annotations.object_counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _keypoints(annotations: AnnotationSet, images: Sequence[AnnotatedImage]) -> list[dict[str, Any]]:
    points = [found for image in images if (found := annotations.keypoints(image)) is not None]
    visible = np.sum([found.visible for found in points], axis=0)
    return [{"name": n, "num_visible": int(v)} for n, v in zip(points[0].names, visible, strict=True)]
