"""All export formats by name, and what they have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partdisc.errors import ArtifactError, ConfigError
from partdisc.store.exports.coco import write_coco
from partdisc.store.exports.cvat import write_cvat
from partdisc.store.exports.fiftyone import write_fiftyone
from partdisc.store.exports.label_studio import write_label_studio
from partdisc.store.exports.png import write_png
from partdisc.store.masks import MaskSet


@dataclass(frozen=True)
class Export:
    """One format: what writes it, the name of what it writes, the options it has, whether that is a folder."""

    write: Callable[..., Path]
    name: str
    options: tuple[str, ...] = ()
    folder: bool = False


EXPORTS: Mapping[str, Export] = {
    "coco": Export(write_coco, "coco.json", ("polygons",)),
    "label-studio": Export(write_label_studio, "label_studio.json", ("url_prefix",)),
    "cvat": Export(write_cvat, "cvat.xml", ("polygons",)),
    "fiftyone": Export(write_fiftyone, "fiftyone", ("images", "files_by"), folder=True),
    "png": Export(write_png, "png", folder=True),
}


def export_masks(
    masks: MaskSet, format: str, out: str | os.PathLike[str], *, overwrite: bool = False, **options: Any
) -> Path:
    """Write a mask set in another tool's format.

    Args:
        masks: what to write; ignored pixels belong to no part.
        format: a name from `EXPORTS`.
        out: file to write, or a new or empty folder for the formats that fill one.
        overwrite: replace what is there.
        **options: of the format: `polygons`, `url_prefix`, `images`, `files_by`.

    Returns:
        What was written.

    Raises:
        ConfigError: if the format or an option is unknown, or `out` is in use.
        ArtifactError: if it cannot be written.
    """
    if format not in EXPORTS:
        raise ConfigError(f"Expected a format among {', '.join(EXPORTS)}, but got {format!r}.")
    export, target = EXPORTS[format], Path(out)
    unknown = sorted(set(options) - set(export.options))
    if unknown:
        raise ConfigError(
            f"The format {format} has no option {', '.join(unknown)}; it has {', '.join(export.options) or 'none'}."
        )
    if export.folder and target.is_file():
        raise ConfigError(f"Expected a folder for the format {format}, but {target} is a file.")
    in_use = any(target.iterdir()) if target.is_dir() else target.exists()
    if in_use and not overwrite:
        raise ConfigError(f"{target} is there already; use --overwrite or another --out.")
    try:
        return export.write(masks, target, **options)
    except OSError as error:
        raise ArtifactError(f"Cannot write {target}: {error.strerror or error}.") from error
