"""Runs, annotation and images of one `render` command, brought together."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.data.annotations import AnnotatedImage, AnnotationSet, read_annotations
from partdisc.data.decoding import explain, load_rgb
from partdisc.errors import ConfigError, DataError
from partdisc.metrics.pairing import pair_images
from partdisc.render.runs import RunView, open_run, read_entry
from partdisc.render.shown_parts import ShownParts, to_keys, unify_parts
from partdisc.store.masks import MaskEntry


def read_image(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of an image as displayed; several threads may call it inside one `decoding.quiet`."""
    try:
        return load_rgb(Path(path), size)
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {explain(error)}") from error


@dataclass
class Sources:
    """Everything pictures are made of.

    Attributes:
        runs: the first names the images.
        annotations: the annotated set, or None.
        partners: image id of the first run -> annotated image.
        images_root: where the images are now, or None for where the run found them.
    """

    runs: list[RunView]
    annotations: AnnotationSet | None = None
    partners: dict[str, AnnotatedImage] = field(default_factory=dict)
    images_root: Path | None = None

    @functools.cached_property
    def shown(self) -> ShownParts:
        """The parts of all runs and the annotation under common keys."""
        return unify_parts(self.runs, self.annotated_names)

    @property
    def annotated_names(self) -> Sequence[str]:
        """Names of the annotated parts: of the annotation given, or of the evaluation."""
        return tuple(self.annotations.part_names) if self.annotations else self.runs[0].annotated_names

    @property
    def entries(self) -> dict[str, MaskEntry]:
        """The first run's images by id."""
        return self.runs[0].masks.by_id

    def pair(self, entry: MaskEntry) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (H, W, 3) and labels (H, W) of an image in the first run."""
        return read_entry(self.runs[0], entry, read_image, self.images_root)

    def keys(self, run: int, entry: MaskEntry) -> np.ndarray | None:
        """What run number `run` says of an image, as keys of the shown parts; None where it does not know it."""
        own = self.runs[run].masks.by_id.get(entry.id)
        if own is None:
            return None
        view = self.runs[run]
        return to_keys(view.masks.labels(own), self.shown.runs[run].of(view.categories.get(entry.id)))

    def annotation(self, entry: MaskEntry) -> np.ndarray | None:
        """What the annotation says of an image, or None.

        Raises:
            DataError: if it is of another size than the image.
        """
        partner = self.partners.get(entry.id)
        if partner is None or self.annotations is None:
            return None
        labels = self.annotations.labels(partner)
        if labels.shape != (entry.height, entry.width):
            raise DataError(
                f"The annotation of {partner.file_name} is {labels.shape[1]} x {labels.shape[0]}, but the image in "
                f"the run is {entry.width} x {entry.height}: they are not of the same picture."
            )
        return labels


def open_sources(
    folders: Sequence[str | os.PathLike[str]],
    *,
    titles: Sequence[str] | None = None,
    annotations: str | AnnotationSet | None = None,
    reading: Mapping[str, Any] | None = None,
    images: str | None = None,
    pairs: Sequence[tuple[int, int]] | None = None,
) -> Sources:
    """Open runs and annotation; `pairs` of images of the first run and annotated ones, where they are known already.

    Raises:
        ConfigError: if there is not one title for each run, or two runs share a name.
    """
    if titles and len(titles) != len(folders):
        raise ConfigError(f"Expected {len(folders)} titles, one for each run, but got {len(titles)}.")
    names = list(titles) if titles else [None] * len(folders)
    runs = [open_run(folder, name) for folder, name in zip(folders, names, strict=True)]
    shown = [run.name for run in runs]
    if len(set(shown)) < len(shown):
        raise ConfigError(f"Two runs are called alike ({', '.join(shown)}); tell them apart with --titles.")
    if images is not None and not Path(images).is_dir():
        raise ConfigError(f"Expected --images to be a folder, but {images} is none.")
    root = Path(images) if images is not None else None
    if annotations is None:
        return Sources(runs, images_root=root)
    found = annotations
    if not isinstance(found, AnnotationSet):
        found = read_annotations(found, **(reading or {}))
    ids = [entry.id for entry in runs[0].masks.entries]
    if pairs is None:
        pairs = pair_images(ids, [image.id for image in found.images]).pairs
    _check_names(runs, found)
    return Sources(runs, found, {ids[r]: found.images[a] for r, a in pairs}, root)


def _check_names(runs: Sequence[RunView], annotations: AnnotationSet) -> None:
    """Matchings hold for the annotated parts they were fitted to."""
    for run in runs:
        if run.targets and run.annotated_names != tuple(annotations.part_names):
            raise ConfigError(
                f"{run.folder} was evaluated against the parts {', '.join(run.annotated_names)}, but the annotation "
                f"has {', '.join(annotations.part_names)}; give the same --groups, or evaluate it again."
            )
