"""Writing COCO: every region as polygons along its pixel edges, regions to ignore as crowds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from partdisc.data.annotations import AnnotatedImage, AnnotationSet, PartInstance
from partdisc.geometry.polygons import mask_to_polygons
from partdisc.parts import IGNORE
from partdisc.store import files


class CocoWriter:
    """Collects images and writes one JSON file for each split.

    Args:
        annotations: what is written.
        images: those that will be added.
        out: the folder.
    """

    def __init__(self, annotations: AnnotationSet, images: Sequence[AnnotatedImage], out: Path) -> None:
        self.annotations, self.out = annotations, out
        self._ids = self._category_ids()
        self._documents: dict[str | None, dict[str, list[Any]]] = {}
        self._num_annotations = 0

    def _category_ids(self) -> dict[int, int]:
        """{part id: category id}: as in the source, so that maps of groups go on to fit."""
        return {part: own for own, part in self.annotations.own_ids.items()}

    def file_name(self, image: AnnotatedImage) -> str:
        """The image's `file_name` in the JSON."""
        return image.id

    def image_name(self, image: AnnotatedImage) -> str:
        """Where the image file goes, relative to the folder."""
        return f"images/{self.file_name(image)}"

    def json_name(self, split: str | None) -> str:
        """Where the annotations of a split go."""
        return f"annotations/instances_{split}.json" if split else "annotations.json"

    def add(self, image: AnnotatedImage) -> None:
        """Collect one image and its regions."""
        document = self._documents.setdefault(self.split_of(image), {"images": [], "annotations": []})
        record: dict[str, Any] = {
            "id": len(document["images"]) + 1,
            "file_name": self.file_name(image),
            "width": image.width,
            "height": image.height,
        }
        record |= {k: v for k, v in (("category", image.category), ("unit", image.unit)) if v is not None}
        document["images"].append(record)
        for instance in self.annotations.instances(image):
            self._num_annotations += 1
            document["annotations"].append(
                {"id": self._num_annotations, "image_id": record["id"], **self._entry(instance)}
            )

    def split_of(self, image: AnnotatedImage) -> str | None:
        """The split an image is written to."""
        return image.split

    def _entry(self, instance: PartInstance) -> dict[str, Any]:
        rle = coco_mask.encode(np.asfortranarray(instance.mask.astype(np.uint8)))
        crowd = instance.part == IGNORE
        # an ignored region belongs to no part, yet COCO wants a category
        category = next(iter(self._ids.values())) if crowd else self._ids[instance.part]
        runs = {"size": rle["size"], "counts": rle["counts"].decode("ascii")}
        return {
            "category_id": category,
            "segmentation": runs if crowd else mask_to_polygons(instance.mask),
            "area": int(coco_mask.area(rle)),
            "bbox": [float(value) for value in coco_mask.toBbox(rle)],
            "iscrowd": int(crowd),
        }

    def _categories(self) -> list[dict[str, Any]]:
        owners: dict[int, list[str]] = {}
        for name, parts in self.annotations.super_parts.items():
            for part in parts:
                owners.setdefault(part, []).append(name)
        return [
            {
                "id": self._ids[part],
                "name": name,
                "supercategory": owners[part][0] if len(owners.get(part, [])) == 1 else "",
            }
            for part, name in enumerate(self.annotations.part_names, start=1)
        ]

    def close(self) -> None:
        """Write everything collected."""
        for split, document in self._documents.items():
            text = json.dumps({"categories": self._categories(), **document})
            files.write_text(self.out / self.json_name(split), text + "\n")
