"""What the user named, as a list of candidate files: a folder, a glob, a text list, one file, or several.

Folders are walked recursively, symbolic links included. In folders and globs a file counts as a candidate
if its name ends like an image's; other files (annotations, notes) and hidden ones are passed over and counted.
A file that is named itself, alone or in a list, is always a candidate. Names are told apart by content later.
Each of these may be a URL (see `partdisc.data.remote`).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from partdisc.data.remote import find_url, local_path, to_url
from partdisc.errors import ConfigError

# every ending that promises an image, also of formats that cannot be read: those are reported, not overlooked
IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".gif",
    }
    | {".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx"}
    | {".heic", ".heif", ".avif", ".jxl", ".svg", ".psd", ".ico", ".tga", ".exr", ".hdr"}
    | {".cr2", ".nef", ".arw", ".dng"}
)
LIST_SUFFIXES = frozenset({".txt", ".lst", ".list"})
_GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True)
class Candidate:
    """A file that may be an image; `reason` is set if it is already known that it cannot be used."""

    id: str
    path: Path
    reason: str | None = None


@dataclass(frozen=True)
class Found:
    """The candidates below `root` in the order of their ids, and how many files were passed over."""

    root: Path
    candidates: list[Candidate]
    ignored: int = 0


def find_candidates(source: str | os.PathLike[str]) -> Found:
    """Candidates of one folder, glob, text list or file.

    Raises:
        ConfigError: if there is nothing of that name.
    """
    text = os.fspath(source)
    if "://" in text or to_url(Path(text)):
        here = local_path(text) if "://" in text else None
        return _from_url(to_url(Path(text)) or text) if here is None else find_candidates(here)
    path = Path(text).expanduser()
    if text and path.is_dir():
        return _from_folder(path)
    if text and os.path.lexists(path):
        return _from_list(path) if path.suffix.lower() in LIST_SUFFIXES else _from_files([path])
    if _GLOB_CHARACTERS & set(text):
        return _from_glob(os.path.expanduser(text))
    raise ConfigError(
        f"Expected images at {text or 'an empty path'}, but there is no such file or folder. "
        "Give a folder, a glob in quotes, a text list of paths, or one image."
    )


def find_files(paths: Iterable[str | os.PathLike[str]]) -> Found:
    """Candidates for files named one by one; ids are relative to the folder common to those that exist."""
    return _from_files([Path(path).expanduser() for path in paths])


def _from_folder(root: Path) -> Found:
    found = [*_walk(root, root, ())]
    return _sorted(root, found)


def _walk(folder: Path, root: Path, parents: tuple[tuple[int, int], ...]) -> Iterator[Candidate | None]:
    """Candidates below `folder`; None for each file passed over. `parents` are the folders being walked."""
    try:
        status = os.stat(folder)
        key = (status.st_dev, status.st_ino)
        if key in parents:
            yield _candidate(folder, root, "It is a symbolic link that leads back to a folder above it.")
            return
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError as error:
        yield _candidate(folder, root, f"The folder cannot be opened: {error.strerror}.")
        return
    if not entries and _is_image_name(folder.name):
        yield _candidate(folder, root, "It is a folder, not a file.")
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            yield None
        elif os.path.isdir(path):  # unlike entry.is_dir() it does not raise on circular links
            yield from _walk(path, root, (*parents, key))
        else:
            yield _candidate(path, root) if _is_image_name(entry.name) else None


def _from_glob(pattern: str) -> Found:
    """Matches of `pattern`, folders walked; ids are relative to the part of the pattern before its first wildcard."""
    parts = PurePath(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if _GLOB_CHARACTERS & set(part))
    root = Path(*parts[:fixed])
    found: list[Candidate | None] = []
    walked: set[Path] = set()
    for match in sorted(set(map(Path, glob.glob(pattern, recursive=True)))):
        if not walked.isdisjoint(match.parents):
            continue
        if match.is_dir():
            walked.add(match)
            found += _walk(match, root, ())
        else:
            found.append(_candidate(match, root) if _is_image_name(match.name) else None)
    return _sorted(root, found)


def _from_url(url: str) -> Found:
    root, paths = find_url(url)
    named = len(paths) == 1 and paths[0].parent == root
    return _sorted(root, [_candidate(p, root) if named or _is_open_image(p) else None for p in paths])


def _is_open_image(path: Path) -> bool:
    return _is_image_name(path.name) and not path.name.startswith(".")


def _from_list(path: Path) -> Found:
    """One path a line, relative to the list's own folder or else to the working directory."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Cannot read {path} as a text list of images, one path a line: {error}."
        ) from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise ConfigError(f"Expected {path} to list images, one path a line, but it names none.")
    return _from_files(
        [
            Path(name) if "://" in name else _beside_or_here(path.parent, Path(name).expanduser())
            for name in names
        ]
    )


def _beside_or_here(folder: Path, name: Path) -> Path:
    return name if not os.path.lexists(folder / name) and os.path.lexists(name) else folder / name


def _from_files(paths: list[Path]) -> Found:
    absolute = [path if to_url(path) else Path(os.path.abspath(path)) for path in paths]
    if len({path.is_absolute() for path in absolute}) > 1:
        raise ConfigError("Expected images that are all files of this machine, or all URLs, but got both.")
    existing = [path.parent for path in absolute if os.path.lexists(path)]
    root = Path(os.path.commonpath(existing or [path.parent for path in absolute])) if absolute else Path()
    seen: set[Path] = set()
    candidates = []
    for path in absolute:
        reason = "It is listed more than once; the first one counts." if path in seen else None
        candidates.append(_candidate(path, root, reason))
        seen.add(path)
    return Found(root, candidates)


def _candidate(path: Path, root: Path, reason: str | None = None) -> Candidate:
    return Candidate(Path(os.path.relpath(path, root)).as_posix(), path, reason)


def _is_image_name(name: str) -> bool:
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def _sorted(root: Path, found: list[Candidate | None]) -> Found:
    candidates = sorted((c for c in found if c is not None), key=lambda candidate: candidate.id)
    return Found(root, candidates, len(found) - len(candidates))
