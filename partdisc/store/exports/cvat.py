"""CVAT for images 1.1: an XML file of masks or polygons, to be uploaded as annotations of a task."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from partdisc.errors import DataError
from partdisc.geometry.polygons import mask_to_polygons
from partdisc.store.exports.regions import Region, hex_color, part_masks
from partdisc.store.files import write_text
from partdisc.store.masks import MaskSet


def write_cvat(masks: MaskSet, out: Path, *, polygons: bool = False) -> Path:
    """Write CVAT's XML.

    Args:
        masks: what to write.
        out: the XML file.
        polygons: polygons along the pixel edges in place of masks.

    Raises:
        DataError: if a name holds characters that XML cannot.
    """
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "  <version>1.1</version>",
        *_meta(masks),
    ]
    for number, (entry, labels) in enumerate(masks):
        size = f'width="{entry.width}" height="{entry.height}"'
        lines.append(f'  <image id="{number}" name={_attribute(entry.file_name)} {size}>')
        for region in part_masks(labels):
            name = _attribute(masks.names.of(region.label))
            lines += _polygons(region, name) if polygons else [_mask(region, name)]
        lines.append("  </image>")
    write_text(out, "\n".join([*lines, "</annotations>", ""]))
    return out


def _meta(masks: MaskSet) -> list[str]:
    labels = []
    for part, name in enumerate(masks.names, start=1):
        _attribute(name)
        color = hex_color(masks.palette[part])
        labels.append(
            f"    <label><name>{escape(name)}</name><color>{color}</color><attributes></attributes></label>"
        )
    return ["  <meta><task><labels>", *labels, "  </labels></task></meta>"]


def _attribute(text: str) -> str:
    if any(ord(character) < 32 for character in text):
        raise DataError(f"CVAT's XML cannot hold the name {text!r}: it has control characters.")
    return quoteattr(text)


def run_lengths(mask: np.ndarray) -> list[int]:
    """Lengths of alternating runs, row by row, the first one of False (it may be 0).

    >>> run_lengths(np.array([[True, False], [False, True]]))
    [0, 1, 2, 1]
    """
    flat = np.concatenate([[False], mask.ravel(), [not mask.flat[-1]]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], changes])).tolist()


def _mask(region: Region, name: str) -> str:
    rows, columns = np.flatnonzero(region.mask.any(1)), np.flatnonzero(region.mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    inside = region.mask[top : rows[-1] + 1, left : columns[-1] + 1]
    runs = ", ".join(map(str, run_lengths(inside)))
    return (
        f'    <mask label={name} source="auto" occluded="0" rle="{runs}" left="{left}" top="{top}" '
        f'width="{inside.shape[1]}" height="{inside.shape[0]}" z_order="0"></mask>'
    )


def _polygons(region: Region, name: str) -> list[str]:
    lines = []
    for polygon in mask_to_polygons(region.mask):
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(polygon[::2], polygon[1::2], strict=True))
        lines.append(
            f'    <polygon label={name} source="auto" occluded="0" points="{points}" z_order="0"></polygon>'
        )
    return lines
