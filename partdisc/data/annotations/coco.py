"""COCO annotations: one file, a file for each split, or the usual folders around them.

A folder is searched for `annotations.json`, `_annotations.coco.json`, `*.json` and `annotations/*.json`; folders in
it that hold an `annotations.json` of their own are splits. Part ids follow the category ids in rising order; a
category named background is no part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.coco_file import Category, CocoFile, CocoImage, read_coco_file
from partdisc.data.annotations.painting import PartInstance
from partdisc.data.annotations.places import existing_folder, first_folder_with
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import SPLITS, Split
from partdisc.errors import DataError
from partdisc.parts import IGNORE

HEAD = 1 << 20  # characters
PREFIX = "instances_"  # what comes after it names a split
FILE_NAMES = ("annotations.json", "_annotations.coco.json")


class CocoAnnotations(AnnotationSet):
    """Part masks from COCO files."""

    format = "coco"
    has_instances = True

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
        categories = _join_categories(path, sources.values())
        parts = [c for c in sorted(categories.values(), key=lambda c: c.id) if not c.is_background]
        self._part_of = {category.id: part for part, category in enumerate(parts, start=1)}
        self._categories = categories
        self._contents: dict[str, CocoImage] = {}
        self._roots = dict(images_roots)
        images = [
            self._register(split_name, image, len(sources) > 1)
            for split_name, source in sources.items()
            for image in source.images
            if split.wants(image.file_name, split_name)
        ]
        super().__init__(
            path,
            part_names=[category.name for category in parts],
            images=images,
            images_root=next((root for root in images_roots.values() if root is not None), None),
            super_parts=_super_parts(parts),
            overlap=overlap,
            report=report,
        )
        self._note_absences()

    @property
    def own_ids(self) -> dict[int, int]:
        """{category id: part id}."""
        return dict(self._part_of)

    def _register(self, split: str | None, content: CocoImage, many: bool) -> AnnotatedImage:
        id = content.file_name
        if many and id in self._contents:
            id = f"{split}/{id}"  # two splits use one bare name
        self._contents[id] = content
        return AnnotatedImage(
            id=id,
            file_name=content.file_name,
            width=content.width,
            height=content.height,
            category=self._category_of(content),
            super_category=self._super_category_of(content),
            unit=content.unit,
            split=split,
        )

    def _category_of(self, content: CocoImage) -> str | None:
        return content.category

    def _super_category_of(self, content: CocoImage) -> str | None:
        """The super-category all entries of an image share, or None."""
        found = {self._categories[entry.category].supercategory for entry in content.entries}
        return found.pop() or None if len(found) == 1 else None

    def image_path(self, image: AnnotatedImage) -> Path | None:
        """The image file, or None where it is not found; each split may have a folder of its own."""
        root = self._roots.get(image.split)
        return root / image.file_name if root is not None and (root / image.file_name).is_file() else None

    def _note_absences(self) -> None:
        seen: set[int] = set()
        for image in self.images:
            entries = self._contents[image.id].entries
            seen |= {entry.category for entry in entries}
            if not entries:
                self.report.note("no annotation", image=image.id)
        for category in self._part_of:
            if category not in seen:
                self.report.note("absent part", entry=self._categories[category].name)

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """One region for each usable entry; crowds come as regions to ignore."""
        found = []
        for entry in self._contents[image.id].entries:
            mask = entry.segmentation.mask()
            if not mask.any():
                name = self._categories[entry.category].name
                self.report.note("no pixels", image=image.id, entry=name)
            else:
                found.append(PartInstance(IGNORE if entry.crowd else self._part_of[entry.category], mask))
        return found


def _join_categories(path: str | os.PathLike[str], sources: Iterable[CocoFile]) -> dict[int, Category]:
    joined: dict[int, Category] = {}
    for source in sources:
        for category in source.categories.values():
            if joined.setdefault(category.id, category).name != category.name:
                raise DataError(
                    f"The files of {path} disagree on category {category.id}: "
                    f"{joined[category.id].name!r} and, in {source.path.name}, {category.name!r}."
                )
    return joined


def _super_parts(parts: Sequence[Category]) -> dict[str, tuple[int, ...]]:
    groups: dict[str, list[int]] = {}
    for part, category in enumerate(parts, start=1):
        groups.setdefault(category.supercategory, []).append(part)
    # one super-category for everything says nothing
    return {} if len(groups) < 2 or "" in groups else {name: tuple(ids) for name, ids in groups.items()}


def read_coco(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
) -> CocoAnnotations:
    """Open COCO annotations: a JSON file, or a folder that holds some.

    Raises:
        ConfigError: if a path or the split does not exist.
        DataError: if a file is not COCO, or the files contradict each other.
    """
    split, report = split or Split(), QuirkReport()
    sources = read_coco_files(path, find_coco_files(Path(path)), split, report)
    roots: dict[str | None, Path | None]
    if images is not None:
        roots = dict.fromkeys(sources, existing_folder(images, what="a folder of images"))
    else:
        roots = {name: _find_images(source, name) for name, source in sources.items()}
    found = CocoAnnotations(path, sources, images_roots=roots, split=split, overlap=overlap, report=report)
    split.note_missing(report)
    return found


def read_coco_files(
    path: str | os.PathLike[str], places: Mapping[str | None, Path], split: Split, report: QuirkReport
) -> dict[str | None, CocoFile]:
    """{split: contents} of the wanted files among {split: JSON file} of the set at `path`.

    Raises:
        ConfigError: if the set has no such split.
        DataError: if a file is not COCO.
    """
    split.check_name(path, [name for name in places if name is not None])
    wanted = {name: file for name, file in places.items() if split.name in (None, name)}
    # the split's name tells its entries from those of the others
    prefixes = {name: f"{name} " if len(wanted) > 1 else "" for name in wanted}
    return {name: read_coco_file(file, report, prefixes[name]) for name, file in wanted.items()}


def find_coco_files(path: Path) -> dict[str | None, Path]:
    """{split: JSON file} of a file or folder; the split is None where nothing names one.

    Raises:
        DataError: if a folder holds no JSON file.
    """
    if not path.is_dir():
        return {None: path}
    for folder in (path, path / "annotations"):
        for name in FILE_NAMES:
            if (folder / name).is_file():
                return {None: folder / name}
    places: dict[str | None, Path] = {}
    for child in sorted(path.iterdir()):
        for name in FILE_NAMES:
            if (child / name).is_file():
                places[child.name] = child / name
    for folder in (path / "annotations", path):
        if not places:
            found = sorted(file for file in folder.glob("*.json") if looks_like_coco(file))
            # COCO itself has captions and keypoints beside its instances
            instances = [file for file in found if file.name.startswith(PREFIX)]
            places.update({file.stem.removeprefix(PREFIX): file for file in instances or found})
    if not places:
        raise DataError(f"Expected a COCO file in {path}, but found none there.")
    only, file = next(iter(places.items()))
    named = only in SPLITS or file.name.startswith(PREFIX)
    return places if named or len(places) > 1 else {None: file}


def looks_like_coco(file: Path) -> bool:
    """Whether a JSON file is named like COCO or begins like it; one that breaks off early is told by its name."""
    if file.name in FILE_NAMES or file.name.startswith(PREFIX) or file.stem in SPLITS:
        return True
    head = read_head(file)
    return sum(f'"{key}"' in head for key in ("images", "annotations", "categories")) > 1


def read_head(file: Path) -> str:
    """The first part of a text file, enough to tell what it is."""
    with open(file, encoding="utf-8", errors="replace") as stream:
        return stream.read(HEAD)


def _find_images(source: CocoFile, split: str | None) -> Path | None:
    folders = []
    for base in (source.path.parent, source.path.parent.parent):
        folders += [base / "images", base / (split or "images"), base / "images" / (split or ""), base]
    return first_folder_with(folders, (image.file_name for image in source.images))
