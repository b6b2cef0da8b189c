"""Find every entry of an annotated set that is broken, and say in which image it is.

What the reader already left out is told again; beyond that every image is opened and compared with the size its
annotation states, and every mask is read.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.partimagenet import PartImageNetSeg
from partdisc.data.annotations.places import image_size
from partdisc.data.dataset_tool.selection import first_images
from partdisc.data.decoding import decode_image
from partdisc.errors import DataError
from partdisc.parts import IGNORE
from partdisc.progress import Progress


def validate(
    annotations: AnnotationSet, *, quick: bool = False, limit: int | None = None, verbosity: int = 0
) -> dict[str, Any]:
    """Check every image and mask of a set.

    Args:
        annotations: the set; its `report` grows.
        quick: read only the headers of the images instead of decoding them.
        limit: check only the first images.
        verbosity: 1 shows a progress line.

    Returns:
        A dictionary for JSON: "path", "format", "num_images", "num_broken" and "findings", one for each kind of
        quirk with its count, what is done about it, and every image and entry concerned.
    """
    images = first_images(annotations, limit)
    with_files = any(annotations.image_path(image) is not None for image in images)
    for image in Progress("validate", len(images), verbosity=verbosity).track(images):
        if with_files:  # a set may come without any image
            _check_image(annotations, image, quick)
        if annotations.has_masks:
            _check_masks(annotations, image)
        _check_foreground(annotations, image)
    return {
        "path": str(annotations.path),
        "format": annotations.format,
        "num_images": len(images),
        "num_broken": annotations.report.num_broken,
        "findings": sorted(
            annotations.report.to_json(examples=None), key=lambda finding: not finding["broken"]
        ),
    }


def _check_image(annotations: AnnotationSet, image: AnnotatedImage, quick: bool) -> None:
    path, report = annotations.image_path(image), annotations.report
    if path is None:
        report.note("missing image", image=image.id)
        return
    try:
        size = image_size(path) if quick else decode_image(path).shape[:2]
    except DataError as error:
        report.note("unreadable image", image=image.id, detail=str(error))
        return
    if size != image.size:
        detail = f"image {size[1]} x {size[0]}, annotation {image.width} x {image.height}"
        report.note("wrong size", image=image.id, detail=detail)


def _check_masks(annotations: AnnotationSet, image: AnnotatedImage) -> None:
    try:
        labels = annotations.labels(image)
        instances = annotations.instances(image)
        stored = annotations.png_labels(image) if isinstance(annotations, PartImageNetSeg) else None
    except DataError as error:
        annotations.report.note("unreadable mask", image=image.id, detail=str(error))
        return
    for position, instance in enumerate(instances):
        pieces = cv2.connectedComponents(instance.mask.astype(np.uint8), connectivity=8)[0] - 1
        if pieces > 1 and annotations.has_instances and instance.part != IGNORE:
            name = annotations.part_names.of(instance.part)
            detail = f"{pieces} pieces of {name}"
            annotations.report.note(
                "several pieces", image=image.id, entry=f"region {position}", detail=detail
            )
    if stored is not None and not np.array_equal(stored, labels):
        pixels = np.count_nonzero(stored != labels)
        annotations.report.note("unlike the polygons", image=image.id, detail=f"{pixels} pixels differ")


def _check_foreground(annotations: AnnotationSet, image: AnnotatedImage) -> None:
    try:
        annotations.foreground(image)
    except DataError as error:
        annotations.report.note("unreadable mask", image=image.id, entry="object mask", detail=str(error))
