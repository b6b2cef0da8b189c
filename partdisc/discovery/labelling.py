"""A fitted method's parts, written for every image: masks, soft maps, index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from partdisc.allocator import freed_memory_kept
from partdisc.data import ImageList
from partdisc.data.remote import to_text
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import INSIDE, Masks, Pictures, small_images
from partdisc.discovery.predicting import AT_ONCE
from partdisc.foreground import resize_mask
from partdisc.parts import PartMaps
from partdisc.processes import ALONE, Processes
from partdisc.progress import ProgressMaker
from partdisc.refinement import refined
from partdisc.render.palette import part_palette
from partdisc.store import maps as map_store
from partdisc.store.features import FeatureEntry, FeatureSet
from partdisc.store.masks import MaskEntry, MaskSet, write_grey, write_index, write_mask
from partdisc.threads import spread

GROUP = 64  # images whose maps share a shard
MIN_GROUPS = 16  # of small jobs too, so that several processes share them
MIN_PORTIONS = 32  # likewise, so that no thread waits long for the last one


def write_parts(
    root: Path,
    discoverer: PartDiscoverer,
    features: FeatureSet,
    images: ImageList,
    *,
    maps: bool,
    refinement: str = "auto",
    progress: ProgressMaker,
    processes: Processes = ALONE,
    foreground: Masks | None = None,
    soft_foreground: bool = False,
    pictures: Pictures | None = None,
) -> MaskSet:
    """Write `parts/` of a run; groups of images that are there already are skipped, processes share the rest.

    Args:
        root: the run directory.
        discoverer: fitted.
        features: of all images.
        images: in the order in which the index shall list them.
        maps: whether soft maps are written too; they stay on the backbone's grid.
        refinement: "colour" refines masks by each image's colours, "none" does not, "auto" does where the method
            knows a background.
        progress: makes the progress of a stage with so many items.
        processes: those that write together.
        foreground: masks by image id: parts fill them to the pixel, and the rest is background.
        soft_foreground: whether the first part's probability is written too, as `foreground/<id>.png` of the run.
        pictures: the `small_images` of these, where there are any already.
    """
    masks = MaskSet(root / "parts", discoverer.num_parts_, part_palette(discoverer.num_parts_))
    masks.images_root = to_text(images.root)
    masks.part_names = None if discoverer.part_names is None else list(discoverer.part_names)
    writer = _Writer(masks, foreground or {}, root / "foreground" if soft_foreground else None)
    refine = is_refined(refinement, discoverer.has_background or bool(foreground))
    load = pictures or small_images(features, images)
    groups = _cut(range(len(features)), min(GROUP, -(-len(features) // MIN_GROUPS)))
    todo = processes.share_of(
        processes.from_first(
            lambda: [n for n, group in enumerate(groups) if not _is_written(masks, features, group, n, maps)]
        )
    )

    def write_some(indices: Sequence[int]) -> list[PartMaps]:
        found = list(discoverer.iter_maps(features, indices, images=images, foreground=foreground))
        for index, part_maps in zip(indices, found, strict=True):
            writer.write(part_maps, load(index) if refine else None)
        return found

    with progress("masks", len(features)) as bar, freed_memory_kept():
        bar.skip(len(features) - sum(len(groups[n]) for n in todo))
        # portions end where groups do: the same ones whoever writes them, and whatever is there already
        most = max(1, min(AT_ONCE, len(features) // MIN_PORTIONS))
        portions = {n: _cut(groups[n], most) for n in todo}
        written = spread(write_some, (portion for n in todo for portion in portions[n]))
        for number in todo:
            found = []
            for portion in islice(written, len(portions[number])):
                found += portion
                bar.advance(len(portion))
            if maps:
                map_store.write_maps(map_store.shard_path(masks.folder / "maps", number), found)
    masks.entries = _index(features.entries, images)
    processes.wait()
    if processes.first:
        write_index(masks)
    return masks


def _cut(indices: range, most: int) -> list[range]:
    """Indices in pieces of at most so many."""
    return [indices[i : i + most] for i in range(0, len(indices), most)]


def is_refined(refinement: str, has_background: bool) -> bool:
    """Whether masks are refined by colours: always, never, or ("auto") where there is a background."""
    return refinement == "colour" or (refinement == "auto" and has_background)


def mask_name(image_id: str) -> str:
    """Where an image's mask lies, relative to `parts/`."""
    return f"masks/{image_id}.png"


def labels_within(maps: PartMaps, mask: np.ndarray) -> np.ndarray:
    """Labels of maps whose foreground is given: a part wherever the mask (H, W) says object, else 0."""
    parts = maps.maps.copy()
    parts[0] = 0
    labels = replace(maps, maps=parts).to_labels()
    return np.where(mask > INSIDE, labels, 0).astype(np.uint8)


@dataclass(frozen=True)
class _Writer:
    """Writes what belongs to one image; `soft` is the folder of soft foreground masks, where they are wanted."""

    masks: MaskSet
    foreground: Masks
    soft: Path | None

    def write(self, maps: PartMaps, picture: np.ndarray | None) -> None:
        fine, mask = maps if picture is None else refined(maps, picture), None
        if maps.image_id in self.foreground:
            mask = resize_mask(self.foreground[maps.image_id], maps.size)
        if self.soft is not None:
            inside = fine.resized()[1] if mask is None else mask
            write_grey(self.soft / f"{maps.image_id}.png", inside)
        labels = fine.to_labels() if mask is None else labels_within(fine, mask)
        write_mask(self.masks.folder / mask_name(maps.image_id), labels, self.masks.palette)


def _is_written(masks: MaskSet, features: FeatureSet, group: Sequence[int], number: int, maps: bool) -> bool:
    if maps:  # written after the group's masks
        return map_store.shard_path(masks.folder / "maps", number).exists()
    return all((masks.folder / mask_name(features.entries[i].id)).exists() for i in group)


def _index(entries: Sequence[FeatureEntry], images: ImageList) -> list[MaskEntry]:
    labelled = {entry.id for entry in entries}
    return [
        MaskEntry(r.id, r.path.relative_to(images.root).as_posix(), r.width, r.height, mask_name(r.id))
        for r in images.records
        if r.id in labelled
    ]
