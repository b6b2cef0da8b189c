"""`read_annotations`: one door to every format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from partdisc.data.annotations.base import AnnotationSet
from partdisc.data.annotations.celeba import read_celeba
from partdisc.data.annotations.celebamask import read_celebamask
from partdisc.data.annotations.coco import read_coco
from partdisc.data.annotations.cub import read_cub
from partdisc.data.annotations.detect import FORMATS, detect_format
from partdisc.data.annotations.groups import read_groups
from partdisc.data.annotations.keypoint_json import read_keypoint_json
from partdisc.data.annotations.mask_folder import read_mask_folder
from partdisc.data.annotations.painting import check_overlap_rule
from partdisc.data.annotations.partimagenet import read_partimagenet_ood, read_partimagenet_seg
from partdisc.data.annotations.pascal_part import merge_maps, read_pascal_part
from partdisc.data.annotations.splits import Split
from partdisc.errors import ConfigError, DataError

PathLike = str | os.PathLike[str]
Reader = Callable[..., AnnotationSet]

READERS: dict[str, Reader] = {
    "partimagenet-ood": read_partimagenet_ood,
    "partimagenet-seg": read_partimagenet_seg,
    "coco": read_coco,
    "pascal-part": read_pascal_part,
    "mask-folder": read_mask_folder,
    "cub": read_cub,
    "celeba": read_celeba,
    "celebamask-hq": read_celebamask,
    "keypoint-json": read_keypoint_json,
}
POINTS_ONLY = ("cub", "celeba", "keypoint-json")  # nothing to paint


def read_annotations(
    path: PathLike,
    *,
    format: str = "auto",
    images: PathLike | None = None,
    groups: PathLike | None = None,
    labels: PathLike | None = None,
    split: str | None = None,
    overlap: str = "largest-first",
) -> AnnotationSet:
    """Open an annotated set.

    Args:
        path: the annotation file or the folder of the set.
        format: a name from `FORMATS`, or "auto" to recognise it.
        images: folder of the images, where it is not where the format expects it.
        groups: JSON map that merges parts (`partdisc.data.annotations.groups`); for Pascal-Part also the name
            of a published map (`partdisc.data.annotations.pascal_part.merge_maps`).
        labels: JSON with the names of mask labels, `{"1": "head"}`, where the set has no parts.json.
        split: "NAME" of a split that the set itself declares, or "FILE:NAME" of a list in a JSON file.
        overlap: how overlapping parts are painted, see `partdisc.data.annotations.painting`.

    Raises:
        ConfigError: if a path, format, split or overlap rule does not exist.
        DataError: if the set cannot be used at all; single broken entries are counted in `report` instead.
    """
    if format not in ("auto", *FORMATS):
        raise ConfigError(f"Expected a format among auto, {', '.join(FORMATS)}, but got {format!r}.")
    check_overlap_rule(overlap)
    name = detect_format(Path(path)) if format == "auto" else format
    options: dict[str, Any] = {"images": images, "split": Split.parse(split)}
    if name not in POINTS_ONLY:
        options["overlap"] = overlap
    if name == "mask-folder":
        options["labels"] = labels
    elif labels is not None:
        raise ConfigError(f"--labels names the labels of a mask folder, but {path} is read as {name}.")
    published = str(groups) in merge_maps() and not os.path.exists(str(groups))
    if name == "pascal-part" and published:
        options["merge"] = str(groups)
        groups = None
    annotations = READERS[name](path, **options)
    if not annotations.images:
        told = " ".join(annotations.report.lines()) or "It lists none."
        raise DataError(f"No usable image in {path} ({name}). {told}")
    return annotations if groups is None else read_groups(groups, annotations)
