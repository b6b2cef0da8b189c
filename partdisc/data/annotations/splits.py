"""Splits: those a set declares itself, and lists of images in a JSON file ("FILE:NAME")."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from partdisc.data.annotations.quirks import QuirkReport
from partdisc.errors import ConfigError
from partdisc.store import files

SPLITS = ("train", "val", "test")  # what splits are usually called


class Split:
    """Which images are wanted.

    Attributes:
        name: of a split the set declares itself, or None.
        members: names listed in a file (stems, bare names or paths), or None.
    """

    def __init__(self, name: str | None = None, members: Iterable[str] | None = None) -> None:
        self.name = name
        self.members = None if members is None else frozenset(members)
        self._met: set[str] = set()

    @classmethod
    def parse(cls, text: str | None) -> Split:
        """Read "NAME", "FILE:NAME" or None (everything).

        Raises:
            ConfigError: if the file is no JSON object of lists, or has no list of that name.
        """
        if text is None:
            return cls()
        path, colon, name = text.rpartition(":")
        if not colon:
            return cls(name=text)
        lists = files.read_user_json(path, what="a JSON file of splits, {name: [image, ...]}")
        if not isinstance(lists, dict) or not isinstance(lists.get(name), list):
            found = (
                ", ".join(k for k, v in lists.items() if isinstance(v, list))
                if isinstance(lists, dict)
                else ""
            )
            raise ConfigError(
                f"Expected {path} to hold a list named {name!r}, but it has: {found or 'no list'}."
            )
        wrong = [item for item in lists[name] if not isinstance(item, (str, int))]
        if wrong:
            raise ConfigError(f"Expected names of images in {name!r} of {path}, but found {wrong[0]!r}.")
        return cls(members=(str(item) for item in lists[name]))

    def wants(self, file_name: str, own: str | None = None) -> bool:
        """Whether an image belongs to the split; `own` is the split the set itself puts it in."""
        if self.name is not None and own != self.name:
            return False
        if self.members is None:
            return True
        path = PurePosixPath(file_name)
        names = {str(path), str(path.with_suffix("")), path.name, path.stem, f"{own}/{path}"} & self.members
        self._met |= names
        return bool(names)

    def check_name(self, path: str | os.PathLike[str], available: Sequence[str]) -> None:
        """Raise a ConfigError if a split was named that the set at `path` does not have."""
        if self.name is not None and self.name not in available:
            has = (
                f"the splits {', '.join(available)}" if available else "no splits of its own (use FILE:NAME)"
            )
            raise ConfigError(f"{Path(path)} has {has}, but --split asks for {self.name!r}.")

    def note_missing(self, report: QuirkReport) -> None:
        """Count the listed names that no annotated image has."""
        for name in sorted((self.members or frozenset()) - self._met):
            report.note("not in split", entry=name)
