"""One pass over all masks: where each part lies in each image, how often it occurs, which places are typical."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from partdisc.render.marking import present_parts

REGION = np.dtype(
    [
        ("image", np.int32),
        ("label", np.uint8),
        ("area", np.int64),
        ("x", np.int32),
        ("y", np.int32),
        ("width", np.int32),
        ("height", np.int32),
        ("center_x", np.float32),  # relative to the image, 0..1
        ("center_y", np.float32),
        ("share", np.float32),  # of the image's area
    ]
)


def part_regions(labels: np.ndarray, image: int = 0) -> np.ndarray:
    """Where the parts of one image lie: a structured array (parts present,) of `REGION`.

    >>> part_regions(np.array([[0, 2], [0, 2]], np.uint8))[["label", "area", "x", "center_y"]].tolist()
    [(2, 2, 1, 0.5)]
    """
    height, width = labels.shape
    regions = np.zeros(len(present := present_parts(labels)), REGION)
    for region, label in zip(regions, present, strict=True):
        mask = (labels == label).view(np.uint8)
        x, y, box_width, box_height = cv2.boundingRect(mask)
        inside = mask[y : y + box_height, x : x + box_width]
        columns = cv2.reduce(inside, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.int64)
        rows = cv2.reduce(inside, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.int64)
        area = int(rows.sum())
        region["image"], region["label"], region["area"] = image, label, area
        region["x"], region["y"], region["width"], region["height"] = x, y, box_width, box_height
        region["center_x"] = (x + columns @ np.arange(box_width) / area + 0.5) / width
        region["center_y"] = (y + rows @ np.arange(box_height) / area + 0.5) / height
        region["share"] = area / labels.size
    return regions


def survey_parts(all_labels: Iterable[np.ndarray]) -> np.ndarray:
    """`part_regions` of many images, numbered in order."""
    found = [part_regions(labels, index) for index, labels in enumerate(all_labels)]
    return np.concatenate(found) if found else np.zeros(0, REGION)


def typical_regions(survey: np.ndarray, label: int, count: int) -> np.ndarray:
    """The regions of a part that look most like its others, most typical first.

    Each region is described by area, position, aspect and how much of its box it fills; its distance from the part's
    median is measured in median absolute deviations. No image gives more than one region.

    Returns:
        At most `count` records of `survey`.
    """
    regions = survey[survey["label"] == label]
    if not len(regions):
        return regions
    box = regions["width"].astype(float) * regions["height"]
    features = np.stack(
        [
            np.log(regions["share"]),
            regions["center_x"],
            regions["center_y"],
            np.log(regions["width"] / regions["height"]),
            regions["area"] / box,
        ],
        1,
    )
    deviation = np.abs(features - np.median(features, 0))
    distance = np.linalg.norm(deviation / (np.median(deviation, 0) + 1e-3), axis=1)
    return regions[np.argsort(distance, kind="stable")[:count]]


def part_frequencies(survey: np.ndarray, num_parts: int, num_images: int) -> list[float]:
    """For each part 1..K the share of images it occurs in."""
    counts = np.bincount(survey["label"], minlength=num_parts + 1)[1 : num_parts + 1]
    return [float(count) / max(num_images, 1) for count in counts]
