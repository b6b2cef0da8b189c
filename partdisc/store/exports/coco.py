"""COCO: one JSON with an annotation for each part in each image, category ids 1..K."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as rle

from partdisc.geometry.polygons import mask_to_polygons
from partdisc.store.exports.regions import part_masks
from partdisc.store.files import write_text
from partdisc.store.masks import MaskSet


def write_coco(masks: MaskSet, out: Path, *, polygons: bool = False) -> Path:
    """Write COCO instances; pycocotools gives back exactly the masks.

    Args:
        masks: what to write.
        out: the JSON file.
        polygons: polygons along the pixel edges in place of compressed run lengths.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (entry, labels) in enumerate(masks, start=1):
        images.append(
            {"id": number, "file_name": entry.file_name, "width": entry.width, "height": entry.height}
        )
        for region in part_masks(labels):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": region.label,
                    "iscrowd": 0,
                    **_shape(region.mask, polygons),
                }
            )
    categories = [{"id": i, "name": name, "supercategory": "part"} for i, name in enumerate(masks.names, 1)]
    data = {"images": images, "annotations": annotations, "categories": categories}
    write_text(out, json.dumps(data, ensure_ascii=False) + "\n")
    return out


def _shape(mask: np.ndarray, polygons: bool) -> dict[str, Any]:
    encoded = rle.encode(np.asfortranarray(mask, np.uint8))
    runs = {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}
    return {
        "segmentation": mask_to_polygons(mask) if polygons else runs,
        "area": int(mask.sum()),
        "bbox": rle.toBbox(encoded).tolist(),
    }
