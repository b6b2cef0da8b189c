"""Images by the folder they lie in: one list for each direct sub-folder, as in data sets with a folder a class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from partdisc.data.images import ImageList, ImageRecord, SkippedImage

Item = TypeVar("Item", ImageRecord, SkippedImage)


@dataclass(frozen=True)
class Folders:
    """Images by folder.

    Attributes:
        lists: the images of each folder and those skipped in it, in the order of names. Ids keep the folder's name:
            they stay unique, and are those of all images taken together.
        outside: how many images lie in no folder.
    """

    lists: dict[str, ImageList]
    outside: int


def by_folder(images: ImageList) -> Folders:
    """Part a list of images by the first folder of their ids.

    >>> from pathlib import Path
    >>> from partdisc.data import ImageList, ImageRecord
    >>> ids = ("a.jpg", "cat/1.jpg", "cat/young/2.jpg", "dog/1.jpg")
    >>> found = by_folder(ImageList(Path("."), tuple(ImageRecord(id, Path(id), 4, 3) for id in ids)))
    >>> {name: [image.id for image in images] for name, images in found.lists.items()}, found.outside
    ({'cat': ['cat/1.jpg', 'cat/young/2.jpg'], 'dog': ['dog/1.jpg']}, 1)
    """
    records, skipped = _grouped(images.records), _grouped(images.skipped)
    outside = len(records.pop("", [])) + len(skipped.pop("", []))
    lists = {
        name: ImageList(images.root, tuple(records.get(name, ())), tuple(skipped.get(name, ())))
        for name in sorted(records.keys() | skipped.keys())
    }
    return Folders(lists, outside)


def _grouped(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Images by the first folder of their ids, "" for none."""
    found: dict[str, list[Item]] = {}
    for item in items:
        folder, slash, _ = item.id.partition("/")
        found.setdefault(folder if slash else "", []).append(item)
    return found
