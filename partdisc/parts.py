"""The three things every stage passes on: soft part maps, hard part labels, part names.

Label 0 is background, 1..K are parts, 255 is ignored. Soft maps have K + 1 channels, channel 0 the background.
This module knows nothing of files, images or networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
import torch

from partdisc.checks import check_array, check_count, check_size
from partdisc.errors import DataError

BACKGROUND = 0
IGNORE = 255
MAX_PARTS = 254  # labels are 8-bit and 255 means "ignored"
BAND_VALUES = 2**18  # soft values resized at a time
STRIP = 64  # pixels across that are resized by one product: each depends on few cells


@dataclass(frozen=True)
class PartMaps:
    """Soft part maps of one image on the backbone's grid.

    Attributes:
        maps: float array of shape (K + 1, h, w), values >= 0; channel 0 is the background. Maps without a
            background stage hold zeros there.
        size: (H, W) of the image as displayed, in pixels.
        content: (rows, columns) of the grid that the image covers, each in (0, h] and (0, w]. The last cell of
            a grid may lie partly beyond the image, so these need not be whole numbers; None means all of it.
        image_id: the image's id in its run, or "".

    Raises:
        DataError: if shapes do not fit together.

    >>> PartMaps(np.ones((3, 4, 5), np.float32), size=(64, 80)).to_labels().shape
    (64, 80)
    """

    maps: np.ndarray
    size: tuple[int, int]
    content: tuple[float, float] | None = None
    image_id: str = ""

    def __post_init__(self) -> None:
        shape = getattr(self.maps, "shape", type(self.maps).__name__)
        if not isinstance(shape, tuple) or len(shape) != 3 or shape[0] < 2 or 0 in shape:
            raise DataError(f"Expected part maps of shape (K+1, h, w) with K >= 1, but got {shape}.")
        check_size("a size", self.size, DataError)
        if self.content is not None and not _lies_within(self.content, shape[1:]):
            raise DataError(
                f"Expected a content within the grid {tuple(shape[1:])}, but got {self.content!r}."
            )

    def __repr__(self) -> str:
        h, w = self.maps.shape[1:]
        return f"PartMaps({self.image_id!r}, num_parts={self.num_parts}, grid={(h, w)}, size={self.size})"

    @property
    def num_parts(self) -> int:
        """K, the number of parts; the background is not counted."""
        return self.maps.shape[0] - 1

    def resized(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """The maps bilinearly sampled at the pixel centres of an image of `size` (default: the image's own).

        Returns:
            float32 array of shape (K + 1, H, W).
        """
        H, W = self.size if size is None else check_size("a size", size)
        return np.concatenate([band.numpy() for band in self._bands(H, W)], axis=1)

    def _bands(self, H: int, W: int, first: int = 0) -> Iterator[torch.Tensor]:
        """The resized maps from channel `first` on in bands (n, rows, W), small enough to stay in the cache."""
        h, w = self.maps.shape[1:]
        rows, columns = self.content or (h, w)
        maps = torch.from_numpy(np.ascontiguousarray(self.maps[first:], dtype=np.float32))
        wide = torch.cat(
            [maps[:, :, cells] @ across.T for across, cells in _interpolation(W, w, columns, STRIP)], 2
        )
        for down, cells in _interpolation(H, h, rows, max(1, BAND_VALUES // (len(maps) * W))):
            yield torch.bmm(down.expand(len(maps), -1, -1), wide[:, cells])

    def to_labels(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """Hard part labels: maps resized to the image, then the argmax over channels; ties go to the lower label.

        Where channel 0 is zero everywhere (no background stage), label 0 is never given.

        Returns:
            uint8 array of shape (H, W) with values 0..K.
        """
        first = 0 if self.maps[0].any() else 1
        H, W = self.size if size is None else check_size("a size", size)
        return np.concatenate([_argmax(band.numpy(), first) for band in self._bands(H, W, first)])


def _lies_within(content: tuple[float, float], grid: tuple[int, ...]) -> bool:
    try:
        rows, columns = content
        return bool(0 < rows <= grid[0] and 0 < columns <= grid[1])
    except (TypeError, ValueError):
        return False


def _argmax(band: np.ndarray, first: int) -> np.ndarray:
    """Argmax over channels (n, rows, W) plus `first`, uint8; several times faster than the libraries' own."""
    countdown = np.arange(len(band) - 1, -1, -1, dtype=np.uint8)  # of several largest the first counts
    largest = band == np.fmax.reduce(band)  # a channel that is NaN wins nowhere
    return np.uint8(first + len(band) - 1) - (largest * countdown[:, None, None]).max(0)


@lru_cache(maxsize=256)  # images of a set have few sizes
def _interpolation(
    pixels: int, cells: int, content: float, step: int
) -> tuple[tuple[torch.Tensor, slice], ...]:
    """For each `step` pixels along one side: weights (step, n) of the n cells near them, and which cells those are.

    The grid is stretched so that exactly `content` cells land on the pixels; beyond the outer cell centres, the
    outer cells go on.
    """
    centres = (torch.arange(pixels, dtype=torch.float64) + 0.5) * (content / pixels) - 0.5
    distance = (centres.clamp(0, cells - 1)[:, None] - torch.arange(cells)).abs()
    bands = []
    for weights in (1 - distance).clamp(min=0).float().split(step):
        near = weights.any(dim=0).nonzero()
        place = slice(int(near[0]), int(near[-1]) + 1)
        bands.append((weights[:, place].contiguous(), place))
    return tuple(bands)


def check_labels(labels: np.ndarray, num_parts: int | None = None, *, name: str = "labels") -> np.ndarray:
    """Check hard part labels and return them as uint8 of shape (H, W).

    Raises:
        ConfigError: if `num_parts` is no whole number of at least 0.
        DataError: if the array is not two-dimensional, not of whole numbers, or holds a label above `num_parts`
            other than 255 (ignored).
    """
    labels = check_array(name, labels, "(H, W)")
    if labels.dtype.kind == "f":
        raise DataError(
            f"Expected {name} as whole numbers of shape (H, W), but got {labels.dtype} {labels.shape}."
        )
    if labels.size and (labels.min() < 0 or labels.max() > IGNORE):
        raise DataError(f"Expected {name} within 0..255, but got {labels.min()}..{labels.max()}.")
    labels = labels.astype(np.uint8, copy=False)
    if num_parts is not None:
        check_count("num_parts", num_parts, 0)
        stray = labels[(labels > num_parts) & (labels != IGNORE)]
        if stray.size:
            raise DataError(f"Expected {name} within 0..{num_parts} or 255, but found {int(stray.max())}.")
    return labels


@dataclass(frozen=True)
class PartNames(Sequence[str]):
    """Names of parts 1..K, in order; an unnamed part, "" or None, is called "part N".

    Raises:
        DataError: if they are no sequence of names.

    >>> names = PartNames(["head", ""])
    >>> names[1], names.of(2), len(names)
    ('part 2', 'part 2', 2)
    """

    names: Sequence[str]

    def __post_init__(self) -> None:
        names = self.names
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise DataError(f"Expected a sequence of part names, but got {names!r}.")
        names = tuple(names)
        if strange := [name for name in names if not isinstance(name, (str, type(None)))]:
            raise DataError(f"Expected a sequence of part names, but got {strange[0]!r} in it.")
        object.__setattr__(self, "names", tuple(n or f"part {i}" for i, n in enumerate(names, start=1)))

    @classmethod
    def numbered(cls, num_parts: int) -> PartNames:
        """The names "part 1" .. "part K"."""
        return cls([""] * check_count("num_parts", num_parts, 0))

    def of(self, label: int) -> str:
        """The name of a label: 0 is "background", 1..K the parts.

        Raises:
            ConfigError: if the label is no whole number of at least 0.
            DataError: if there is none such.
        """
        if check_count("label", label, 0) > len(self):
            raise DataError(f"Expected a label within 0..{len(self)}, but got {label}.")
        return "background" if label == BACKGROUND else self.names[label - 1]

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self.names[index]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)
