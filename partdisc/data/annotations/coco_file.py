"""One COCO JSON file, read and checked: categories, images, and the usable entries of each image.

Broken entries are counted in the report and left out; only a file that cannot be used at all is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partdisc.data.annotations.places import safe_name, usable_size
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.segmentation import BrokenEntry, Segmentation, parse_segmentation
from partdisc.errors import DataError
from partdisc.store import files


@dataclass(frozen=True)
class Category:
    """A COCO category: its name and the super-category above it ("" for none)."""

    id: int
    name: str
    supercategory: str = ""

    @property
    def is_background(self) -> bool:
        """Whether it is declared only to name what is no part."""
        return self.name.strip("_ ").lower() == "background"


@dataclass(frozen=True)
class Entry:
    """A usable annotation: its category id, where it is, and whether it marks a crowd."""

    category: int
    segmentation: Segmentation
    crowd: bool


@dataclass
class CocoImage:
    """An image of a COCO file with its usable entries, in the order of the file.

    `category` and `unit` are keys that partdisc writes and other programs pass over.
    """

    file_name: str
    width: int
    height: int
    category: str | None = None
    unit: str | None = None
    entries: list[Entry] = field(default_factory=list)


@dataclass
class CocoFile:
    """A checked COCO file."""

    path: Path
    categories: dict[int, Category]
    images: list[CocoImage]


def read_coco_file(path: str | os.PathLike[str], report: QuirkReport, prefix: str = "") -> CocoFile:
    """Read and check a COCO file.

    Args:
        path: the file.
        report: where broken and repaired entries are counted.
        prefix: set before the names of entries, to tell the files of several splits apart.

    Raises:
        ConfigError: if the file is missing or not JSON.
        DataError: if it has no lists of images, annotations and categories, or contradicts itself there.
    """
    data = files.read_user_json(path, what="COCO annotations")
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise DataError(f"Expected {path} to be a COCO file, but it has no list of {key}.")
    categories = _read_categories(path, data["categories"])
    images = dict(_read_images(data["images"], prefix, report))
    known = {item.get("id") for item in data["images"] if isinstance(item, dict) and _is_id(item.get("id"))}
    seen: dict[Any, dict[str, Any]] = {}
    for position, item in enumerate(data["annotations"]):
        id = item.get("id") if isinstance(item, dict) else None
        name = f"{prefix}annotation {id}" if id is not None else f"{prefix}entry {position}"
        if isinstance(item, dict) and _is_repetition(item, name, seen, report):
            continue
        _read_annotation(item, name, images, known, categories, report)
    return CocoFile(Path(path), categories, list(images.values()))


def _is_id(value: object) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _read_categories(path: str | os.PathLike[str], items: list[Any]) -> dict[int, Category]:
    categories: dict[int, Category] = {}
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name or type(item.get("id")) is not int:
            raise DataError(
                f"Expected categories with a whole-number id and a name in {path}, but found {str(item)[:80]}."
            )
        group = str(item.get("supercategory") or "")
        category = Category(item["id"], name, "" if group == "none" else group)  # as Roboflow writes it
        if categories.setdefault(category.id, category) != category:
            raise DataError(
                f"{path} gives the category id {category.id} to both {categories[category.id].name!r} and {name!r}."
            )
    if not categories:
        raise DataError(f"Expected categories in {path}, but its list is empty.")
    return categories


def _read_images(items: list[Any], prefix: str, report: QuirkReport) -> Iterator[tuple[Any, CocoImage]]:
    ids: set[Any] = set()
    names: set[str] = set()
    for position, item in enumerate(items):
        if not isinstance(item, dict) or not _is_id(item.get("id")):
            report.note("bad entry", entry=f"{prefix}image {position}", detail=str(item)[:60])
            continue
        entry, name = f"{prefix}image {item['id']}", safe_name(item.get("file_name"))
        width: Any = item.get("width")
        height: Any = item.get("height")
        shown = str(item.get("file_name"))[:80]
        if name is None:
            report.note("file name outside its folder", entry=entry, detail=repr(shown))
        elif not usable_size(width, height):
            report.note("bad size", image=name, entry=entry, detail=f"{width} x {height}")
        elif item["id"] in ids:
            report.note("duplicate image id", image=name, entry=entry)
        elif name in names:
            report.note("duplicate file name", image=name, entry=entry)
        else:
            ids.add(item["id"])
            names.add(name)
            category, unit = (str(item[key]) if item.get(key) else None for key in ("category", "unit"))
            yield item["id"], CocoImage(name, width, height, category, unit)


def _is_repetition(
    item: dict[str, Any], name: str, seen: dict[Any, dict[str, Any]], report: QuirkReport
) -> bool:
    """Whether an annotation says again, under the same id, exactly what an earlier one said."""
    key = item.get("id")
    if not _is_id(key):
        return False
    if seen.setdefault(key, item) is item:
        return False
    report.note("duplicate annotation id", entry=name, detail=f"image {item.get('image_id')}")
    return seen[key] == item


def _read_annotation(
    item: object,
    name: str,
    images: dict[Any, CocoImage],
    known: set[Any],
    categories: dict[int, Category],
    report: QuirkReport,
) -> None:
    if not isinstance(item, dict):
        report.note("bad entry", entry=name, detail=str(item)[:60])
        return
    image_id = item.get("image_id")
    image = images.get(image_id) if _is_id(image_id) else None
    if image is None:
        if not _is_id(image_id) or image_id not in known:  # else its image was left out, which is counted
            report.note("unknown image id", entry=name, detail=str(image_id)[:40])
        return
    category_id = item.get("category_id")
    category = categories.get(category_id) if type(category_id) is int else None
    if category is None:
        report.note("unknown category id", image=image.file_name, entry=name, detail=str(category_id)[:40])
    elif category.is_background:
        report.note("background category", image=image.file_name, entry=name)
    elif item.get("area") == 0:
        report.note("zero area", image=image.file_name, entry=name)
    else:
        _read_segmentation(item, name, image, category, report)


def _read_segmentation(
    item: dict[str, Any], name: str, image: CocoImage, category: Category, report: QuirkReport
) -> None:
    try:
        segmentation = parse_segmentation(item, (image.height, image.width))
    except BrokenEntry as error:
        report.note(error.kind, image=image.file_name, entry=name, detail=error.detail)
        return
    for kind, detail in segmentation.quirks:
        report.note(kind, image=image.file_name, entry=name, detail=detail)
    crowd = bool(item.get("iscrowd"))
    if crowd:
        report.note("crowd", image=image.file_name, entry=name)
    image.entries.append(Entry(category.id, segmentation, crowd))
