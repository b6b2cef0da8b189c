"""FiftyOne's image segmentation folder: data/ with images, labels/ with masks of equal stems."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from partdisc.errors import ConfigError, DataError
from partdisc.store.exports.png import grey_png, unique_stems, write_names
from partdisc.store.files import write_bytes
from partdisc.store.masks import MaskSet

WAYS = ("copy", "link")


def write_fiftyone(masks: MaskSet, out: Path, *, images: Path | None = None, files_by: str = "copy") -> Path:
    """Write what `fiftyone.Dataset.from_dir(dataset_type=fiftyone.types.ImageSegmentationDirectory)` opens.

    Subfolders become part of the names, because stems must tell the images apart. The parts' names go to
    mask_targets.json, for `dataset.default_mask_targets`.

    Args:
        masks: what to write.
        out: the folder.
        images: where the images are now, or None for where they were.
        files_by: "copy" the images, or "link" to them.

    Raises:
        ConfigError: if `files_by` is unknown.
        DataError: if an image is not there.
    """
    if files_by not in WAYS:
        raise ConfigError(f"Expected images by {' or '.join(WAYS)}, but got {files_by!r}.")
    for stem, (entry, labels) in zip(unique_stems(masks.entries), masks, strict=True):
        name = stem.replace("/", "__")
        source = images / entry.file_name if images is not None else masks.image_path(entry)
        if images is None and masks.behind_url:
            raise DataError(
                f"Expected the images on this machine, but they lie at {masks.images_root}; copy them here and name "
                "the folder with --images DIR."
            )
        if not source.is_file():
            raise DataError(
                f"Expected the image {source}, but it is not there; name the folder with --images DIR."
            )
        _place(source, out / "data" / (name + PurePosixPath(entry.id).suffix), files_by)
        write_bytes(out / "labels" / f"{name}.png", grey_png(labels))
    write_names(masks, out / "mask_targets.json")
    return out


def _place(source: Path, target: Path, files_by: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if files_by == "link":
        os.symlink(source.resolve(), target)
    else:
        shutil.copyfile(source, target)
