"""Whether parts keep their identity when an image is mirrored, made smaller or larger, or cropped.

Each view of an image is labelled anew; the labels found in the whole image, moved like the image, say what should
come out. The share of the object's pixels where something else does is the equivariance error: 0 for parts that stay
with the object, and 0 as well for one part everywhere, so it is read beside a score.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partdisc.data import ImageList, decode_image, list_images
from partdisc.data.images import ImageRecord
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import small_images
from partdisc.discovery.labelling import refined
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.consistency import LabelChanges, label_changes
from partdisc.progress import Progress

GROUP = 16  # images labelled at once


@dataclass(frozen=True)
class View:
    """One way of looking at an image.

    Attributes:
        name: for reports.
        mirrored: left and right are exchanged.
        scale: how large objects become, relative to what the method works at.
        window: share of each side that is seen, at a place drawn for each image.
    """

    name: str
    mirrored: bool = False
    scale: float = 1.0
    window: float = 1.0

    def __call__(self, pixels: np.ndarray, place: tuple[float, float]) -> np.ndarray:
        """The view of an image or labels (H, W, ...); `place` of its window: (0, 0) top left, (1, 1) bottom right."""
        H, W = pixels.shape[:2]
        h, w = max(1, round(H * self.window)), max(1, round(W * self.window))
        top, left = round(place[0] * (H - h)), round(place[1] * (W - w))
        seen = pixels[top : top + h, left : left + w]
        return np.ascontiguousarray(seen[:, ::-1] if self.mirrored else seen)


VIEWS = (
    View("flip", mirrored=True),
    View("smaller", scale=0.75),
    View("larger", scale=1.25),
    View("crop", window=0.75),
)


def equivariance_error(
    discoverer: PartDiscoverer,
    images: Any,
    views: Sequence[View] = VIEWS,
    *,
    refine: bool = False,
    seed: int = 0,
    progress: Callable[[str, int], Progress] | None = None,
) -> dict[str, LabelChanges]:
    """How many of the objects' pixels change their part from view to view.

    Args:
        discoverer: fitted.
        images: anything that `partdisc.data.list_images` takes; those that cannot be decoded are left out.
        views: what is done to each image.
        refine: refine labels by colours, as a run's masks are.
        seed: of the places of windows.
        progress: makes the progress of a stage with so many items.

    Returns:
        For each view's name the changes summed over all images, in pixels of the images.

    Raises:
        ConfigError: if there are no views, or two of one name.
    """
    if not views or len({view.name for view in views}) < len(views):
        raise ConfigError("Expected one view or more, each with a name of its own.")
    listed = list_images(images)
    total = {view.name: LabelChanges() for view in views}
    bar = (progress or _silent)("equivariance", len(listed))
    with bar:
        for start in range(0, len(listed), GROUP):
            group = listed.records[start : start + GROUP]
            pictures = {record.id: pixels for record in group for pixels in _decoded(record)}
            _compare(discoverer, pictures, views, refine, seed, total)
            for _ in group:
                bar.advance()
    return total


def _silent(stage: str, count: int) -> Progress:
    return Progress(stage, count, verbosity=0)


def _decoded(record: ImageRecord) -> list[np.ndarray]:
    try:
        return [decode_image(record.path if record.pixels is None else record.pixels)]
    except DataError:
        return []


def _compare(
    discoverer: PartDiscoverer,
    pictures: dict[str, np.ndarray],
    views: Sequence[View],
    refine: bool,
    seed: int,
    total: dict[str, LabelChanges],
) -> None:
    if not pictures:
        return
    whole = _labels(discoverer, list(pictures.values()), refine)
    places = [_place(seed, image_id) for image_id in pictures]
    for view in views:
        expected = [view(labels, place) for labels, place in zip(whole, places, strict=True)]
        seen = [view(image, place) for image, place in zip(pictures.values(), places, strict=True)]
        found = _labels(_resized(discoverer, view), seen, refine)
        total[view.name] = sum(map(label_changes, expected, found), total[view.name])


def _place(seed: int, image_id: str) -> tuple[float, float]:
    down, right = np.random.default_rng((seed, zlib.crc32(image_id.encode()))).random(2)
    return float(down), float(right)


def _resized(discoverer: PartDiscoverer, view: View) -> PartDiscoverer:
    """The same method for images of which only a window is there: objects keep the size they had, times `scale`."""
    changed = copy.copy(discoverer)
    changed.image_size = max(1, round(discoverer.image_size * view.scale * view.window))
    return changed


def _labels(discoverer: PartDiscoverer, pictures: list[np.ndarray], refine: bool) -> list[np.ndarray]:
    """Labels (H, W) of pictures, in their order."""
    listed: ImageList = list_images(pictures)
    features = discoverer.extract(listed)
    load = small_images(features, listed)
    found = {
        maps.image_id: (refined(maps, load(i)) if refine else maps).to_labels()
        for i, maps in enumerate(discoverer.iter_maps(features))
    }
    return [found[record.id] for record in listed.records]
