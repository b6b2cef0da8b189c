"""One image file: its displayed size from the header, and its pixels.

Files are recognised by content, never by name. Pixels come as 8-bit RGB the way a viewer shows the image:
EXIF orientation applied, the first frame or page of several, transparency over white (`partdisc.data.pixels`).
An orientation that a PNG states only after its pixels is not seen.

Resizing is Pillow's bicubic filter with antialiasing. A JPEG that shrinks a lot is decoded at 1/2, 1/4 or 1/8
scale first (the decoder's own "draft" mode), never below twice the wanted size, so that the filter still has
the last word. Both are deterministic and use one thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from partdisc.checks import check_size
from partdisc.data.pixels import alpha_channel, array_to_rgb, has_alpha, is_pixels, to_rgb
from partdisc.data.remote import open_url, to_url
from partdisc.errors import ConfigError, DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "JPEG2000")
FORMATS_TEXT = "JPEG, PNG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000"
MAX_PIXELS = 178_956_970  # beyond it Pillow itself refuses: a decompression bomb

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WebP",
}
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_WIDTH_TAG, _HEIGHT_TAG = 256, 257

# What Pillow logs about a damaged file reaches the user as the reason, not as a stray line on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class Unusable(Exception):
    """A file is no image that can be used; the text is the reason, one sentence."""


def decode_image(source: str | os.PathLike[str] | Any, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of one image as displayed.

    Args:
        source: a file, or an image in memory (uint8 array (H, W, 3) or (H, W), uint8 tensor (3, H, W), Pillow).
        size: wanted (height, width) in pixels; None keeps the image's own.

    Returns:
        uint8 RGB array (H, W, 3), owned by the caller.

    Raises:
        DataError: if the file cannot be decoded; the message names it and says why.
        ConfigError: if `size` is not positive or the array is no image.

    >>> decode_image(np.zeros((4, 6), dtype=np.uint8), size=(2, 3)).shape
    (2, 3, 3)
    """
    size = None if size is None else check_size("a size", size)
    if is_pixels(source):
        pixels = array_to_rgb(source)
        return pixels.copy() if size is None else np.array(_resize(Image.fromarray(pixels), size[::-1]))
    if not isinstance(source, (str, os.PathLike)):
        raise ConfigError(
            "Expected an image as a path, a uint8 array, a Pillow image or a tensor, but got "
            f"{type(source).__name__}."
        )
    try:
        with quiet():
            return load_rgb(Path(source), size)
    except Exception as error:
        raise DataError(f"Cannot read the image {os.fspath(source)}: {explain(error)}") from error


def read_alpha(source: str | os.PathLike[str]) -> np.ndarray | None:
    """The opacity of one image file as displayed: uint8 (H, W), 255 opaque; None if the file has none.

    Raises:
        DataError: if the file cannot be decoded.
    """
    try:
        with quiet(), open_image(Path(source)) as image:
            orientation = _orientation(image)
            image.load()
            alpha = alpha_channel(image)
            return None if alpha is None else np.array(_orient(alpha, orientation))
    except Exception as error:
        raise DataError(f"Cannot read the image {os.fspath(source)}: {explain(error)}") from error


def declares_alpha(source: str | os.PathLike[str]) -> bool:
    """Whether an image file says how transparent its pixels are, from its header alone.

    Raises:
        DataError: if the file is no image.
    """
    try:
        with quiet(), open_image(Path(source)) as image:
            return has_alpha(image)
    except Exception as error:
        raise DataError(f"Cannot read the image {os.fspath(source)}: {explain(error)}") from error


def read_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height as displayed, from the header alone.

    Raises:
        Unusable: with the reason. Other exceptions are possible; `explain` words them.
    """
    with open_image(path) as image:
        width, height = image.size
        if (
            image.format == "TIFF"
        ):  # Pillow turns TIFFs while loading, and releases differ in what `size` says
            width, height = image.tag_v2[_WIDTH_TAG], image.tag_v2[_HEIGHT_TAG]  # type: ignore[attr-defined]
            swapped = image.tag_v2.get(_ORIENTATION_TAG, 1) >= 5  # type: ignore[attr-defined]
        else:
            swapped = _orientation(image) >= 5
    if width * height > max_pixels:
        raise Unusable(
            f"It is oversized: {width} x {height} pixels, and at most {max_pixels:,} pixels are read."
        )
    return (height, width) if swapped else (width, height)


def load_rgb(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    """`decode_image` for a file, with the exceptions left as they come."""
    with open_image(path) as image:
        orientation = _orientation(image)
        if size is None:
            image.load()
            return np.array(_orient(to_rgb(image), orientation))
        height, width = size if orientation < 5 else size[::-1]
        box = _draft(image, (width, height))
        image.load()
        resized = _resize(to_rgb(image), (width, height), box)
        return np.array(_orient(resized, orientation))


class _Quiet:
    """What threads share: the filters of warnings belong to the process, so the last to leave restores them."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._filters.__exit__(None, None, None)


_quiet = _Quiet()


def quiet() -> contextlib.AbstractContextManager[None]:
    """Keep warnings about odd files from stderr while open; several threads may have it open at once."""
    return _quiet()


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open a regular file as an image, by content."""
    url = to_url(path)
    if url is None:
        _check_file(path)
    with open(path, "rb") if url is None else open_url(url) as file:
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError as error:
            file.seek(0)
            raise Unusable(_unidentified(file.read(24))) from error
        with image:
            yield image


def _check_file(path: Path) -> None:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe or a device could wait for ever
        raise Unusable(f"It is {_kind_name(status.st_mode)}, not a file.")
    if status.st_size == 0:
        raise Unusable("It is empty (zero bytes).")


def explain(error: BaseException) -> str:
    """One sentence on why a file could not be read."""
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return f"It is oversized, perhaps a decompression bomb ({_one_line(error)})."
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, OSError) and error.errno is not None:
        return f"It cannot be opened: {error.strerror}."
    text = _one_line(error)
    if "truncated" in text.lower():
        return f"It is truncated, the file ends too early ({text})."
    return f"It cannot be decoded: {text or 'no further explanation'} ({type(error).__name__})."


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _unidentified(head: bytes) -> str:
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return f"It begins like a {name} image, but its header is damaged or cut off."
    return f"It is not an image of a format read here ({FORMATS_TEXT}): it begins with {head[:16]!r}."


def _kind_name(mode: int) -> str:
    names = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a named pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((name for test, name in names.items() if test(mode)), "something special")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 still to be applied; 1 for TIFFs, which Pillow turns itself while loading."""
    if image.format == "TIFF":
        return 1
    try:
        # the base class's method: PNG's own one decodes the whole image first
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF: viewers show the image unturned
        return 1
    return value if value in _TRANSPOSES else 1


def _orient(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TRANSPOSES[orientation]) if orientation in _TRANSPOSES else image


def _draft(image: Image.Image, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Ask a JPEG decoder for a reduced scale; returns the part of the result that is the image."""
    if image.format not in ("JPEG", "MPO"):
        return None
    drafted = image.draft(None, (2 * size[0], 2 * size[1]))  # type: ignore[arg-type]
    return None if drafted is None else drafted[1]


def _resize(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC, box=box)
