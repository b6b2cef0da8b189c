"""Names and places of image files: safe relative names, the folder they lie in, the size as displayed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from partdisc.data.decoding import MAX_PIXELS, explain, quiet, read_size
from partdisc.errors import ConfigError, DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")


def safe_name(name: object) -> str | None:
    """`name` with forward slashes if it stays inside its folder, else None.

    >>> safe_name("a/b.jpg"), safe_name("../b.jpg"), safe_name("/b.jpg"), safe_name("")
    ('a/b.jpg', None, None, None)
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return None
    path = PurePosixPath(name.replace("\\", "/"))
    drive = len(path.parts) > 0 and path.parts[0].endswith(":")
    if path.is_absolute() or drive or ".." in path.parts or not path.parts:
        return None
    return str(path)


def usable_size(width: object, height: object) -> bool:
    """Whether two values from a file are a size in pixels that an image can have.

    >>> usable_size(640, 480), usable_size(0, 480), usable_size("640", 480), usable_size(10**6, 10**6)
    (True, False, False, False)
    """
    if type(width) is not int or type(height) is not int:
        return False
    return width > 0 and height > 0 and width * height <= MAX_PIXELS


def existing_folder(path: str | os.PathLike[str], *, what: str) -> Path:
    """`path` as a Path; a ConfigError if there is no such folder."""
    if not Path(path).is_dir():
        raise ConfigError(f"Expected {what} at {os.fspath(path)}, but there is no such folder.")
    return Path(path)


def first_folder_with(folders: Iterable[Path], names: Iterable[str], tries: int = 20) -> Path | None:
    """The first folder that holds one of the first few `names`; None if none does."""
    sample = [name for _, name in zip(range(tries), names, strict=False)]
    for folder in folders:
        if any((folder / name).is_file() for name in sample):
            return folder
    return None


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(H, W) of an image as displayed, from its header alone.

    Raises:
        DataError: with the reason, if the file is missing or no image.
    """
    try:
        with quiet():
            width, height = read_size(Path(path))
    except Exception as error:
        raise DataError(f"Cannot read the image {os.fspath(path)}: {explain(error)}") from error
    return height, width
