"""Label Studio: tasks whose predictions are polygons, and the labelling interface that fits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from partdisc.geometry.polygons import mask_to_polygons
from partdisc.store.exports.regions import hex_color, part_masks
from partdisc.store.files import write_text
from partdisc.store.masks import MaskEntry, MaskSet


def write_label_studio(masks: MaskSet, out: Path, *, url_prefix: str = "") -> Path:
    """Write pre-annotations, and beside them `<name>.xml`, the labelling interface.

    Args:
        masks: what to write.
        out: the JSON file.
        url_prefix: goes before each image's file name, e.g. "/data/local-files/?d=images/".
    """
    tasks = [_task(masks, entry, labels, url_prefix) for entry, labels in masks]
    write_text(out, json.dumps(tasks, ensure_ascii=False) + "\n")
    write_text(out.with_suffix(".xml"), labelling_interface(masks))
    return out


def labelling_interface(masks: MaskSet) -> str:
    """The labelling interface: one polygon label for each part, in its colour."""
    labels = "\n".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(hex_color(masks.palette[i]))}/>"
        for i, name in enumerate(masks.names, start=1)
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <PolygonLabels name="part" toName="image">\n{labels}\n  </PolygonLabels>\n</View>\n'
    )


def _task(masks: MaskSet, entry: MaskEntry, labels: np.ndarray, url_prefix: str) -> dict[str, Any]:
    result = []
    for region in part_masks(labels):
        for number, polygon in enumerate(mask_to_polygons(region.mask)):
            # percentages of the image's sides; divided last, so that the far side is 100 and nothing beyond
            points = np.array(polygon).reshape(-1, 2) * 100 / (entry.width, entry.height)
            result.append(
                {
                    "id": f"part{region.label}_{number}",
                    "type": "polygonlabels",
                    "from_name": "part",
                    "to_name": "image",
                    "original_width": entry.width,
                    "original_height": entry.height,
                    "image_rotation": 0,
                    "value": {
                        "points": points.tolist(),
                        "closed": True,
                        "polygonlabels": [masks.names.of(region.label)],
                    },
                }
            )
    return {
        "data": {"image": url_prefix + entry.file_name},
        "predictions": [{"model_version": "partdisc", "result": result}],
    }
