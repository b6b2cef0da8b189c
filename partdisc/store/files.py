"""Files are written whole or not at all; every JSON says what it is and in which version.

A writer fills a temporary file beside the target and `os.replace`s it; a process killed in between leaves a
`.partial-*` file that `remove_partial_files` clears.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.errors import ArtifactError, ConfigError

PARTIAL_PREFIX = ".partial-"
COLLECTION = "collection.json"  # its folder holds runs, one for each folder of images


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on error it is removed."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{PARTIAL_PREFIX}{secrets.token_hex(8)}{target.suffix}")
    try:
        yield partial
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def remove_partial_files(folder: str | os.PathLike[str]) -> None:
    """Remove what interrupted writers left anywhere below `folder`."""
    for path in Path(folder).rglob(PARTIAL_PREFIX + "*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def to_json(value: Any) -> Any:
    """Plain JSON data: numpy scalars and arrays become numbers and lists, NaN and infinities become null."""
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def write_json(path: str | os.PathLike[str], data: dict[str, Any], *, schema: str, version: int = 1) -> None:
    """Write `data` as JSON that begins with its schema ("partdisc/...") and version.

    Raises:
        ArtifactError: if the folder cannot be written.
    """
    text = json.dumps({"schema": schema, "version": version, **to_json(data)}, indent=1, ensure_ascii=False)
    try:
        write_text(path, text + "\n")
    except OSError as error:
        raise ArtifactError(f"Cannot write {os.fspath(path)}: {error.strerror or error}.") from error


def read_json(path: str | os.PathLike[str], *, schema: str, version: int = 1) -> dict[str, Any]:
    """Read a JSON file written by `write_json` and check its schema and version.

    Raises:
        ArtifactError: if the file is missing, not JSON, of another schema, or newer than `version`.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "" if path.parent.is_dir() else f" There is no folder {path.parent}: is the path right?"
        if (path.parent / COLLECTION).exists():
            hint = f" {path.parent} holds a run for each folder of images: name one of these."
        raise ArtifactError(f"Expected the file {path} ({schema}), but it does not exist.{hint}") from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"Cannot read {path} as JSON: {error}.") from error
    if not isinstance(data, dict) or data.get("schema") != schema:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise ArtifactError(f"Expected {path} to be a {schema} file, but it says {found!r}.")
    if not isinstance(data.get("version"), int) or data["version"] > version:
        raise ArtifactError(
            f"{path} has version {data.get('version')!r} of {schema}; this partdisc reads up to {version}. "
            "Use a newer partdisc."
        )
    return data


def read_user_json(path: str | os.PathLike[str], *, what: str) -> Any:
    """Read JSON that somebody else wrote (annotations, groups, splits).

    Raises:
        ConfigError: naming the file and what it should have been.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(f"Expected {what} at {os.fspath(path)}, but there is no such file.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"Cannot read {os.fspath(path)} as {what}: {error}.") from error


def _amount(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def check_free_space(folder: str | os.PathLike[str], needed: int, *, what: str) -> None:
    """Raise a ConfigError if the disk of `folder` has less than `needed` bytes free."""
    place = Path(folder)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ConfigError(
            f"{what} needs about {_amount(needed)} in {place}, but only {_amount(free)} are free. "
            "Free some space or choose another --out."
        )
