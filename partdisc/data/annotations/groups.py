"""Merging parts: a JSON map of groups, and the view of an annotated set through it.

    {"groups": [{"id": 1, "name": "wheel", "members": [{"id": 19, "name": "wheel"}, "spare wheel"]}, ...],
     "left_out": [{"id": 1, "name": "_background_", "why": "..."}]}

A member is named by its name, its id in the annotation's own numbering, or both (then they must agree). Group ids
run from 1; parts in no group, left out on purpose or forgotten, become background as if nobody had annotated them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet, Keypoints
from partdisc.data.annotations.painting import PartInstance, paint
from partdisc.errors import ConfigError
from partdisc.parts import BACKGROUND, IGNORE, MAX_PARTS
from partdisc.store import files

MAP_HINT = '{"groups": [{"id": 1, "name": "...", "members": ["part name", ...]}]}'


class GroupedAnnotations(AnnotationSet):
    """An annotated set whose parts are merged to groups.

    Args:
        source: the set as it is.
        names: names of groups 1..G.
        group_of: {part id of `source`: group id}; parts that are not in it are left out.
    """

    def __init__(self, source: AnnotationSet, names: list[str], group_of: Mapping[int, int]) -> None:
        super().__init__(
            source.path,
            part_names=names,
            images=source.images,
            images_root=source.images_root,
            super_parts=_group_super_parts(source, group_of),
            overlap=source.overlap,
            report=source.report,
        )
        self.source = source
        self.format = source.format
        self.has_masks, self.has_instances = source.has_masks, source.has_instances
        self.has_keypoints = source.has_keypoints
        self._group_of = {**group_of, IGNORE: IGNORE}

    def instances(self, image: AnnotatedImage) -> list[PartInstance]:
        """The regions of the source that belong to a group, with the group's id."""
        return [
            PartInstance(self._group_of[instance.part], instance.mask)
            for instance in self.source.instances(image)
            if instance.part in self._group_of
        ]

    def labels(self, image: AnnotatedImage) -> np.ndarray:
        """Group labels of an image, uint8 (H, W)."""
        if self.has_instances:
            instances = self.instances(image)
            self._note_overlap(image, instances)
            return paint(instances, image.size, self.overlap)
        table = np.full(256, BACKGROUND, np.uint8)
        table[list(self._group_of)] = list(self._group_of.values())
        return table[self.source.labels(image)]

    def keypoints(self, image: AnnotatedImage) -> Keypoints | None:
        """As in the source."""
        return self.source.keypoints(image)

    def foreground(self, image: AnnotatedImage) -> np.ndarray | None:
        """As in the source."""
        return self.source.foreground(image)

    def image_path(self, image: AnnotatedImage) -> Path | None:
        """As in the source."""
        return self.source.image_path(image)


def _group_super_parts(source: AnnotationSet, group_of: Mapping[int, int]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(sorted({group_of[part] for part in parts if part in group_of}))
        for name, parts in source.super_parts.items()
    }


def read_groups(path: str | os.PathLike[str], source: AnnotationSet) -> GroupedAnnotations:
    """View `source` through the map of groups in a JSON file.

    Args:
        path: the JSON file.
        source: the annotated set.

    Raises:
        ConfigError: if the map has no groups, names a part that does not exist, or names one twice.
    """
    data = files.read_user_json(path, what=f"a map of groups, {MAP_HINT}")
    groups = data.get("groups") if isinstance(data, dict) else None
    if not isinstance(groups, list) or not groups:
        raise ConfigError(f"Expected {path} to hold groups, {MAP_HINT}, but it has none.")
    by_name: dict[str, int] = {name: part for part, name in enumerate(source.part_names, start=1)}
    by_id = source.own_ids
    names: list[str] = []
    group_of: dict[int, int] = {}
    for position, group in enumerate(groups, start=1):
        names.append(_group_name(path, group, position))
        for member in group["members"]:
            part = _member_part(path, member, by_name, by_id)
            if group_of.setdefault(part, position) != position:
                raise ConfigError(f"{path} puts {source.part_names[part - 1]!r} in two groups.")
    if not group_of:
        raise ConfigError(f"No part of {source.path} ({_some(source.part_names)}) is in a group of {path}.")
    if len(names) > MAX_PARTS:
        raise ConfigError(f"Expected at most {MAX_PARTS} groups in {path}, but got {len(names)}.")
    for part, name in enumerate(source.part_names, start=1):
        if part not in group_of:
            source.report.note("not in the map", entry=name)
    return GroupedAnnotations(source, names, group_of)


def _group_name(path: str | os.PathLike[str], group: object, position: int) -> str:
    if not isinstance(group, dict) or not isinstance(group.get("members"), list):
        raise ConfigError(
            f"Expected every group of {path} to have a list of members, but see group {position}."
        )
    if group.get("id", position) != position:
        raise ConfigError(f"Expected the groups of {path} to be numbered 1, 2, ..., but got {group['id']!r}.")
    name = group.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"Expected every group of {path} to have a name, but group {position} has {name!r}."
        )
    return name


def _member_part(
    path: str | os.PathLike[str], member: Any, by_name: Mapping[str, int], by_id: Mapping[int, int]
) -> int:
    """The part a member means."""
    member = {"name": member} if isinstance(member, str) else member
    fits = (
        isinstance(member, dict)
        and type(member.get("id", 0)) is int
        and isinstance(member.get("name", ""), str)
    )
    if not fits or not member.keys() & {"id", "name"}:
        raise ConfigError(f"Expected members by name or id in {path}, but got {str(member)[:60]}.")
    tables = {"name": by_name, "id": by_id}
    parts = {table.get(member[key]) for key, table in tables.items() if key in member}  # type: ignore[attr-defined]
    if len(parts) > 1:
        raise ConfigError(f"{path} says {member}, but in the annotations id and name do not belong together.")
    part = parts.pop()
    if part is None:
        raise ConfigError(f"{path} names {member}, but the annotations know only: {_some(list(by_name))}.")
    return part


def _some(names: Any, most: int = 8) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
