"""Pictures in, pictures of the same kind out: numpy arrays, Pillow images, torch tensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from partdisc.checks import check_array
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.store.files import write_bytes

JPEG_QUALITY = 90
Restore = Callable[[np.ndarray], Any]


def to_rgb(picture: Any) -> tuple[np.ndarray, Restore]:
    """The pixels of a picture, and the function that turns pixels back into a picture of its kind.

    Args:
        picture: numpy (H, W), (H, W, 1) or (H, W, 3); torch (H, W), (1, H, W) or (3, H, W); or Pillow. Numbers are
            8-bit, or floats within 0..1. Grey pictures become RGB.

    Returns:
        uint8 (H, W, 3), not to be written to, and the way back.

    Raises:
        DataError: if it is none of these.
    """
    if isinstance(picture, Image.Image):
        return np.asarray(picture.convert("RGB")), Image.fromarray
    if isinstance(picture, torch.Tensor):
        planes = picture.detach()
        planes = planes.permute(1, 2, 0) if planes.ndim == 3 else planes
        numbers = (planes.float() if planes.is_floating_point() else planes).cpu().numpy()
        return _bytes(numbers), lambda out: _to_tensor(out, picture)
    array = check_array("a picture", picture, "(...)")
    pixels = _bytes(array)
    if array.dtype.kind == "f":
        return pixels, lambda out: (out / np.float32(255)).astype(array.dtype)
    return pixels, lambda out: out


def _to_tensor(pixels: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous().to(like.device)
    return (tensor.float() / 255).to(like.dtype) if like.is_floating_point() else tensor


def _bytes(array: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of grey or colour pixels with the channels last."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape or array.dtype.kind not in "buif":
        raise DataError(
            "Expected a picture of shape (H, W) or (H, W, 3), as a tensor (3, H, W), or from Pillow, "
            f"but got {array.dtype} {array.shape}."
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise DataError("Expected a picture of floats within 0..1; divide 8-bit values by 255.")
        array = np.rint(array * 255)
    elif array.dtype != np.uint8 and (array.min() < 0 or array.max() > 255):
        raise DataError(f"Expected 8-bit values, but got {array.min()}..{array.max()}.")
    array = array.astype(np.uint8, copy=False)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def fit_within(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest (H, W) of the same aspect as `size` inside `box`, at least 1 x 1.

    >>> fit_within((100, 200), (50, 50))
    (25, 50)
    """
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels (H, W, 3) at another size; averaged where they shrink."""
    if pixels.shape[:2] == tuple(size):
        return pixels
    shrinks = size[0] < pixels.shape[0]
    return cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) at another size; each pixel takes the label at its centre."""
    if labels.shape == tuple(size):
        return labels
    rows = ((np.arange(size[0]) + 0.5) * (labels.shape[0] / size[0])).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * (labels.shape[1] / size[1])).astype(np.int64)
    return labels[rows[:, None], columns]


def encode_picture(pixels: np.ndarray, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """uint8 RGB (H, W, 3) as the bytes of a .jpg, .png or .webp file.

    Raises:
        ConfigError: if the suffix is another one.
    """
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }
    if suffix.lower() not in options:
        raise ConfigError(f"Expected a picture name that ends in {', '.join(options)}, but got {suffix!r}.")
    done, buffer = cv2.imencode(
        suffix.lower(), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options[suffix.lower()]
    )
    if not done:
        raise DataError(f"Cannot encode a picture of shape {pixels.shape} as {suffix}.")
    return buffer.tobytes()


def write_picture(path: str | os.PathLike[str], pixels: np.ndarray, quality: int = JPEG_QUALITY) -> None:
    """Write uint8 RGB (H, W, 3) as JPEG, PNG or WebP by the name's ending, whole or not at all.

    Raises:
        ConfigError: if the ending is another one.
        ArtifactError: if the file cannot be written.
    """
    data = encode_picture(pixels, Path(path).suffix, quality)
    try:
        write_bytes(path, data)
    except OSError as error:
        raise ArtifactError(f"Cannot write {os.fspath(path)}: {error.strerror or error}.") from error
