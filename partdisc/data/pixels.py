"""From whatever a file or a caller brings to 8-bit RGB.

Transparent pixels are laid over white. Sixteen bits are scaled by 255/65535; the grey levels of integer and
float images, which carry no range of their own, are read in the smallest of [0, 1], [0, 255], [0, 65535] that
holds them all, and stretched from minimum to maximum if none does. Colour profiles are not applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from partdisc.errors import ConfigError

_ALPHA_MODES = {"RGBA", "RGBa", "LA", "La", "PA"}
_TRANSPARENCY_MODES = {"1", "L", "P", "RGB"}  # with a transparent colour beside the pixels (PNG tRNS, GIF)


def has_alpha(image: Image.Image) -> bool:
    """Whether `image` says how transparent its pixels are."""
    return image.mode in _ALPHA_MODES or (image.mode in _TRANSPARENCY_MODES and "transparency" in image.info)


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in mode RGB: transparency over white, deep grey levels scaled to 8 bits."""
    if has_alpha(image):
        rgba = _to_rgba(image)
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(to_uint8(np.asarray(image)))
    return image if image.mode == "RGB" else image.convert("RGB")


def alpha_channel(image: Image.Image) -> Image.Image | None:
    """Opacity in mode L, 255 opaque; None where `image` has no transparency."""
    return _to_rgba(image).getchannel("A") if has_alpha(image) else None


def _to_rgba(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def to_uint8(grey: np.ndarray) -> np.ndarray:
    """Grey levels (H, W) of any integer or float type as uint8; what is not finite becomes 0.

    >>> to_uint8(np.array([[0, 257, 65535]], dtype=np.uint16))
    array([[  0,   1, 255]], dtype=uint8)
    >>> to_uint8(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    array([[  0, 128, 255]], dtype=uint8)
    """
    if grey.dtype.kind == "u" and grey.dtype.itemsize == 2:
        return ((grey.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    values = grey.astype(np.float64)
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    ranges = (1, 255, 65535) if grey.dtype.kind == "f" else (255, 65535)
    top = next((top for top in ranges if low >= 0 and high <= top), None)
    start, span = (0.0, top) if top is not None else (low, (high - low) or 1.0)
    scaled = np.where(finite, values - start, 0.0) * (255.0 / span)
    return np.floor(scaled + 0.5).astype(np.uint8)


def array_to_rgb(array: Any, name: str = "image") -> np.ndarray:
    """An image in memory as uint8 RGB (H, W, 3).

    Args:
        array: uint8 array (H, W, 3) or (H, W), uint8 torch tensor (3, H, W) or (H, W), or a Pillow image.
        name: how messages call it.

    Raises:
        ConfigError: for another type, dtype or shape.
    """
    if isinstance(array, Image.Image):
        return np.array(to_rgb(array))
    if is_tensor(array):
        array = array.detach().cpu().numpy()
        pixels = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
        wanted = "(3, H, W) or (H, W)"
    else:
        pixels = array = np.asarray(array)
        wanted = "(H, W, 3) or (H, W)"
    if pixels.dtype != np.uint8:
        raise ConfigError(
            f"{name}: expected 8-bit pixels (uint8, 0 to 255), but got {array.dtype}. "
            "Scale to 0..255 and convert to uint8."
        )
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ConfigError(f"{name}: expected an image of shape {wanted}, but got {tuple(array.shape)}.")
    return np.ascontiguousarray(pixels)


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, found out without importing torch."""
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach")


def is_pixels(value: Any) -> bool:
    """Whether `value` is image data in memory rather than a path."""
    return isinstance(value, (np.ndarray, Image.Image)) or is_tensor(value)
