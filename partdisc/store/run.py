"""A run directory: what it is, who writes it, and how far it is. Layout and schema: docs/architecture.md.

run.json says everything about a run: schema, version, status, command, settings, versions, counts, skipped images.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from partdisc.errors import ConfigError
from partdisc.store import files
from partdisc.store.maps import MapStore, read_maps
from partdisc.store.masks import MaskSet, read_masks, write_index

SCHEMA = "partdisc/run"
VERSION = 1
RECORD = "run.json"
LOCK_NAME = ".lock"
PACKAGES = ("partdisc", "torch", "torchvision", "timm", "numpy", "scikit-learn", "pillow")


class Run:
    """A run directory opened for reading: `load_run` makes it.

    Attributes:
        folder: where it is.
        info: the contents of run.json.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.info = files.read_json(self.folder / RECORD, schema=SCHEMA, version=VERSION)

    @property
    def status(self) -> str:
        """Running, interrupted, failed or done, in these words."""
        return self.info["status"]

    @property
    def masks(self) -> MaskSet:
        """The part masks."""
        return read_masks(self.folder / "parts")

    @property
    def maps(self) -> MapStore:
        """The soft part maps by image id."""
        return read_maps(self.folder / "parts" / "maps")

    @property
    def skipped(self) -> list[dict[str, str]]:
        """Images that could not be used, each with its reason."""
        return self.info.get("skipped", [])

    def __repr__(self) -> str:
        counts = self.info.get("counts", {})
        return f"Run({str(self.folder)!r}, status={self.status!r}, images={counts.get('images')})"


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Open a run directory.

    Raises:
        ArtifactError: if it is none.
    """
    return Run(folder)


def name_parts(folder: str | os.PathLike[str], names: dict[int, str]) -> MaskSet:
    """Name parts of a run: {3: "wheel"}; an empty name takes a name away. Returns the renamed mask set.

    Raises:
        ConfigError: if there is no such part, or two parts would get one name.
    """
    masks = read_masks(folder)
    merged = list(masks.part_names or [""] * masks.num_parts)
    for part, name in names.items():
        if not 1 <= part <= masks.num_parts:
            raise ConfigError(f"Expected a part within 1..{masks.num_parts}, but got {part}.")
        merged[part - 1] = name.strip()
    given = [name for name in merged if name]
    if len(set(given)) != len(given):
        raise ConfigError(f"Expected a different name for each part, but got {', '.join(given)}.")
    masks.part_names = merged if given else None
    write_index(masks)
    return masks


def prepare_folder(
    folder: str | os.PathLike[str], *, resume: bool, overwrite: bool, record: str = RECORD
) -> Path:
    """Make `folder` ready to be written: it must be new or empty unless `resume` or `overwrite`.

    Overwriting removes a run's own files only, and only where `record` says that it is one: run.json, or
    collection.json for a collection of runs.

    Raises:
        ConfigError: if the folder cannot be used; the message says why and what to do.
    """
    root = Path(folder)
    if "://" in os.fspath(folder):
        raise ConfigError(
            f"Expected --out as a folder of this machine, but got {os.fspath(folder)}. A run needs locks, renames "
            "and mapped files: write it here or to a network file system, and copy it when it is done."
        )
    if resume and overwrite:
        raise ConfigError("Expected --resume or --overwrite, but got both.")
    if root.exists() and not root.is_dir():
        raise ConfigError(f"Expected --out to be a folder, but {root} is a file.")
    present = [p.name for p in root.iterdir() if p.name != LOCK_NAME] if root.exists() else []
    if present and not (resume or overwrite):
        raise ConfigError(
            f"{root} is not empty. Use --resume to go on, --overwrite to start anew, or another --out."
        )
    if present and record not in present and not _only_partial(present):
        raise ConfigError(_other_contents(root, present))
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f"{files.PARTIAL_PREFIX}probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"Cannot write to {root}: {error.strerror or error}. Choose another --out."
        ) from error
    return root


def _other_contents(root: Path, present: list[str]) -> str:
    if RECORD in present:
        return f"{root} holds a run made without --by-folder. Leave --by-folder out, or use another --out."
    if files.COLLECTION in present:
        return f"{root} holds a run for each folder of images. Add --by-folder, or use another --out."
    return f"{root} is not empty and holds no run, so nothing in it is touched. Use another --out."


def _only_partial(names: list[str]) -> bool:
    return all(name.startswith(files.PARTIAL_PREFIX) for name in names)


def clear_run(root: Path) -> None:
    """Remove everything a run consists of; the lock stays."""
    for path in root.iterdir():
        if path.name == LOCK_NAME:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock of a run; the system lets go of it when the process ends, however it ends.

    Raises:
        ConfigError: if another process holds it.
    """
    path = root / LOCK_NAME
    with open(path, "a+", encoding="utf-8") as file:
        # the file may have been removed by its last owner between our opening and locking it
        if not (
            _try_lock(file.fileno())
            and path.exists()
            and os.path.samestat(os.fstat(file.fileno()), path.stat())
        ):
            file.seek(0)
            raise ConfigError(
                f"{root} is being written by another process ({file.read().strip() or 'unknown'})."
            )
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {platform.node()}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:  # unlike flock's, lockf's lock is not inherited by the processes that decode images
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class RunWriter:
    """Writes run.json as a run goes on. Open it within `locked`.

    A subclass may write another record of the same kind.

    Args:
        root: the run directory.
        settings: everything that decides the result; a resumed run must have the same.
        runtime: what may differ when resuming (device, workers, verbosity).
        command: the command line or call that made the run.

    Raises:
        ConfigError: if the run exists with other settings; every one that differs is named.
    """

    record: ClassVar[str] = RECORD
    schema: ClassVar[str] = SCHEMA
    version: ClassVar[int] = VERSION

    def __init__(
        self, root: Path, *, settings: dict[str, Any], runtime: dict[str, Any], command: list[str]
    ) -> None:
        self.root = root
        settings = files.to_json(settings)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        if self.path.exists():
            self.info = files.read_json(self.path, schema=self.schema, version=self.version)
            _check_settings(self.info.get("settings", {}), settings)
            files.remove_partial_files(root)
        else:
            self.info = {"settings": settings, "started": now}
        self.was_done = self.info.get("status") == "done"
        self.info |= {"command": command, "runtime": files.to_json(runtime), "versions": versions()}

    @property
    def path(self) -> Path:
        """The file that is written."""
        return self.root / self.record

    def update(self, status: str = "running", **values: Any) -> None:
        """Merge `values` into the record and write it."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        self.info = {**self.info, **values, "status": status, "updated": now}
        if status == "done":
            self.info.pop("error", None)  # of an earlier attempt
        body = {k: v for k, v in self.info.items() if k not in ("schema", "version")}
        files.write_json(self.path, body, schema=self.schema, version=self.version)


def _check_settings(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
    if differing:
        told = ", ".join(f"{k} ({found.get(k)!r} there, {wanted.get(k)!r} now)" for k in differing)
        raise ConfigError(f"Cannot resume with other settings: {told}. Give the same, or use --overwrite.")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
