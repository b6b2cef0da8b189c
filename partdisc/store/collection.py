"""A collection: a run for each folder of images, below one folder. Layout: docs/architecture.md.

collection.json        {"schema": "partdisc/collection", "version": 1, "status", "command", "settings", ...,
                        "members": [{"name", "num_images", "digest", "status", "reason"}]}
<name>/                the run of the folder <name>, complete in itself
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from partdisc.errors import ArtifactError, ConfigError
from partdisc.store import files
from partdisc.store.run import Run, RunWriter, load_run

SCHEMA = "partdisc/collection"
VERSION = 1
# what a collection keeps beside its members
RESERVED = frozenset({files.COLLECTION, "evaluation", "report"})
WAITING, DONE, SKIPPED = "waiting", "done", "skipped"


@dataclass(frozen=True)
class Member:
    """One folder of images.

    Attributes:
        name: of the folder, and of its run in the collection.
        num_images: that looked usable.
        digest: of their names and sizes, see `ImageList`.
        status: "waiting", "done" or "skipped".
        reason: why it was skipped.
    """

    name: str
    num_images: int
    digest: str
    status: str = WAITING
    reason: str = ""


class Collection:
    """A collection opened for reading: `load_collection` makes it.

    Attributes:
        folder: where it is.
        info: the contents of collection.json.
        members: all folders of images, those skipped too.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        path = self.folder / files.COLLECTION
        self.info = files.read_json(path, schema=SCHEMA, version=VERSION)
        try:
            self.members = [Member(**member) for member in self.info["members"]]
        except (KeyError, TypeError) as error:
            raise ArtifactError(f"{path} is damaged: {error!r}.") from error
        for member in self.members:
            if member.name != Path(member.name).name:
                raise ArtifactError(f"{path} names a folder outside its own: {member.name!r}.")

    @property
    def status(self) -> str:
        """Running, interrupted, failed or done, in these words."""
        return self.info["status"]

    @property
    def folders(self) -> dict[str, Path]:
        """Where the finished runs are, by name."""
        return {member.name: self.folder / member.name for member in self.members if member.status == DONE}

    @property
    def skipped(self) -> list[Member]:
        """Folders of images that could not be used, each with its reason."""
        return [member for member in self.members if member.status == SKIPPED]

    def __len__(self) -> int:
        return len(self.folders)

    def __iter__(self) -> Iterator[str]:
        return iter(self.folders)

    def __getitem__(self, name: str) -> Run:
        if name not in self.folders:
            raise KeyError(f"{self.folder} has no finished run of {name!r}; it has {', '.join(self)}.")
        return load_run(self.folders[name])

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}, status={self.status!r}, runs={len(self)})"


class CollectionWriter(RunWriter):
    """Writes collection.json as a collection goes on."""

    record = files.COLLECTION
    schema = SCHEMA
    version = VERSION


def is_collection(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a collection of runs."""
    return (Path(folder) / files.COLLECTION).is_file()


def load_collection(folder: str | os.PathLike[str]) -> Collection:
    """Open a collection of runs.

    Raises:
        ArtifactError: if it is none, or damaged.
    """
    return Collection(folder)


def counterpart(folder: str | os.PathLike[str], name: str) -> Path:
    """What stands beside the run called `name`: a collection's run of that name, or the one run that `folder` is.

    Raises:
        ConfigError: if the collection has no finished run of that name.
    """
    if not is_collection(folder):
        return Path(folder)
    runs = load_collection(folder).folders
    if name not in runs:
        raise ConfigError(
            f"Expected a finished run of the folder {name!r} in {os.fspath(folder)}, but it has "
            f"{', '.join(runs) or 'none'}."
        )
    return runs[name]


def members_of(runs: Sequence[Path]) -> list[Path]:
    """The runs themselves, in place of each collection its finished members.

    Raises:
        ConfigError: if a collection has none.
    """
    return [folder for run in runs for folder in (_finished(run) if is_collection(run) else [run])]


def _finished(folder: Path) -> list[Path]:
    found = list(load_collection(folder).folders.values())
    if not found:
        raise ConfigError(
            f"Expected finished runs in {folder}, but it has none. Go on with discover --resume."
        )
    return found
