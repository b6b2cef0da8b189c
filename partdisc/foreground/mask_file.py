"""One mask file of a user: its levels, whether they are shades, and the mask at other sizes.

The rule of shades: grey levels and opacities are probabilities, 255 the object, if the masks of a folder (a sample of
them) hold more than two levels, one of them within 64..254. Else they are labels: 0 is background, everything else
the object. Palette indices are always labels; colours are the object wherever they are not black.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from partdisc.checks import check_array, check_size
from partdisc.data.decoding import Unusable, explain, open_image, quiet
from partdisc.errors import DataError
from partdisc.store.features import FeatureEntry

MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "PA")
SHADE = 64  # the lowest level that labels are not expected to reach
ROUNDING = 1e-4  # what values may lie beyond 1
CELL_PIXELS = 4  # of a mask, along a cell's side, when it is laid on a grid


def mask_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(H, W) of a mask file, from its header alone.

    Raises:
        DataError: if it is no image that can be a mask.
    """
    with _opened(path) as image:
        return image.height, image.width


def read_levels(path: str | os.PathLike[str]) -> np.ndarray:
    """The levels of a mask file, uint8 (H, W), 0 where there is no object.

    Grey levels, or the opacity where some of the mask is transparent. Palette indices and colours become 0 and 255.

    Raises:
        DataError: if the file is no such image.
    """
    with _opened(path) as image:
        image.load()
        return _levels(image)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    try:
        with quiet(), open_image(Path(path)) as image:
            if image.mode not in MODES:
                raise Unusable(
                    f"It is expected in 8-bit grey, palette or RGBA, but its mode is {image.mode}."
                )
            yield image
    except Exception as error:
        raise DataError(f"Cannot read the mask {os.fspath(path)}: {explain(error)}") from error


def _levels(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    if image.mode in ("1", "P"):
        return np.where(pixels, 255, 0).astype(np.uint8)
    if image.mode == "L":
        return np.array(pixels)
    if image.mode in ("RGBA", "LA", "PA"):
        if pixels[..., -1].min() < 255:
            return np.array(pixels[..., -1])
        if image.mode == "PA":
            return np.where(pixels[..., 0], 255, 0).astype(np.uint8)
        pixels = pixels[..., :-1]
    grey = (pixels == pixels[..., :1]).all()
    return np.array(pixels[..., 0]) if grey else np.where(pixels.any(axis=2), 255, 0).astype(np.uint8)


def holds_shades(masks: Iterable[np.ndarray]) -> bool:
    """The rule of shades, for uint8 levels of several masks: are they probabilities (or labels)?

    >>> holds_shades([np.array([0, 130, 255], np.uint8)]), holds_shades([np.array([0, 1, 2, 255], np.uint8)])
    (True, False)
    """
    counts = np.zeros(256, dtype=np.int64)
    for levels in masks:
        counts += np.bincount(levels.ravel(), minlength=256)
    return int(np.count_nonzero(counts)) > 2 and bool(counts[SHADE:255].any())


def read_mask_file(path: str | os.PathLike[str], *, soft: bool) -> np.ndarray:
    """A mask file as float32 (H, W) in [0, 1]."""
    levels = read_levels(path)
    return levels.astype(np.float32) / 255 if soft else (levels > 0).astype(np.float32)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) at another size, float32: averaged where it shrinks, bilinear where it grows.

    Raises:
        DataError: if the mask is none, or empty.
    """
    mask = check_array("a foreground mask", mask, "(H, W)").astype(np.float32, copy=False)
    if not mask.size:
        raise DataError(f"Expected a foreground mask with pixels, but got one of shape {mask.shape}.")
    size = check_size("a size", size)
    if mask.shape == size:
        return mask
    shrinks = size[0] <= mask.shape[0] and size[1] <= mask.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask, size[::-1], interpolation=interpolation)


def lay_on_grid(mask: np.ndarray, entry: FeatureEntry) -> Tensor:
    """The mean of a mask (H, W) over each cell of its image's feature grid; float32 (h, w).

    Cells beyond the image repeat its border, as their features see the image mirrored.

    Raises:
        DataError: if the mask is no array (H, W) of values in [0, 1].
    """
    (h, w), n = entry.grid, CELL_PIXELS
    rows, columns = (max(1, min(round(c * n), g * n)) for c, g in zip(entry.content, entry.grid, strict=True))
    small = resize_mask(mask, (rows, columns))
    if not (small.min() >= 0 and small.max() <= 1 + ROUNDING):  # NaN is neither
        raise DataError(f"Expected the foreground mask of {entry.id} to hold values within 0..1 alone.")
    padded = np.pad(small, ((0, h * n - rows), (0, w * n - columns)), mode="edge")
    return torch.from_numpy(padded.reshape(h, n, w, n).mean(axis=(1, 3)))
