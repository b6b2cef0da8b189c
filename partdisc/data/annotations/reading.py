"""`read_annotations`: one door to every format."""

from __future__ import annotations

import os

from partdisc.data.annotations.base import AnnotationSet

PathLike = str | os.PathLike[str]


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
        groups: JSON map that merges parts (`partdisc.data.annotations.groups`).
        labels: JSON with the names of mask labels, `{"1": "head"}`, where the set has no parts.json.
        split: "NAME" of a split that the set itself declares, or "FILE:NAME" of a list in a JSON file.
        overlap: how overlapping parts are painted, see `partdisc.data.annotations.painting`.

    Raises:
        ConfigError: if a path, format, split or overlap rule does not exist.
        DataError: if the set cannot be used at all; single broken entries are counted in `report` instead.
    """
    raise NotImplementedError
