"""Mask folders: `images/` and `masks/` with equal stems, 8-bit PNGs, names of the labels in `parts.json`.

The folder `masks` alone will do, too; `parts.json` is then looked for in it.

`parts.json` is `{"1": "head", "2": "tail"}`; label 0 is background and 255 ignored, whatever the file calls them.
Both folders may have subfolders; one named train, val or test (at the top) is a split.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.painting import PartInstance
from partdisc.data.annotations.places import IMAGE_SUFFIXES, existing_folder, image_size
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import SPLITS, Split
from partdisc.data.decoding import explain, open_image, quiet
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.parts import BACKGROUND, IGNORE
from partdisc.store import files, masks

MASK_MODES = ("P", "L")


class MaskFolder(AnnotationSet):
    """Part labels from one PNG for each image."""

    format = "mask-folder"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        names: dict[int, str],
        images: list[AnnotatedImage],
        mask_files: dict[str, Path],
        images_root: Path | None,
        overlap: str,
        report: QuirkReport,
    ) -> None:
        super().__init__(
            path,
            part_names=[names[label] for label in sorted(names)],
            images=images,
            images_root=images_root,
            overlap=overlap,
            report=report,
        )
        self._mask_files = mask_files
        # label in the file -> part id; what has no name is ignored, and counted
        self._table = np.full(256, IGNORE, np.uint8)
        self._table[BACKGROUND] = BACKGROUND
        self._table[sorted(names)] = np.arange(1, len(names) + 1)
        self._own_ids = {label: int(self._table[label]) for label in sorted(names)}
        self._declared = np.isin(np.arange(256), [BACKGROUND, IGNORE, *names])

    @property
    def own_ids(self) -> dict[int, int]:
        """{label in the files: part id}."""
        return dict(self._own_ids)

    def labels(self, image: AnnotatedImage) -> np.ndarray:
        """Part labels of an image, uint8 (H, W); labels without a name become 255."""
        file = self._mask_files[image.id]
        try:
            stored = masks.read_mask(file)
        except ArtifactError as error:
            raise DataError(str(error)) from error
        for label in np.flatnonzero(np.bincount(stored.ravel(), minlength=256) * ~self._declared):
            self.report.note("undeclared label", image=image.id, entry=f"label {label}", detail=str(file))
        labels = self._table[stored]
        self._note_empty(image, labels)
        return labels

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """One region for each label present."""
        labels = self.labels(image)
        return [PartInstance(int(part), labels == part) for part in np.unique(labels) if part != BACKGROUND]


def read_mask_folder(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
) -> MaskFolder:
    """Open a mask folder.

    Args:
        path: folder with `masks/`, usually `images/` and `parts.json`; or the folder `masks` itself.
        images: folder of the images, if it is not `images` beside `masks`.
        labels: JSON with the names of the labels, if it is not `path/parts.json`.
        split: which images are wanted.
        overlap: unused by the masks themselves; kept for groups.

    Raises:
        ConfigError: if a folder or file does not exist.
        DataError: if there are no masks, or the names of the labels cannot be used.
    """
    root, split, report = Path(path), split or Split(), QuirkReport()
    folder = root if holds_masks(root) else existing_folder(root / "masks", what="the masks of a mask folder")
    beside = folder.parent / "images"
    images_root = beside if beside.is_dir() else None
    if images is not None:
        images_root = existing_folder(images, what="a folder of images")
    names = read_label_names(Path(labels) if labels else root / "parts.json")
    mask_files = {_stem(file, folder): file for file in _walk(folder) if file.suffix.lower() == ".png"}
    if not mask_files:
        raise DataError(f"Expected PNG masks in {folder}, but found none.")
    split.check_name(path, sorted({s for stem in mask_files if (s := _own_split(stem))}))
    found = list(_pair(mask_files, images_root, split, report))
    return MaskFolder(
        path,
        names=names,
        images=[image for image, _ in found],
        mask_files={image.id: file for image, file in found},
        images_root=images_root,
        overlap=overlap,
        report=report,
    )


def holds_masks(folder: Path) -> bool:
    """Whether PNGs lie in a folder itself, so that it is no folder with `masks/`."""
    return not (folder / "masks").is_dir() and any(folder.glob("*.png"))


def read_label_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """`{"1": "head"}` as {1: "head"}; 0 and 255 are never parts.

    Raises:
        ConfigError: if the file is missing, or not of that form.
    """
    if not Path(path).is_file():
        raise ConfigError(f'Expected the names of the mask labels, {{"1": "head"}}, at {path}; see --labels.')
    data = files.read_user_json(path, what='names of mask labels, {"1": "head"}')
    wanted = 'an object {"1": "head"} with labels 1 to 254'
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"Expected {path} to hold {wanted}, but got {str(data)[:60]}.")
    names: dict[int, str] = {}
    for key, name in data.items():
        if not key.isdecimal() or int(key) > IGNORE or not isinstance(name, str) or not name:
            raise ConfigError(f"Expected {path} to hold {wanted}, but found {key!r}: {str(name)[:40]!r}.")
        names[int(key)] = name
    parts = {label: name for label, name in names.items() if label not in (BACKGROUND, IGNORE)}
    if not parts:
        raise ConfigError(f"Expected {path} to name at least one label from 1 to 254, but it names none.")
    return parts


def _walk(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def _stem(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def _own_split(stem: str) -> str | None:
    first = PurePosixPath(stem).parts[0]
    return first if first in SPLITS and "/" in stem else None


def _pictures(root: Path | None, report: QuirkReport) -> dict[str, Path]:
    """{stem: image file} of everything below `root`."""
    found: dict[str, Path] = {}
    for file in _walk(root) if root is not None else []:
        if root is not None and file.suffix.lower() in IMAGE_SUFFIXES:
            stem = _stem(file, root)
            if found.setdefault(stem, file) != file:
                report.note("duplicate file name", image=file.name, detail=f"beside {found[stem].name}")
    return found


def _pair(
    mask_files: dict[str, Path], images_root: Path | None, split: Split, report: QuirkReport
) -> Iterator[tuple[AnnotatedImage, Path]]:
    """Every wanted mask with its image; what does not fit together is counted and left out."""
    pictures = _pictures(images_root, report)
    for stem in sorted(pictures.keys() | mask_files.keys()):
        own = _own_split(stem)
        file, picture = mask_files.get(stem), pictures.get(stem)
        name = picture.relative_to(images_root or "").as_posix() if picture else stem + ".png"
        if not (split.wants(name, own) or split.wants(stem + ".png", own)):  # listed by image or by mask
            continue
        if file is None:
            report.note("missing mask", image=name)
            continue
        size = _mask_size(file, name, report)
        if size is None or (picture is not None and not _fits(picture, size, name, report)):
            continue
        if picture is None:
            report.note("no image file", image=name)
        yield AnnotatedImage(name, name, size[1], size[0], split=own), file
    split.note_missing(report)


def _mask_size(file: Path, name: str, report: QuirkReport) -> tuple[int, int] | None:
    try:
        with quiet(), open_image(file) as mask:
            if mask.mode in MASK_MODES:
                return mask.height, mask.width
            report.note(
                "unreadable mask", image=name, detail=f"{file}: mode {mask.mode}, expected 8-bit labels"
            )
    except Exception as error:  # whatever Pillow raises, `explain` words it
        report.note("unreadable mask", image=name, detail=f"{file}: {explain(error)}")
    return None


def _fits(picture: Path, size: tuple[int, int], name: str, report: QuirkReport) -> bool:
    try:
        shown = image_size(picture)
    except DataError as error:
        report.note("unreadable image", image=name, detail=str(error))
        return False
    if shown != size:
        detail = f"image {shown[1]} x {shown[0]}, mask {size[1]} x {size[0]}"
        report.note("wrong size", image=name, detail=detail)
    return shown == size
