"""Keypoints in general: one JSON file, a record for each image.

    {"joint_names": ["nose", ...],
     "images": [{"image": "images/camel/00002.jpg", "width": 854, "height": 480,
                 "joints": {"nose": [x, y, visible], ...},
                 "mask": "masks/camel/00002.png", "box": [x, y, w, h], "category": "camel", "unit": "camel"}]}

x to the right, y down, in pixels; visible is 1 or 0, and where it is 0 the numbers mean nothing. `mask` (an 8-bit
PNG, not 0 on the object), `box`, `category` and `unit` may be left out; the unit is then the image's folder, since
frames of one video usually share one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet, Keypoints
from partdisc.data.annotations.painting import PartInstance
from partdisc.data.annotations.places import existing_folder, safe_name, usable_size
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.segmentation import finite_numbers
from partdisc.data.annotations.splits import Split
from partdisc.errors import ArtifactError, DataError
from partdisc.store import files, masks


class KeypointSet(AnnotationSet):
    """A set that has named points, and no part masks.

    Args:
        path: what was read.
        names: of the points.
        images: all images.
        points: {image id: keypoints}.
        mask_files: {image id: mask of the object}, where there is one.
        images_root: where `file_name`s start.
        report: what was unusual so far.
    """

    format = "keypoint-json"
    has_masks = False
    has_keypoints = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        names: Sequence[str],
        images: Sequence[AnnotatedImage],
        points: dict[str, Keypoints],
        mask_files: dict[str, Path],
        images_root: Path | None,
        report: QuirkReport,
    ) -> None:
        super().__init__(path, part_names=(), images=images, images_root=images_root, report=report)
        self.keypoint_names = tuple(names)
        self._points = points
        self._mask_files = mask_files

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """Always an error: there are no part masks.

        Raises:
            DataError: always.
        """
        raise DataError(f"{self.path} has keypoints, but no part masks.")

    def keypoints(self, image: AnnotatedImage) -> Keypoints | None:
        """The named points of an image."""
        return self._points.get(image.id)

    def foreground(self, image: AnnotatedImage) -> np.ndarray | None:
        """Where the object is, bool (H, W), or None if the set has no mask of it.

        Raises:
            DataError: if the mask cannot be read or is not of the image's size.
        """
        file = self._mask_files.get(image.id)
        return None if file is None else self._read_mask(file, image) != 0

    def _read_mask(self, file: Path, image: AnnotatedImage) -> np.ndarray:
        try:
            mask = masks.read_mask(file)
        except ArtifactError as error:
            raise DataError(str(error)) from error
        if mask.shape != image.size:
            raise DataError(
                f"Expected the mask {file} to be {image.width} x {image.height}, "
                f"but it is {mask.shape[1]} x {mask.shape[0]}."
            )
        return mask


def read_keypoint_json(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
) -> KeypointSet:
    """Open a keypoint JSON, or the folder that holds one as `joints.json` or `keypoints.json`.

    Raises:
        ConfigError: if the file is missing or not JSON.
        DataError: if it does not hold what the format needs.
    """
    file, split, report = find_keypoint_file(Path(path)), split or Split(), QuirkReport()
    data = files.read_user_json(file, what='a keypoint file, {"joint_names": [...], "images": [...]}')
    names = data.get("joint_names") if isinstance(data, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise DataError(f'Expected {file} to hold a list of names, "joint_names", but got {str(names)[:60]}.')
    if len(set(names)) != len(names):
        raise DataError(f'Expected each of the "joint_names" of {file} once, but some are repeated.')
    if not isinstance(data.get("images"), list):
        raise DataError(f'Expected {file} to hold a list of records, "images", but it has none.')
    split.check_name(path, [])
    reader = _Records(file.parent, tuple(names), split, report)
    for position, record in enumerate(data["images"]):
        reader.add(record, f"record {position}")
    split.note_missing(report)
    root = file.parent
    if images is not None:
        root = existing_folder(images, what="a folder of images")
    return KeypointSet(
        path,
        names=names,
        images=reader.images,
        points=reader.points,
        mask_files=reader.mask_files,
        images_root=root,
        report=report,
    )


def find_keypoint_file(path: Path) -> Path:
    """The keypoint JSON of a file or folder."""
    for name in ("joints.json", "keypoints.json"):
        if (path / name).is_file():
            return path / name
    return path


class _Records:
    """Reads records one by one; what cannot be used is counted and left out."""

    def __init__(self, folder: Path, names: tuple[str, ...], split: Split, report: QuirkReport) -> None:
        self.folder, self.names, self.split, self.report = folder, names, split, report
        self.images: list[AnnotatedImage] = []
        self.points: dict[str, Keypoints] = {}
        self.mask_files: dict[str, Path] = {}

    def add(self, record: Any, entry: str) -> None:
        if not isinstance(record, dict) or not isinstance(record.get("joints"), dict):
            self.report.note("bad entry", entry=entry, detail=f"no joints: {str(record)[:60]}")
            return
        name = safe_name(record.get("image"))
        width, height = record.get("width"), record.get("height")
        if name is None:
            self.report.note(
                "file name outside its folder", entry=entry, detail=repr(record.get("image"))[:80]
            )
        elif name in self.points:
            self.report.note("duplicate file name", image=name, entry=entry)
        elif not usable_size(width, height):
            self.report.note("bad size", image=name, entry=entry, detail=f"{width} x {height}")
        elif self.split.wants(name):
            self._keep(record, name)

    def _keep(self, record: dict[str, Any], name: str) -> None:
        parent = PurePosixPath(name).parent.name
        image = AnnotatedImage(
            id=name,
            file_name=name,
            width=record["width"],
            height=record["height"],
            category=str(record.get("category") or "") or None,
            unit=str(record.get("unit") or parent) or None,
        )
        self.images.append(image)
        self.points[name] = self._points(record, image)
        if record.get("mask") is not None:
            mask = safe_name(record["mask"])
            if mask is None:
                self.report.note("file name outside its folder", image=name, detail=repr(record["mask"])[:80])
            elif not (self.folder / mask).is_file():
                self.report.note("no object mask", image=name, detail=str(self.folder / mask))
            else:
                self.mask_files[name] = self.folder / mask

    def _points(self, record: dict[str, Any], image: AnnotatedImage) -> Keypoints:
        xy = np.zeros((len(self.names), 2))
        visible = np.zeros(len(self.names), bool)
        for name, value in record["joints"].items():
            if name not in self.names:
                self.report.note("unknown part", image=image.id, entry=str(name))
                continue
            numbers = finite_numbers(value)
            if numbers is None or len(numbers) != 3 or numbers[2] not in (0, 1):
                self.report.note("bad coordinates", image=image.id, entry=name, detail=str(value)[:60])
                continue
            index = self.names.index(name)
            xy[index], visible[index] = numbers[:2], bool(numbers[2])
            if visible[index] and not (0 <= numbers[0] <= image.width and 0 <= numbers[1] <= image.height):
                detail = f"({numbers[0]:g}, {numbers[1]:g}) in {image.width} x {image.height}"
                self.report.note("point outside the image", image=image.id, entry=name, detail=detail)
        if not visible.any():
            self.report.note("no annotation", image=image.id, detail="no visible point")
        return Keypoints(self.names, xy, visible, self._box(record, image))

    def _box(self, record: dict[str, Any], image: AnnotatedImage) -> tuple[float, float, float, float] | None:
        if record.get("box") is None:
            return None
        numbers = finite_numbers(record["box"])
        if numbers is None or len(numbers) != 4 or min(numbers[2:]) <= 0:
            self.report.note("bad box", image=image.id, detail=str(record["box"])[:60])
            return None
        return numbers[0], numbers[1], numbers[2], numbers[3]
