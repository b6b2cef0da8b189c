"""Collects centroids and landmarks image by image, and scores them by a protocol's keypoint rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partdisc.errors import DataError
from partdisc.metrics import functional as F
from partdisc.metrics.centroids import label_centroids, labels_at, map_centroids
from partdisc.metrics.keypoints import KeypointData, leave_one_out, regress_keypoints
from partdisc.metrics.protocols import EvaluationProtocol
from partdisc.parts import IGNORE, PartMaps

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LandmarkSample:
    """One image with its prediction and its named points.

    Attributes:
        image_id: for messages.
        labels: predicted labels 0..K or 255, (H, W).
        xy: (L, 2) pixels.
        visible: bool (L,).
        maps: soft maps, if they were kept; centroids then come from them.
        box: x, y, width, height of the object in pixels, if the set has boxes.
        outline: mask of the object (H, W), not 0 on it; its bounding box stands in for a missing box. Without
            either, coordinates are relative to the whole image.
        split: "train" and "test" where the set has them.
        unit: left out one at a time where the set has no such splits.
    """

    image_id: str
    labels: np.ndarray
    xy: np.ndarray
    visible: np.ndarray
    maps: PartMaps | None = None
    box: Box | None = None
    outline: np.ndarray | None = None
    split: str | None = None
    unit: str | None = None


class LandmarkAssessment:
    """Keypoint scores of a run.

    Args:
        num_parts: K.
        names: of the L landmarks.
        protocol: its keypoint rule, and the image treatment under which labels are read at the landmarks.
    """

    def __init__(self, num_parts: int, names: Sequence[str], protocol: EvaluationProtocol) -> None:
        self.num_parts, self.names, self.protocol = num_parts, tuple(names), protocol
        self.samples: list[KeypointData] = []
        self.splits: list[str | None] = []
        self.units: list[str | None] = []
        self.table = np.zeros((num_parts + 1, len(names) + 1), np.int64)
        self.num_without_maps = self.num_small = self.num_cropped = 0
        self.boxes_from = {"box": 0, "outline": 0, "image": 0}

    def add(self, sample: LandmarkSample) -> None:
        """Collect one image.

        Raises:
            DataError: if a visible point is not finite, or a box is empty; the image is named.
        """
        height, width = sample.labels.shape
        origin, box = _box(sample)
        if box[2] * box[3] < self.protocol.min_box_share * width * height:
            self.num_small += 1
            return
        if sample.maps is not None:
            threshold = self.protocol.keypoints.threshold
            centroids, present = map_centroids(sample.maps, threshold=threshold)
        else:
            centroids, present = label_centroids(sample.labels, self.num_parts)
        try:
            data = KeypointData(
                centroids[None], present[None], sample.xy[None], sample.visible[None], np.array([box])
            )
            self._count_labels(sample)
        except DataError as error:
            raise DataError(f"Image {sample.image_id!r}: {error}") from error
        self.samples.append(data)
        self.splits.append(sample.split)
        self.units.append(sample.unit)
        self.num_without_maps += sample.maps is None
        self.boxes_from[origin] += 1

    def _count_labels(self, sample: LandmarkSample) -> None:
        """Count which predicted label lies at each visible landmark, at the nearest pixel."""
        treatment = self.protocol.keypoint_image
        moved, inside = treatment.points(sample.xy[sample.visible], sample.labels.shape)
        labels = self.protocol.labels(sample.labels, sample.maps, treatment)
        found = labels_at(labels, moved[inside]).astype(np.intp)
        found[found == IGNORE] = 0
        np.add.at(self.table, (found, 1 + np.flatnonzero(sample.visible)[inside]), 1)
        self.num_cropped += int((~inside).sum())

    def result(self) -> dict[str, Any]:
        """All keypoint scores, fractions; None where undefined, with the reason among the notes."""
        notes = self._notes()
        scores: dict[str, Any] = {"rule": self.protocol.keypoints.name, "num_images": len(self.samples)}
        try:
            scores |= self._regression()
        except DataError as error:
            scores |= {"error": None}
            notes.append(f"No regression error: {error}")
        if scores.get("mean_position_error", np.inf) < (scores["error"] or 0):
            notes.append(
                "The regression does worse than the landmarks' mean position: it has no regularisation, and parts "
                "seldom seen in its train images lead it astray."
            )
        scores |= {"nmi": float(F.nmi(self.table)), "ari": float(F.ari(self.table))}
        if self.protocol.keypoints_in_box:
            inner = self.table[1:]
            scores |= {"fg_nmi": float(F.nmi(inner)), "fg_ari": float(F.ari(inner))}
        return scores | {"num_points": int(self.table.sum()), "notes": notes}

    def _regression(self) -> dict[str, Any]:
        if not self.samples:
            raise DataError("Expected at least one image with keypoints, but there is none.")
        data, rule = KeypointData.join(self.samples), self.protocol.keypoints
        train, test = (np.array([s == split for s in self.splits]) for split in ("train", "test"))
        if train.any() and test.any():
            score, fitted = regress_keypoints(data[train], data[test], rule), "train, tested on test"
        elif len(set(self.units)) > 1 and None not in self.units:
            score = leave_one_out(data, [str(unit) for unit in self.units], rule)
            fitted = f"all units but one, {len(set(self.units))} times"
        else:
            raise DataError(
                "Expected a train and a test split, or units to leave out, but there are neither."
            )
        return {
            "error": score.error,
            "mean_position_error": score.mean_position_error,
            "fitted_on": fitted,
            "per_landmark": dict(zip(self.names, score.per_landmark.tolist(), strict=True)),
            "num_tested": score.num_tested,
            "num_left_out": score.num_left_out,
        }

    def _notes(self) -> list[str]:
        notes = []
        if self.num_without_maps:
            notes.append(
                f"{self.num_without_maps} images have no soft maps: centroids are those of their hard masks."
            )
        if self.boxes_from["outline"]:
            notes.append(
                f"{self.boxes_from['outline']} images have no box: coordinates are relative to the bounding box of "
                "the object's mask."
            )
        if self.boxes_from["image"]:
            notes.append(
                f"{self.boxes_from['image']} images have neither box nor mask: coordinates are relative to the image."
            )
        if self.num_small:
            share = self.protocol.min_box_share
            notes.append(
                f"{self.num_small} images were left out: their box covers less than {share:.0%} of the image."
            )
        if self.num_cropped:
            notes.append(f"{self.num_cropped} landmarks lie outside the protocol's crop and have no label.")
        return notes


def _box(sample: LandmarkSample) -> tuple[str, Box]:
    """The box that coordinates are relative to, and where it comes from."""
    if sample.box is not None:
        return "box", sample.box
    if sample.outline is not None and sample.outline.any():
        rows, columns = (np.flatnonzero(sample.outline.any(axis)) for axis in (1, 0))
        x, y = float(columns[0]), float(rows[0])
        return "outline", (x, y, float(columns[-1] + 1 - x), float(rows[-1] + 1 - y))
    height, width = sample.labels.shape
    return "image", (0.0, 0.0, float(width), float(height))
