"""Images where fsspec reaches them: `s3://bucket/photos`, `https://...`, `memory://...`.

Everywhere else such a file is a `Path` like any other; of the URL it keeps "s3:/bucket/photos/1.jpg", and its first
part tells it from a file of this machine. What a protocol needs to be told (keys, endpoints) is set in fsspec's own
configuration or environment variables.
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from partdisc.errors import ConfigError, DataError, MissingDependencyError

_PROTOCOLS = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*:")  # Windows' drives have one letter


def to_url(path: Path) -> str | None:
    """The URL that a path stands for, or None for a path of this machine.

    >>> to_url(Path("memory://photos/a.jpg")), to_url(Path("photos/a.jpg"))
    ('memory://photos/a.jpg', None)
    """
    protocol, *names = path.parts or ("",)
    if not names or not _PROTOCOLS.fullmatch(protocol):
        return None
    return f"{protocol}//{'/'.join(names)}"


def to_text(path: Path) -> str:
    """A path as it is written down: its URL, or absolute."""
    return to_url(path) or str(path.absolute())


def open_url(url: str) -> AbstractContextManager[BinaryIO]:
    """The bytes of a file."""
    return fsspec.open(url, "rb")


def file_size(path: Path) -> int:
    """Bytes of a file, here or elsewhere."""
    url = to_url(path)
    if url is None:
        return os.stat(path).st_size
    system, name = fsspec.core.url_to_fs(url)
    return int(system.size(name) or 0)


def local_path(url: str) -> Path | None:
    """The path of this machine that a file:// URL names, or None for any other URL."""
    system, name = _connect(url)
    return Path(name) if "file" in _names(system.protocol) else None


def find_url(url: str) -> tuple[Path, list[Path]]:
    """All files below a folder, of a glob, or one file; and the folder where their ids begin.

    Raises:
        ConfigError: if there is nothing of that name, or no such protocol.
        MissingDependencyError: if the protocol needs a package that is not installed.
    """
    system, name = _connect(url)
    prefix = url[: url.index("://") + 3]
    try:
        if set("*?[") & set(name):
            fixed = name[: min(name.index(c) for c in "*?[" if c in name)]
            return _path(prefix, fixed.rpartition("/")[0]), [_path(prefix, n) for n in system.glob(name)]
        if system.isfile(name):
            return _path(prefix, name).parent, [_path(prefix, name)]
        found = [_path(prefix, n) for n in system.find(name)]
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot list {url}: {error}. Check its name and what you may read.") from error
    if not found:
        raise ConfigError(f"Expected images at {url}, but there is nothing of that name.")
    return _path(prefix, name), found


def _connect(url: str) -> tuple[Any, str]:
    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        raise MissingDependencyError(f"{protocol}:// needs a package that is not here: {error}.") from error
    except ValueError as error:
        raise ConfigError(f"Expected a URL that fsspec knows, but got {url}: {error}.") from error


def _path(prefix: str, name: str) -> Path:
    return Path(prefix + name.lstrip("/"))


def _names(protocol: str | tuple[str, ...]) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
