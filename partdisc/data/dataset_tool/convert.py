"""Write an annotated set in another format, without losing a pixel.

coco               annotations.json, or annotations/instances_<split>.json, and images/
mask-folder        masks/, images/ and parts.json; overlaps are painted, since a mask has one label a pixel
partimagenet-ood   <split>.json and <split>/<class>/; images without a split go to train

Polygons run along pixel edges, holes are joined to the outline by a slit, so that rasterising them gives the mask
again. Ignored regions become crowds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.dataset_tool import write_coco, write_masks, write_ood
from partdisc.data.dataset_tool.selection import first_images
from partdisc.errors import ConfigError, DataError
from partdisc.progress import Progress
from partdisc.store import files


class Writer(Protocol):
    """What every target format offers: images one by one, then the end."""

    def __init__(self, annotations: AnnotationSet, images: Sequence[AnnotatedImage], out: Path) -> None: ...

    def image_name(self, image: AnnotatedImage) -> str:
        """Where the image file goes, relative to the folder."""

    def add(self, image: AnnotatedImage) -> None:
        """Write or collect one image."""

    def close(self) -> None:
        """Write what is left."""


TARGETS: dict[str, type[Writer]] = {
    "coco": write_coco.CocoWriter,
    "mask-folder": write_masks.MaskFolderWriter,
    "partimagenet-ood": write_ood.OodWriter,
}
WAYS = ("copy", "link", "none")


def convert(
    annotations: AnnotationSet,
    out: str | os.PathLike[str],
    *,
    to: str,
    files_by: str = "copy",
    limit: int | None = None,
    verbosity: int = 0,
) -> dict[str, Any]:
    """Write `annotations` to the folder `out` in the format `to`.

    Args:
        annotations: the set.
        out: a new or empty folder.
        to: one of `TARGETS`.
        files_by: what becomes of the image files: "copy", "link" (symbolic links) or "none".
        limit: convert only the first images.
        verbosity: 1 shows a progress line.

    Returns:
        {"out", "format", "num_images", "num_files"}: how many images were written, and how many image files.

    Raises:
        ConfigError: if the format does not exist, or the folder is not empty.
        DataError: if the set has no part masks, or a mask cannot be read.
    """
    if to not in TARGETS:
        raise ConfigError(f"Expected a format to write among {', '.join(TARGETS)}, but got {to!r}.")
    if files_by not in WAYS:
        raise ConfigError(f"Expected the image files to go by {', '.join(WAYS)}, but got {files_by!r}.")
    if not annotations.has_masks:
        raise DataError(f"{annotations.path} has keypoints, but no part masks to convert.")
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"Expected {target} to be a new or empty folder, but there is something in it.")
    images = first_images(annotations, limit)
    sources = {image.id: annotations.image_path(image) for image in images} if files_by != "none" else {}
    if files_by == "copy":
        needed = sum(path.stat().st_size for path in sources.values() if path is not None)
        files.check_free_space(target, needed, what="Copying the images")
    writer = TARGETS[to](annotations, images, target)
    num_files = 0
    for image in Progress("convert", len(images), verbosity=verbosity).track(images):
        writer.add(image)
        num_files += _bring(sources.get(image.id), target / writer.image_name(image), files_by)
    writer.close()
    return {"out": str(target), "format": to, "num_images": len(images), "num_files": num_files}


def _bring(source: Path | None, target: Path, files_by: str) -> bool:
    """Copy or link one image file; whether there was one."""
    if source is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if files_by == "link":
        target.symlink_to(source.resolve())
    else:
        with files.atomic_path(target) as partial:
            shutil.copyfile(source, partial)
    return True
