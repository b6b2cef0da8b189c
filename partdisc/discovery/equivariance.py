"""Whether parts keep their identity when an image is mirrored, made smaller or larger, or cropped.

Each view of an image is labelled anew; the labels found in the whole image, moved like the image, say what should
come out. The share of the object's pixels where something else does is the equivariance error: 0 for parts that stay
with the object, and 0 as well for one part everywhere, so it is read beside a score, and beside controls.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partdisc.data import ImageList, decode_image, list_images
from partdisc.data.images import ImageRecord
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import small_images
from partdisc.discovery.views import VIEWS, View
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.consistency import LabelChanges, label_changes
from partdisc.metrics.controls import grid_labels, image_seed
from partdisc.progress import ProgressMaker, silent
from partdisc.refinement import refined

GROUP = 16  # images labelled at once


def grid_within(labels: np.ndarray, num_parts: int, rng: np.random.Generator) -> np.ndarray:
    """A control: K cells of a grid over the frame, wherever labels (H, W) say object: parts by place."""
    return grid_labels((labels.shape[0], labels.shape[1]), num_parts) * (labels > 0)


def random_within(labels: np.ndarray, num_parts: int, rng: np.random.Generator) -> np.ndarray:
    """A control: a part drawn for each pixel, wherever labels (H, W) say object: no identity at all."""
    return rng.integers(1, num_parts + 1, labels.shape, dtype=np.uint8) * (labels > 0)


CONTROLS = {"grid": grid_within, "random": random_within}


@dataclass
class Equivariance:
    """How many of the objects' pixels change their part from view to view.

    Attributes:
        views: for each view's name the changes summed over all images, in pixels of the images.
        controls: the same of labels that know nothing of parts, within the very foreground that was found.
        num_images: how many could be looked at.
    """

    views: dict[str, LabelChanges]
    controls: dict[str, dict[str, LabelChanges]] = field(default_factory=dict)
    num_images: int = 0

    @property
    def overall(self) -> LabelChanges:
        """All views together."""
        return sum(self.views.values(), LabelChanges())

    def to_json(self) -> dict[str, Any]:
        """Errors and counts, for a file."""
        return {
            "num_images": self.num_images,
            **_by_view(self.views),
            "controls": {name: _by_view(views) for name, views in self.controls.items()},
        }


def _by_view(views: Mapping[str, LabelChanges]) -> dict[str, Any]:
    overall = sum(views.values(), LabelChanges())
    return {"overall": overall.to_json(), "views": {name: found.to_json() for name, found in views.items()}}


def equivariance_error(
    discoverer: PartDiscoverer,
    images: Any,
    views: Sequence[View] = VIEWS,
    *,
    refine: bool = False,
    seed: int = 0,
    progress: ProgressMaker | None = None,
) -> Equivariance:
    """How many of the objects' pixels change their part from view to view.

    Args:
        discoverer: fitted.
        images: anything that `partdisc.data.list_images` takes; those that cannot be decoded are left out.
        views: what is done to each image.
        refine: refine labels by colours, as a run's masks are.
        seed: of the places of windows, and of the random control.
        progress: makes the progress of a stage with so many items.

    Raises:
        ConfigError: if there are no views, or two of one name.
        DataError: if no image can be decoded.
    """
    if not views or len({view.name for view in views}) < len(views):
        raise ConfigError("Expected one view or more, each with a name of its own.")
    listed = list_images(images)
    found = Equivariance(_nothing(views), {name: _nothing(views) for name in CONTROLS})
    with (progress or silent)("equivariance", len(listed)) as bar:
        for start in range(0, len(listed), GROUP):
            group = listed.records[start : start + GROUP]
            pictures = {record.id: pixels for record in group for pixels in _decoded(record)}
            for image in _look(discoverer, pictures, views, refine, seed):
                _count(found, image, discoverer.num_parts_, seed)
            found.num_images += len(pictures)
            for _ in group:
                bar.advance()
    if not found.num_images:
        raise DataError(f"None of the {len(listed)} images can be decoded.")
    return found


def _nothing(views: Sequence[View]) -> dict[str, LabelChanges]:
    return {view.name: LabelChanges() for view in views}


def _decoded(record: ImageRecord) -> list[np.ndarray]:
    try:
        return [decode_image(record.path if record.pixels is None else record.pixels)]
    except DataError:
        return []


@dataclass(frozen=True)
class _Seen:
    """One image in one view: labels (H, W) of the whole image, and (h, w) of the view."""

    image_id: str
    view: View
    place: tuple[float, float]
    whole: np.ndarray
    found: np.ndarray

    def changes(self, relabel: Callable[[np.ndarray], np.ndarray] | None = None) -> LabelChanges:
        """Between both, each `relabel`led where it was found."""
        whole, found = (self.whole, self.found) if relabel is None else map(relabel, (self.whole, self.found))
        return label_changes(self.view(whole, self.place), found)


def _look(
    discoverer: PartDiscoverer,
    pictures: Mapping[str, np.ndarray],
    views: Sequence[View],
    refine: bool,
    seed: int,
) -> Iterator[_Seen]:
    if not pictures:
        return
    whole = _labels(discoverer, list(pictures.values()), refine)
    places = [_place(seed, image_id) for image_id in pictures]
    for view in views:
        seen = [view(image, place) for image, place in zip(pictures.values(), places, strict=True)]
        found = _labels(_resized(discoverer, view), seen, refine)
        for image_id, place, *labels in zip(pictures, places, whole, found, strict=True):
            yield _Seen(image_id, view, place, *labels)


def _count(total: Equivariance, seen: _Seen, num_parts: int, seed: int) -> None:
    name = seen.view.name
    total.views[name] += seen.changes()
    for control, relabel in CONTROLS.items():
        rng = np.random.default_rng(image_seed(seed, f"{name}/{seen.image_id}"))
        total.controls[control][name] += seen.changes(
            functools.partial(relabel, num_parts=num_parts, rng=rng)
        )


def _place(seed: int, image_id: str) -> tuple[float, float]:
    down, right = np.random.default_rng(image_seed(seed, image_id)).random(2)
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
        for i, maps in enumerate(discoverer.iter_maps(features, images=listed))
    }
    return [found[record.id] for record in listed.records]
