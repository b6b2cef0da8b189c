"""Pascal-Part: one `.mat` file for each image of Pascal VOC, with objects, their parts, and a mask for each.

Parts are named "class part" ("dog head"); numbered instances (wheel_1, wheel_2) are one part. The published ways
to merge parts further lie in `pascal_part.json` with their sources; `--groups` takes their names.

Chen et al., "Detect What You Can", CVPR 2014.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.painting import PartInstance
from partdisc.data.annotations.pascal_mat import PascalObject, read_objects
from partdisc.data.annotations.places import existing_folder, image_size
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import Split
from partdisc.errors import DataError
from partdisc.parts import IGNORE
from partdisc.progress import Progress
from partdisc.store import files

TABLE = Path(__file__).with_name("pascal_part.json")
MANY = 500  # files; reading more than that takes long enough for a progress line
REST = "*"  # in a merge map: what no part of the object covers


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return files.read_json(TABLE, schema="partdisc/pascal-part")


def merge_maps() -> dict[str, str]:
    """{name: source} of the published ways to merge the parts.

    >>> list(merge_maps())
    ['pascal-part-58', 'pascal-part-108', 'pascal-person-part']
    """
    return {name: entry["source"] for name, entry in _table()["maps"].items()}


def _merging(name: str | None) -> dict[str, dict[str, list[str]]]:
    """{class: {merged part: [parts]}}; without a name every part stays by itself."""
    if name is None:
        return {kind: {p: [p] for p in parts} for kind, parts in _table()["parts"]["classes"].items()}
    return _table()["maps"][name]["classes"]


class PascalPart(AnnotationSet):
    """Pascal-Part, read from its folder of `.mat` files.

    Attributes:
        object_counts: {class: objects}.
        part_counts: {class: part masks in the files}, before anything is merged.
    """

    format = "pascal-part"
    has_instances = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        images: Sequence[AnnotatedImage],
        mat_files: Mapping[str, Path],
        classes: Sequence[str],
        merge: str | None,
        images_root: Path | None,
        overlap: str,
        report: QuirkReport,
    ) -> None:
        merging = {kind: parts for kind, parts in _merging(merge).items() if kind in classes}
        ids: dict[tuple[str, str], int] = {}
        for kind, merged in merging.items():
            ids.update({(kind, part): len(ids) + i for i, part in enumerate(merged, start=1)})
        super().__init__(
            path,
            part_names=[f"{kind} {part}" if part != kind else kind for kind, part in ids],
            images=images,
            images_root=images_root,
            super_parts={
                k: tuple(i for (kind, _), i in ids.items() if kind == k) for k in merging if merging[k]
            },
            overlap=overlap,
            report=report,
        )
        self._mat_files = dict(mat_files)
        self._ignored = _table()["maps"].get(merge, {}).get("ignored", {})
        self._part_of = {
            (kind, member): ids[kind, part]
            for kind, merged in merging.items()
            for part, members in merged.items()
            for member in members
        }
        self._known = {kind: set(parts) for kind, parts in _table()["parts"]["classes"].items()}
        self._last: tuple[str, list[PascalObject]] = ("", [])
        self.object_counts: dict[str, int] = {}
        self.part_counts: dict[str, int] = {}

    def objects(self, image: AnnotatedImage) -> list[PascalObject]:
        """All objects of an image, as in its file.

        Raises:
            DataError: if the file cannot be read any more.
        """
        if self._last[0] != image.id:
            self._last = (image.id, read_objects(self._mat_files[image.id]))
        return self._last[1]

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """One region for each part mask; with a merge map also what no part of an object covers."""
        found = []
        for position, thing in enumerate(self.objects(image)):
            for name, mask in thing.parts:
                part = self._part(image, thing.name, name, f"object {position}")
                if part is not None and mask.any():
                    found.append(PartInstance(part, mask))
            rest = self._part_of.get((thing.name, REST))
            if rest is not None:
                uncovered = thing.mask & ~np.any([thing.mask & False, *(m for _, m in thing.parts)], axis=0)
                found += [PartInstance(rest, uncovered)] if uncovered.any() else []
        return found

    def _part(self, image: AnnotatedImage, kind: str, name: str, entry: str) -> int | None:
        name = re.sub(r"_\d+$", "", name)
        part = self._part_of.get((kind, name))
        if part is not None:
            return part
        if name in self._ignored.get(kind, ()):
            return IGNORE
        if name in self._known.get(kind, ()):
            self.report.note("not in the map", entry=f"{kind} {name}")
        else:
            self.report.note("unknown part", image=image.id, entry=entry, detail=f"{kind} {name}")
        return None

    def foreground(self, image: AnnotatedImage) -> np.ndarray:
        """The union of all objects of the image's class, divided into parts or not."""
        masks = [thing.mask for thing in self.objects(image) if thing.name == image.super_category]
        return np.any([np.zeros(image.size, bool), *masks], axis=0)


def read_pascal_part(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
    merge: str | None = None,
) -> PascalPart:
    """Open Pascal-Part.

    Args:
        path: folder with `Annotations_Part/` (and `JPEGImages/`), or the folder of the `.mat` files itself.
        images: folder of the images, if it is not `JPEGImages` beside the annotation.
        split: which images are wanted.
        overlap: how overlapping parts are painted.
        merge: a name from `merge_maps`, or None to keep all parts.

    Raises:
        DataError: if there is no usable `.mat` file.
    """
    root, split, report = Path(path), split or Split(), QuirkReport()
    folder = root / "Annotations_Part" if (root / "Annotations_Part").is_dir() else root
    mat_files = sorted(folder.glob("*.mat"))
    if not mat_files:
        raise DataError(f"Expected Pascal-Part's .mat files in {folder}, but found none.")
    split.check_name(path, [])
    images_root = folder.parent / "JPEGImages"
    if images is not None:
        images_root = existing_folder(images, what="a folder of images")
    scan = _Scan(images_root, report)
    wanted = [file for file in mat_files if split.wants(file.stem + ".jpg")]
    progress = Progress("Pascal-Part", len(wanted), unit="files", verbosity=int(len(wanted) > MANY))
    for file in progress.track(wanted):
        scan.add(file)
    split.note_missing(report)
    if not scan.images:
        raise DataError(f"Expected a usable .mat file in {folder}, but: {'; '.join(report.lines())}")
    found = PascalPart(
        path,
        images=scan.images,
        mat_files=scan.mat_files,
        classes=[kind for kind in _table()["parts"]["classes"] if kind in scan.object_counts],
        merge=merge,
        images_root=images_root,
        overlap=overlap,
        report=report,
    )
    found.object_counts, found.part_counts = scan.object_counts, scan.part_counts
    return found


class _Scan:
    """One pass over all files: sizes, classes and counts; masks are read again when they are wanted."""

    def __init__(self, images_root: Path, report: QuirkReport) -> None:
        self.images_root, self.report = images_root, report
        self.images: list[AnnotatedImage] = []
        self.mat_files: dict[str, Path] = {}
        self.object_counts: dict[str, int] = {}
        self.part_counts: dict[str, int] = {}

    def add(self, file: Path) -> None:
        name = file.stem + ".jpg"
        try:
            objects = read_objects(file)
        except DataError as error:
            self.report.note("unreadable mask", image=name, detail=str(error))
            return
        sizes = {thing.mask.shape for thing in objects}
        size = self._picture_size(name, sizes.pop() if len(sizes) == 1 else None)
        if size is None or sizes:
            return
        for position, thing in enumerate(objects):
            self.object_counts[thing.name] = self.object_counts.get(thing.name, 0) + 1
            self.part_counts[thing.name] = self.part_counts.get(thing.name, 0) + len(thing.parts)
            if not thing.parts:
                self.report.note(
                    "object without parts", image=name, entry=f"object {position}", detail=thing.name
                )
        kind = _main_class(objects)
        if len({thing.name for thing in objects}) > 1:
            self.report.note("several classes", image=name, detail=f"counted as {kind}")
        self.mat_files[name] = file
        self.images.append(AnnotatedImage(name, name, size[1], size[0], category=kind, super_category=kind))

    def _picture_size(self, name: str, size: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """(H, W) of the masks if the picture agrees, else None, noted."""
        if size is None:
            self.report.note("bad entry", image=name, detail="no object, or masks of several sizes")
            return None
        picture = self.images_root / name
        if not picture.is_file():
            self.report.note("no image file", image=name, detail=str(picture))
            return size
        try:
            shown = image_size(picture)
        except DataError as error:
            self.report.note("unreadable image", image=name, detail=str(error))
            return None
        if shown != size:
            detail = f"image {shown[1]} x {shown[0]}, masks {size[1]} x {size[0]}"
            self.report.note("wrong size", image=name, detail=detail)
            return None
        return size


def _main_class(objects: Sequence[PascalObject]) -> str:
    """The class of the largest object, among those with parts if there are any."""
    candidates = [thing for thing in objects if thing.parts] or list(objects)
    return max(candidates, key=lambda thing: np.count_nonzero(thing.mask)).name
