"""Writing mask folders: `masks/`, `images/` and `parts.json`."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.errors import DataError
from partdisc.store import files, masks

GOLDEN = 0.618  # steps of the hue that keep neighbours apart


class MaskFolderWriter:
    """Writes a palette PNG for each image; splits become folders.

    Args:
        annotations: what is written.
        images: those that will be added.
        out: the folder.

    Raises:
        DataError: if two images differ only in their suffix, so that one mask would replace the other.
    """

    def __init__(self, annotations: AnnotationSet, images: Sequence[AnnotatedImage], out: Path) -> None:
        self.annotations, self.out = annotations, out
        self._palette = [(0, 0, 0), *(_color(part) for part in range(annotations.num_parts))]
        taken: dict[str, str] = {}
        for image in images:
            other = taken.setdefault(self._mask_name(image), image.id)
            if other != image.id:
                raise DataError(f"{other} and {image.id} would share the mask {self._mask_name(image)}.")

    def image_name(self, image: AnnotatedImage) -> str:
        """Where the image file goes, relative to the folder."""
        prefix = f"{image.split}/" if image.split and not image.id.startswith(f"{image.split}/") else ""
        return f"images/{prefix}{image.id}"

    def _mask_name(self, image: AnnotatedImage) -> str:
        return str(
            PurePosixPath("masks", *PurePosixPath(self.image_name(image)).parts[1:]).with_suffix(".png")
        )

    def add(self, image: AnnotatedImage) -> None:
        """Write the mask of one image."""
        masks.write_mask(self.out / self._mask_name(image), self.annotations.labels(image), self._palette)

    def close(self) -> None:
        """Write the names of the parts."""
        names = {str(part): name for part, name in enumerate(self.annotations.part_names, start=1)}
        files.write_text(self.out / "parts.json", json.dumps(names, indent=1, ensure_ascii=False) + "\n")


def _color(index: int) -> masks.Color:
    r, g, b = colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.75, 0.95)
    return round(255 * r), round(255 * g), round(255 * b)
