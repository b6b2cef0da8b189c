"""CelebA: five points and a box for each face, in the wild or aligned.

`list_landmarks_celeba.txt` (in the wild) or `list_landmarks_align_celeba.txt`, `list_bbox_celeba.txt`,
`list_eval_partition.txt`, as published (`Anno/`, `Eval/`, `Img/`) or all in one folder, `.txt` or `.csv`. The
landmark file itself may be given where a folder has both. Boxes belong to the images in the wild.

Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, Keypoints
from partdisc.data.annotations.keypoint_json import KeypointSet
from partdisc.data.annotations.places import existing_folder, first_folder_with, image_size, safe_name
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import Split
from partdisc.data.annotations.tables import Row, as_numbers, read_lines
from partdisc.errors import ConfigError, DataError
from partdisc.progress import Progress

LANDMARKS = ("list_landmarks_celeba", "list_landmarks_align_celeba")
PARTITION = {"0": "train", "1": "val", "2": "test"}
MANY = 5000  # images; reading more headers than that takes long enough for a progress line


class CelebA(KeypointSet):
    """CelebA's landmarks."""

    format = "celeba"


def read_celeba(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
) -> CelebA:
    """Open CelebA from its folder, or from its landmark file.

    Args:
        path: the folder, or `list_landmarks_celeba.txt`, or `list_landmarks_align_celeba.txt`.
        images: folder of the images, if it is not where CelebA has it.
        split: "train", "val" or "test" of the set's own partition, or a list.

    Raises:
        ConfigError: if a file, the folder of images or the split does not exist.
        DataError: if a file cannot be used.
    """
    split, report = split or Split(), QuirkReport()
    landmarks = Path(path) if Path(path).is_file() else _find(Path(path), *LANDMARKS)
    if landmarks is None:
        raise ConfigError(f"Expected {LANDMARKS[0]}.txt or {LANDMARKS[1]}.txt in {path}, but found neither.")
    root = landmarks.parent.parent if landmarks.parent.name == "Anno" else landmarks.parent
    aligned = landmarks.stem == LANDMARKS[1]
    names, points = _read_points(landmarks, report)
    partition = _read_optional(_find(root, "list_eval_partition"), 1)
    boxes = {} if aligned else _read_optional(_find(root, "list_bbox_celeba"), 4)
    split.check_name(path, list(PARTITION.values()) if partition else [])
    wanted = [n for n in points if split.wants(n, PARTITION.get(partition.get(n, [""])[0]))]
    images_root = existing_folder(images or _image_folder(root, aligned, wanted), what="the images of CelebA")
    found: list[AnnotatedImage] = []
    keypoints: dict[str, Keypoints] = {}
    for name in Progress("CelebA", len(wanted), verbosity=int(len(wanted) > MANY)).track(wanted):
        try:
            size = image_size(images_root / name)
        except DataError as error:
            kind = "unreadable image" if (images_root / name).exists() else "missing image"
            report.note(kind, image=name, detail=str(error))
            continue
        own = PARTITION.get(partition.get(name, [""])[0])
        found.append(AnnotatedImage(name, name, size[1], size[0], split=own))
        visible = np.ones(len(names), bool)
        keypoints[name] = Keypoints(names, points[name], visible, _box(boxes.get(name), name, report))
    split.note_missing(report)
    return CelebA(
        path,
        names=names,
        images=found,
        points=keypoints,
        mask_files={},
        images_root=images_root,
        report=report,
    )


def _find(root: Path, *stems: str) -> Path | None:
    for stem in stems:
        for folder in ("", "Anno", "Eval"):
            for suffix in (".txt", ".csv"):
                file = root / folder / (stem + suffix)
                if file.is_file():
                    return file
    return None


def _image_folder(root: Path, aligned: bool, names: list[str]) -> Path:
    name = "img_align_celeba" if aligned else "img_celeba"
    folders = [
        root / "Img" / name,
        root / name,
        root / "Img" / name / name,
        root / name / name,
        root / "images",
    ]
    return first_folder_with(folders, names) or folders[0]


def _read_points(path: Path, report: QuirkReport) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Names of the points from the header, and {image: float64 (N, 2)}."""
    names: tuple[str, ...] = ()
    points: dict[str, np.ndarray] = {}
    for number, fields in read_lines(path, what="CelebA's landmarks"):
        entry = f"{path.name} line {number}"
        if len(fields) == 1 and not names:
            continue  # the number of images
        if not names:
            columns = fields[1:] if fields[0] == "image_id" else fields
            names = tuple(column.removesuffix("_x") for column in columns[::2])
            continue
        numbers = as_numbers(fields[1:])
        name = safe_name(fields[0])
        if len(fields) != 1 + 2 * len(names):
            report.note("bad entry", entry=entry, detail=f"{len(fields)} of {1 + 2 * len(names)} fields")
        elif name is None:
            report.note("file name outside its folder", entry=entry, detail=fields[0])
        elif numbers is None:
            report.note("bad coordinates", image=name, entry=entry, detail=" ".join(fields[1:])[:60])
        elif name in points:
            report.note("duplicate file name", image=name, entry=entry)
        else:
            points[name] = np.array(numbers).reshape(-1, 2)
    if not points:
        raise DataError(
            f"Expected a line of names, then rows of landmarks, in {path}, but found no usable row."
        )
    return names, points


def _read_optional(path: Path | None, columns: int) -> dict[str, Row]:
    """{image: fields} of a table that need not be there; the header and other odd rows have no numbers."""
    if path is None:
        return {}
    rows = (fields for _, fields in read_lines(path, what=path.stem))
    return {fields[0]: fields[1:] for fields in rows if len(fields) == 1 + columns and as_numbers(fields[1:])}


def _box(fields: Row | None, name: str, report: QuirkReport) -> tuple[float, float, float, float] | None:
    numbers = as_numbers(fields) if fields is not None else None
    if numbers is None:
        return None
    if min(numbers[2:]) <= 0:
        report.note("bad box", image=name, detail=" ".join(fields or []))
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]
