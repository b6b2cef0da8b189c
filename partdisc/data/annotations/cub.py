"""CUB-200-2011: fifteen points, a box, a class and a split for each of 11,788 birds.

`images.txt`, `image_class_labels.txt`, `classes.txt`, `bounding_boxes.txt`, `train_test_split.txt`,
`parts/parts.txt`, `parts/part_locs.txt`; object masks are read from `segmentations/` where they were unpacked.
Coordinates are kept as the files have them.

Wah et al., "The Caltech-UCSD Birds-200-2011 Dataset", 2011.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, Keypoints
from partdisc.data.annotations.keypoint_json import KeypointSet
from partdisc.data.annotations.places import existing_folder, image_size, safe_name
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import Split
from partdisc.data.annotations.tables import as_numbers, read_lines, read_records
from partdisc.errors import DataError

Box = tuple[float, float, float, float]


class CubSet(KeypointSet):
    """CUB-200-2011."""

    format = "cub"

    def foreground(self, image: AnnotatedImage) -> np.ndarray | None:
        """Where most annotators saw the bird, bool (H, W); the masks are grey, as several drew them."""
        file = self._mask_files.get(image.id)
        return None if file is None else self._read_mask(file, image) >= 128


def read_cub(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
) -> CubSet:
    """Open CUB-200-2011 from its folder.

    Args:
        path: folder with `images.txt`.
        images: folder of the images, if it is not `path/images`.
        split: "train" or "test" of the set's own, or a list.

    Raises:
        ConfigError: if a file or the split does not exist.
        DataError: if a file cannot be used.
    """
    root, split, report = Path(path), split or Split(), QuirkReport()
    tables = _Tables(root, report)
    split.check_name(path, ["train", "test"] if tables.training else [])
    images_root = existing_folder(images or root / "images", what="the images of CUB")
    found: list[AnnotatedImage] = []
    points: dict[str, Keypoints] = {}
    mask_files: dict[str, Path] = {}
    for key, (name,) in tables.images.items():
        file_name, own = safe_name(name), tables.split_of(key)
        if file_name is None:
            report.note("file name outside its folder", entry=f"image {key}", detail=repr(name))
        elif split.wants(file_name, own):
            try:
                size = image_size(images_root / file_name)
            except DataError as error:
                kind = "unreadable image" if (images_root / file_name).exists() else "missing image"
                report.note(kind, image=file_name, detail=str(error))
                continue
            image = AnnotatedImage(file_name, file_name, size[1], size[0], tables.class_of(key), split=own)
            found.append(image)
            points[image.id] = tables.keypoints(key, image)
            mask = (root / "segmentations" / file_name).with_suffix(".png")
            if mask.is_file():
                mask_files[image.id] = mask
    split.note_missing(report)
    return CubSet(
        path,
        names=tables.names,
        images=found,
        points=points,
        mask_files=mask_files,
        images_root=images_root,
        report=report,
    )


class _Tables:
    """The text files of CUB, by image number."""

    def __init__(self, root: Path, report: QuirkReport) -> None:
        self.report = report
        self.images = read_records(root / "images.txt", 2, report, what="the images of CUB")
        rows = list(read_lines(root / "parts" / "parts.txt", what="the part names of CUB"))
        if not rows:
            raise DataError(
                f"Expected the names of CUB's parts in {root / 'parts' / 'parts.txt'}, but it is empty."
            )
        self._index = {fields[0]: index for index, (_, fields) in enumerate(rows)}
        self.names = tuple(" ".join(fields[1:]) for _, fields in rows)
        self._locations = self._read_locations(root / "parts" / "part_locs.txt")
        self._boxes = self._optional(root / "bounding_boxes.txt", 5)
        self._labels = self._optional(root / "image_class_labels.txt", 2)
        self._classes = self._optional(root / "classes.txt", 2)
        self.training = self._optional(root / "train_test_split.txt", 2)

    def _optional(self, path: Path, columns: int) -> dict[str, list[str]]:
        return read_records(path, columns, self.report, what=path.stem) if path.is_file() else {}

    def _read_locations(self, path: Path) -> dict[str, list[tuple[int, list[str]]]]:
        found: dict[str, list[tuple[int, list[str]]]] = {}
        for number, fields in read_lines(path, what="the part locations of CUB"):
            entry = f"{path.name} line {number}"
            if len(fields) != 5:
                self.report.note("bad entry", entry=entry, detail=f"{len(fields)} of 5 fields")
            elif fields[0] not in self.images:
                self.report.note("unknown image id", entry=entry, detail=fields[0])
            elif fields[1] not in self._index:
                self.report.note("unknown part", entry=entry, detail=fields[1])
            else:
                found.setdefault(fields[0], []).append((self._index[fields[1]], fields[2:]))
        return found

    def split_of(self, key: str) -> str | None:
        return {"1": "train", "0": "test"}.get(self.training.get(key, [""])[0])

    def class_of(self, key: str) -> str | None:
        label = self._labels.get(key, [""])[0]
        return self._classes.get(label, [label or None])[0]

    def keypoints(self, key: str, image: AnnotatedImage) -> Keypoints:
        xy = np.zeros((len(self.names), 2))
        visible = np.zeros(len(self.names), bool)
        for index, fields in self._locations.get(key, []):
            numbers = as_numbers(fields)
            if numbers is None or numbers[2] not in (0, 1):
                self.report.note(
                    "bad coordinates", image=image.id, entry=self.names[index], detail=str(fields)
                )
                continue
            xy[index], visible[index] = numbers[:2], bool(numbers[2])
        if not visible.any():
            self.report.note("no annotation", image=image.id, detail="no visible point")
        return Keypoints(self.names, xy, visible, self._box(key, image))

    def _box(self, key: str, image: AnnotatedImage) -> Box | None:
        fields = self._boxes.get(key)
        if fields is None:
            return None
        numbers = as_numbers(fields)
        if numbers is None or min(numbers[2:]) <= 0:
            self.report.note("bad box", image=image.id, detail=str(fields))
            return None
        return numbers[0], numbers[1], numbers[2], numbers[3]
