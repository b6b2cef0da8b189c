"""matching.json: which discovered part is which annotated part, as an evaluation found it.

    {"schema": "partdisc/matching", "version": 1, "assignment": "one-to-one", "matched_by": "iou",
     "scope": "dataset", "num_parts": K, "annotated_names": ["head", ...], "fitted_on": "...",
     "groups": {"all": {"targets": [0, 3, -1, ...], "background": null}}}

`targets` has one entry for each discovered label 0..K: the annotated label 0..P, or -1 where it matches nothing.
With scope "category" there is one group for each category.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partdisc.errors import ArtifactError
from partdisc.store import files

SCHEMA = "partdisc/matching"
VERSION = 1


@dataclass(frozen=True)
class GroupMatching:
    """The matching of one group of images.

    Attributes:
        targets: for each discovered label 0..K the annotated label 0..P, or -1.
        background: the discovered part that was declared to be the background, if one was.
    """

    targets: tuple[int, ...]
    background: int | None = None


@dataclass(frozen=True)
class MatchingRecord:
    """The contents of matching.json; attributes are named as its keys."""

    assignment: str
    matched_by: str
    scope: str
    num_parts: int
    annotated_names: tuple[str, ...]
    groups: Mapping[str, GroupMatching]
    fitted_on: str = ""


def write_matching(path: str | os.PathLike[str], record: MatchingRecord) -> None:
    """Write matching.json."""
    data = {**vars(record), "groups": {name: vars(group) for name, group in record.groups.items()}}
    files.write_json(path, data, schema=SCHEMA, version=VERSION)


def read_matching(path: str | os.PathLike[str]) -> MatchingRecord:
    """Read matching.json.

    Raises:
        ArtifactError: if the file is missing or not a usable matching.
    """
    data = files.read_json(path, schema=SCHEMA, version=VERSION)
    try:
        record = MatchingRecord(
            assignment=str(data["assignment"]),
            matched_by=str(data["matched_by"]),
            scope=str(data["scope"]),
            num_parts=int(data["num_parts"]),
            annotated_names=tuple(str(name) for name in data["annotated_names"]),
            groups={str(name): _read_group(group) for name, group in data["groups"].items()},
            fitted_on=str(data.get("fitted_on", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{os.fspath(path)} is damaged: {error!r}.") from error
    for name, group in record.groups.items():
        highest = len(record.annotated_names)
        if len(group.targets) != record.num_parts + 1 or not all(-1 <= t <= highest for t in group.targets):
            raise ArtifactError(
                f"{os.fspath(path)} is damaged: expected {record.num_parts + 1} targets within -1..{highest} for "
                f"{name!r}, but got {list(group.targets)}."
            )
    return record


def _read_group(group: dict[str, Any]) -> GroupMatching:
    background = group.get("background")
    return GroupMatching(
        tuple(int(target) for target in group["targets"]), None if background is None else int(background)
    )
