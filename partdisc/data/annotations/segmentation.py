"""The `segmentation` of one COCO entry: polygons, RLE or compressed RLE, checked, then drawn by pycocotools.

Nothing unchecked reaches pycocotools: its C code takes lists of four numbers for boxes, and damaged run lengths
for memory that is not there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

# Points farther away than this many image sides are a mistake, not a part that leaves the image.
FAR = 10
Polygon = list[float]


class BrokenEntry(Exception):
    """An entry that cannot be used: the kind of quirk and what was found."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


@dataclass(frozen=True)
class Segmentation:
    """A checked segmentation of an image of `size` (H, W).

    Attributes:
        size: (H, W).
        polygons: flat lists x0, y0, x1, y1, ..., at least three points each.
        rle: compressed RLE as pycocotools wants it; used where there are no polygons.
        quirks: (kind, detail) of what had to be repaired.
    """

    size: tuple[int, int]
    polygons: tuple[Polygon, ...] = ()
    rle: dict[str, Any] | None = None
    quirks: tuple[tuple[str, str], ...] = field(default=())

    def mask(self) -> np.ndarray:
        """The pixels inside, bool (H, W); the pieces of one entry are one region."""
        rle = self.rle
        if rle is None:
            height, width = self.size
            rle = coco_mask.merge(coco_mask.frPyObjects(list(self.polygons), height, width))
        return coco_mask.decode(rle).astype(bool)


def parse_segmentation(entry: dict[str, Any], size: tuple[int, int]) -> Segmentation:
    """Check the segmentation of a COCO annotation.

    Args:
        entry: the annotation; its `bbox` is used for polygons of two points.
        size: (H, W) of its image.

    Raises:
        BrokenEntry: if it cannot be used.
    """
    value = entry.get("segmentation")
    if value is None or value == [] or value == {}:
        raise BrokenEntry("no segmentation", "")
    if isinstance(value, dict):
        return Segmentation(size, rle=_parse_rle(value, size))
    if not isinstance(value, list):
        raise BrokenEntry("bad entry", f"segmentation is {type(value).__name__}")
    quirks: list[tuple[str, str]] = []
    polygons = [_parse_polygon(polygon, entry, quirks) for polygon in value]
    _check_reach(polygons, size, quirks)
    if len(polygons) > 1:
        quirks.append(("several polygons", str(len(polygons))))
    return Segmentation(size, tuple(polygons), quirks=tuple(quirks))


def _parse_polygon(polygon: object, entry: dict[str, Any], quirks: list[tuple[str, str]]) -> Polygon:
    if not isinstance(polygon, list):
        raise BrokenEntry("bad polygon", f"{type(polygon).__name__} instead of a list of coordinates")
    numbers = finite_numbers(polygon)
    if numbers is None:
        raise BrokenEntry("bad coordinates", f"polygon {str(polygon)[:60]}")
    if len(numbers) == 4:
        quirks.append(("two-point polygon", ""))
        return _box_polygon(numbers, entry.get("bbox"))
    if len(numbers) < 6 or len(numbers) % 2:
        raise BrokenEntry("bad polygon", f"{len(numbers)} numbers")
    return numbers


def _box_polygon(numbers: Sequence[float], bbox: object) -> Polygon:
    box = finite_numbers(bbox) if isinstance(bbox, list) and len(bbox) == 4 else None
    if box and box[2] > 0 and box[3] > 0:
        x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
    else:  # no box beside it: the two points are its corners
        (x0, x1), (y0, y1) = sorted(numbers[0::2]), sorted(numbers[1::2])
    return [x0, y0, x0, y1, x1, y1, x1, y0]


def _check_reach(polygons: Sequence[Polygon], size: tuple[int, int], quirks: list[tuple[str, str]]) -> None:
    height, width = size
    reach = 0.0
    for polygon in polygons:
        xs, ys = np.asarray(polygon[0::2]), np.asarray(polygon[1::2])
        out = max(-xs.min(), xs.max() - width, -ys.min(), ys.max() - height)
        if out > FAR * max(size):
            raise BrokenEntry("far outside the image", f"by {out:.0f} pixels")
        reach = max(reach, float(out))
    if reach > 0:
        quirks.append(("outside the image", f"by {reach:.1f} pixels"))


def finite_numbers(values: object) -> list[float] | None:
    """`values` as floats, or None if it is no list of finite numbers."""
    if not isinstance(values, list) or not set(map(type, values)) <= {int, float}:
        return None
    try:
        numbers = list(map(float, values))
    except OverflowError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _parse_rle(value: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    if value.get("size") != list(size):
        raise BrokenEntry("bad RLE", f"size {value.get('size')} in an image of {list(size)}")
    counts = value.get("counts")
    runs = decode_counts(counts) if isinstance(counts, (str, bytes)) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise BrokenEntry("bad RLE", "counts are neither run lengths nor their compressed form")
    if sum(runs) != size[0] * size[1]:
        raise BrokenEntry("bad RLE", f"runs cover {sum(runs)} of {size[0] * size[1]} pixels")
    if isinstance(counts, list):
        return coco_mask.frPyObjects({"size": list(size), "counts": counts}, *size)
    return {"size": list(size), "counts": counts.encode("ascii") if isinstance(counts, str) else counts}


def decode_counts(text: str | bytes) -> list[int] | None:
    """Run lengths of a compressed RLE: base-32 digits from "0", run i coded as the difference to run i - 2.

    Returns:
        The run lengths, or None if the text is damaged.
    """
    try:
        codes = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        return None
    runs: list[int] = []
    value = shift = 0
    for code in codes:
        digit = code - 48
        if not 0 <= digit < 64 or shift > 60:
            return None
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:  # more digits follow
            continue
        if digit & 16:  # the sign
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return None if shift else runs
