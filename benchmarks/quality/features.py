"""Features that rows share: extracted once for each set, kept in the work folder, memory-mapped afterwards."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality.sets import Group
from partdisc.data import decode_image
from partdisc.discovery import create_discoverer
from partdisc.features import Backbone, create_backbone, extract_features
from partdisc.runs.settings import DiscoverSettings
from partdisc.store.features import FeatureEntry, FeatureSet, read_features

SECONDS = "seconds.json"


@dataclass(frozen=True)
class FeatureKind:
    """How features are made.

    Attributes:
        backbone, layers, weights, image_size, dtype: as `discover` takes them.
        squash: images become squares of `image_size`, whatever their aspect.
    """

    backbone: str
    layers: str | None
    weights: str
    image_size: int
    dtype: str
    squash: bool = False


def feature_kind(settings: Mapping[str, Any]) -> FeatureKind:
    """The features that `discover` with `settings` reads."""
    chosen = DiscoverSettings(1, **settings)
    size = chosen.image_size or create_discoverer(chosen.method, 1).image_size
    return FeatureKind(chosen.backbone, chosen.layers, chosen.weights, size, chosen.feature_dtype)


DEFAULT = feature_kind({})
LAST = replace(
    DEFAULT, layers="bn2", image_size=448, squash=True
)  # after the last ReLU: 14 x 14 cells, as in the paper


@lru_cache(maxsize=2)
def backbone_of(kind: FeatureKind) -> Backbone:
    """The network, created once in a process."""
    return create_backbone(kind.backbone, layers=kind.layers, weights=kind.weights)


def group_features(kind: FeatureKind, group: Group, work: Path) -> FeatureSet:
    """Features of a group's images, extracted where the work folder does not have them."""
    folder = features_folder(kind, group, work)
    if (folder / SECONDS).exists():
        return read_features(folder)
    start = time.perf_counter()
    found = extract_features(
        backbone_of(kind),
        [_squashed(path, kind.image_size) for path in group.paths] if kind.squash else group.listed,
        image_size=kind.image_size,
        store=folder,
        dtype=kind.dtype,
    )
    (folder / SECONDS).write_text(json.dumps(time.perf_counter() - start))
    return found


def features_folder(kind: FeatureKind, group: Group, work: Path) -> Path:
    """Where they are kept: named by what makes them."""
    text = json.dumps([asdict(kind), group.listed.digest])
    return work / "features" / f"{group.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def extraction_seconds(kind: FeatureKind, group: Group, work: Path) -> float | None:
    """How long their extraction took, or None where it was not done."""
    path = features_folder(kind, group, work) / SECONDS
    return json.loads(path.read_text()) if path.exists() else None


def _squashed(path: Path, side: int) -> np.ndarray:
    return cv2.resize(decode_image(path), (side, side), interpolation=cv2.INTER_AREA)


def in_order(kind: FeatureKind, features: FeatureSet, group: Group) -> list[int]:
    """For each image of the group, its position among the features, which come sorted by size.

    Raises:
        ValueError: if an image could not be decoded.
    """
    names = [r.id for r in group.listed.records]
    if kind.squash:
        names = [f"image_{i:05d}" for i in range(len(names))]
    position = {entry.id: n for n, entry in enumerate(features.entries)}
    missing = [name for name in names if name not in position]
    if missing or len(names) != len(group.images):
        raise ValueError(
            f"{group.name}: {len(missing) or 'some'} images could not be used, first {missing[:1]}"
        )
    return [position[name] for name in names]


def row_ranges(entries: list[FeatureEntry]) -> list[slice]:
    """Which rows of the matrix belong to each entry."""
    ends = np.cumsum([0] + [entry.num_rows for entry in entries]).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(ends)]
