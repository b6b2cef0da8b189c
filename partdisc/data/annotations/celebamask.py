"""CelebAMask-HQ: a binary PNG for each part of each face, `CelebAMask-HQ-mask-anno/<n>/<index>_<part>.png`.

Images (1024 x 1024) lie in `CelebA-HQ-img/<index>.jpg`; masks (512 x 512) are enlarged by whole pixels to the
image's size. Parts are those whose files exist, in the published order. With `CelebA-HQ-to-CelebA-mapping.txt` and
CelebA's `list_eval_partition.txt` in the folder, images have CelebA's splits.

Lee et al., "MaskGAN: Towards Diverse and Interactive Facial Image Manipulation", CVPR 2020.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet
from partdisc.data.annotations.celeba import PARTITION
from partdisc.data.annotations.painting import PartInstance
from partdisc.data.annotations.places import existing_folder, image_size
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.splits import Split
from partdisc.data.annotations.tables import read_lines
from partdisc.data.decoding import decode_image
from partdisc.errors import DataError
from partdisc.progress import Progress

FOLDER = "CelebAMask-HQ-mask-anno"
IMAGES = "CelebA-HQ-img"
# the order in which the authors paint the parts; "file-order" keeps it
PUBLISHED_ORDER = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
MASK_NAME = re.compile(r"(\d+)_(\w+)\.png")
MANY = 5000  # images


class CelebAMaskHQ(AnnotationSet):
    """CelebAMask-HQ's part masks."""

    format = "celebamask-hq"
    has_instances = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        part_names: list[str],
        images: list[AnnotatedImage],
        part_files: Mapping[str, Mapping[str, Path]],
        images_root: Path,
        overlap: str,
        report: QuirkReport,
    ) -> None:
        super().__init__(
            path,
            part_names=part_names,
            images=images,
            images_root=images_root,
            overlap=overlap,
            report=report,
        )
        self._part_files = part_files

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """One region for each part file, at the image's size.

        Raises:
            DataError: if a mask cannot be read, or the image is no whole multiple of it.
        """
        found = []
        for part, name in enumerate(self.part_names, start=1):
            file = self._part_files[image.id].get(name)
            if file is not None:
                mask = _enlarged(file, image.size)
                found += [PartInstance(part, mask)] if mask.any() else []
        return found


def _enlarged(file: Path, size: tuple[int, int]) -> np.ndarray:
    """A part mask, bool, with every pixel repeated until it has `size` (H, W)."""
    mask = decode_image(file)[..., 0]  # the published files are grey or RGB, from one part to the next
    rows, columns = size[0] // mask.shape[0], size[1] // mask.shape[1]
    if (rows * mask.shape[0], columns * mask.shape[1]) != size:
        raise DataError(
            f"Expected {file} to fit its image of {size[1]} x {size[0]} in whole pixels, "
            f"but it is {mask.shape[1]} x {mask.shape[0]}."
        )
    return np.repeat(np.repeat(mask != 0, rows, 0), columns, 1)


def read_celebamask(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    overlap: str = "largest-first",
) -> CelebAMaskHQ:
    """Open CelebAMask-HQ from its folder.

    Raises:
        ConfigError: if a folder or the split does not exist.
        DataError: if there is no part mask.
    """
    root, split, report = Path(path), split or Split(), QuirkReport()
    folder = existing_folder(root / FOLDER, what="the part masks of CelebAMask-HQ")
    images_root = existing_folder(images or root / IMAGES, what="the images of CelebAMask-HQ")
    part_files = _part_files(folder, report)
    splits = _splits(root)
    split.check_name(path, sorted(set(splits.values())))
    found = []
    for key in Progress("CelebAMask-HQ", len(part_files), verbosity=int(len(part_files) > MANY)).track(
        part_files
    ):
        name = f"{key}.jpg"
        if not split.wants(name, splits.get(key)):
            continue
        try:
            size = image_size(images_root / name)
        except DataError as error:
            kind = "unreadable image" if (images_root / name).exists() else "missing image"
            report.note(kind, image=name, detail=str(error))
            continue
        found.append(AnnotatedImage(name, name, size[1], size[0], split=splits.get(key)))
    split.note_missing(report)
    return CelebAMaskHQ(
        path,
        part_names=_present_parts(part_files),
        images=found,
        part_files={f"{key}.jpg": files for key, files in part_files.items()},
        images_root=images_root,
        overlap=overlap,
        report=report,
    )


def _part_files(folder: Path, report: QuirkReport) -> dict[str, dict[str, Path]]:
    """{image index: {part: file}}, by rising index."""
    found: dict[int, dict[str, Path]] = {}
    for file in sorted(folder.rglob("*.png")):
        match = MASK_NAME.fullmatch(file.name)
        if match is None:
            report.note("bad entry", entry=str(file.relative_to(folder)), detail="not <index>_<part>.png")
        else:
            found.setdefault(int(match[1]), {})[match[2]] = file
    if not found:
        raise DataError(f"Expected part masks <index>_<part>.png in the folders of {folder}, but found none.")
    return {str(index): found[index] for index in sorted(found)}


def _present_parts(part_files: Mapping[str, Mapping[str, Path]]) -> list[str]:
    present = {name for files in part_files.values() for name in files}
    return [
        *(name for name in PUBLISHED_ORDER if name in present),
        *sorted(present.difference(PUBLISHED_ORDER)),
    ]


def _splits(root: Path) -> dict[str, str]:
    """{image index: split}, through CelebA's own numbering; empty where a table is missing."""
    mapping, partition = root / "CelebA-HQ-to-CelebA-mapping.txt", root / "list_eval_partition.txt"
    if not (mapping.is_file() and partition.is_file()):
        return {}
    rows = (fields for _, fields in read_lines(partition, what="CelebA's partition") if len(fields) == 2)
    split_of = {name: PARTITION[number] for name, number in rows if number in PARTITION}
    # idx  orig_idx  orig_file
    rows = (fields for _, fields in read_lines(mapping, what="the mapping of CelebA-HQ to CelebA"))
    return {f[0]: split_of[f[2]] for f in rows if len(f) == 3 and f[2] in split_of}
