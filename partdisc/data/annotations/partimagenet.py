"""PartImageNet in both published layouts. Names and ids of parts come from its JSON, never from this package.

*OOD* (the paper's split, no class in two splits): `train.json`, `val.json`, `test.json` and
`<split>/<synset>/<synset>_<n>.JPEG`; `file_name` is the bare name.
*Seg* (every class in every split): `annotations/<split>/<split>.json`, `images/<split>/*.JPEG`, part label PNGs
beside the JSON (0-based ids, background last) and object label PNGs in `annotations/<split>_whole/`.

He et al., "PartImageNet: A Large, High-Quality Dataset of Parts", ECCV 2022.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from partdisc.data import taxonomy
from partdisc.data.annotations.base import AnnotatedImage
from partdisc.data.annotations.coco import CocoAnnotations, read_coco_files
from partdisc.data.annotations.coco_file import CocoFile, CocoImage
from partdisc.data.annotations.places import existing_folder
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import Split
from partdisc.errors import ArtifactError, DataError
from partdisc.store import masks

SYNSET = re.compile(r"(n\d{8})_")
NUM_CLASSES = 158  # in the object label PNGs of Seg: 0..157 are classes, 158 is background


@lru_cache(maxsize=1)
def super_category_of_synset() -> dict[str, str]:
    """{synset: super-category} of the 158 classes.

    >>> super_category_of_synset()["n02102040"], len(super_category_of_synset())
    ('Quadruped', 158)
    """
    return {
        synset: group.name
        for group in taxonomy.super_categories()
        for synsets in group.classes.values()
        for synset in synsets
    }


class PartImageNet(CocoAnnotations):
    """PartImageNet, OOD or Seg: COCO annotations whose images are classed by their synset."""

    format = "partimagenet-ood"

    def __init__(
        self,
        path: str | os.PathLike[str],
        sources: Mapping[str | None, CocoFile],
        *,
        images_roots: Mapping[str | None, Path | None],
        split: Split,
        overlap: str,
        report: QuirkReport,
    ) -> None:
        named = {name: _with_super_categories(source) for name, source in sources.items()}
        super().__init__(path, named, images_roots=images_roots, split=split, overlap=overlap, report=report)
        for image in self.images:
            found = {
                self._categories[entry.category].supercategory for entry in self._contents[image.id].entries
            }
            others = found - {image.super_category}
            if image.super_category and others:
                detail = f"{', '.join(sorted(others))} in a {image.super_category}"
                self.report.note("other super-category", image=image.id, detail=detail)

    def _category_of(self, content: CocoImage) -> str | None:
        synset = SYNSET.match(PurePosixPath(content.file_name).name)
        return synset[1] if synset else content.category

    def _super_category_of(self, content: CocoImage) -> str | None:
        known = super_category_of_synset().get(self._category_of(content) or "")
        return known or super()._super_category_of(content)

    def image_path(self, image: AnnotatedImage) -> Path | None:
        """The image file in its split and class folder, or None where it is not found."""
        if self.images_root is None:
            return None
        split, category = image.split or "", (image.category or "").replace("/", "_")
        for folder in (f"{split}/{category}", category, split, ""):
            file = self.images_root / folder / image.file_name
            if file.is_file():
                return file
        return None


class PartImageNetSeg(PartImageNet):
    """The Seg layout: label PNGs of parts and of whole objects lie beside the polygons."""

    format = "partimagenet-seg"

    def foreground(self, image: AnnotatedImage) -> np.ndarray | None:
        """Where the object is by its own PNG, or None without one."""
        whole = self._read_png(image, f"{image.split}_whole")
        return None if whole is None else whole != NUM_CLASSES

    def png_labels(self, image: AnnotatedImage) -> np.ndarray | None:
        """Part labels by the image's PNG, uint8 (H, W), or None without one; `labels` paints the polygons."""
        stored = self._read_png(image, str(image.split))
        if stored is None:
            return None
        table = np.full(256, 255, np.uint8)
        table[list(self.own_ids)] = list(self.own_ids.values())
        table[max(self.own_ids) + 1] = 0  # background is the last label
        return table[stored]

    def _read_png(self, image: AnnotatedImage, folder: str) -> np.ndarray | None:
        name = PurePosixPath(image.file_name).stem + ".png"
        file = self.path / "annotations" / folder / name
        if not file.is_file():
            return None
        try:
            stored = masks.read_mask(file)
        except ArtifactError as error:
            raise DataError(str(error)) from error
        if stored.shape != image.size:
            raise DataError(
                f"Expected {file} to be {image.width} x {image.height} as its JSON says, "
                f"but it is {stored.shape[1]} x {stored.shape[0]}."
            )
        return stored


def _with_super_categories(source: CocoFile) -> CocoFile:
    """Fill in super-categories that the file leaves out, from the names: "Car Body" is a part of Car."""
    groups = [group.name for group in taxonomy.super_categories()]
    categories = {}
    for id, category in source.categories.items():
        named = [group for group in groups if category.name.startswith(group + " ")]
        supercategory = category.supercategory or (named[0] if named else "")
        categories[id] = replace(category, supercategory=supercategory)
    return CocoFile(source.path, categories, source.images)


def read_partimagenet_ood(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
) -> PartImageNet:
    """Open PartImageNet OOD: its folder, or the JSON of one split.

    Raises:
        ConfigError: if a path or the split does not exist.
        DataError: if a file is not COCO, or the files contradict each other.
    """
    root = Path(path)
    if root.is_dir():
        splits = [name for name in taxonomy.SPLITS if (root / f"{name}.json").is_file()]
        places: dict[str | None, Path] = {name: root / f"{name}.json" for name in splits}
    else:
        places, root = {root.stem: root}, root.parent
    if not places:
        raise DataError(
            f"Expected train.json, val.json or test.json of PartImageNet in {root}, but found none."
        )
    return _read(PartImageNet, path, places, images, root, split, overlap)


def read_partimagenet_seg(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
) -> PartImageNetSeg:
    """Open PartImageNet Seg from its folder.

    Raises:
        ConfigError: if a path or the split does not exist.
        DataError: if a file is not COCO, or the files contradict each other.
    """
    folder = Path(path) / "annotations"
    files = {name: folder / name / f"{name}.json" for name in taxonomy.SPLITS}
    places: dict[str | None, Path] = {name: file for name, file in files.items() if file.is_file()}
    if not places:
        raise DataError(
            f"Expected annotations/<split>/<split>.json of PartImageNet in {path}, but found none."
        )
    return _read(PartImageNetSeg, path, places, images, Path(path) / "images", split, overlap)


Kind = TypeVar("Kind", bound=PartImageNet)


def _read(
    kind: type[Kind],
    path: str | os.PathLike[str],
    places: Mapping[str | None, Path],
    images: str | os.PathLike[str] | None,
    usual: Path,
    split: Split | None,
    overlap: str,
) -> Kind:
    split, report = split or Split(), QuirkReport()
    sources = read_coco_files(path, places, split, report)
    root = usual if usual.is_dir() else None
    if images is not None:
        root = existing_folder(images, what="a folder of images")
    roots = dict.fromkeys(sources, root)
    found = kind(path, sources, images_roots=roots, split=split, overlap=overlap, report=report)
    split.note_missing(report)
    return found
