"""Draws the runs of a collection one by one, and the index page of their reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from partdisc.cli.rendering.drawings import Drawing, draw
from partdisc.cli.rendering.sources import open_sources
from partdisc.data.annotations import AnnotationSet, read_annotations
from partdisc.errors import ConfigError
from partdisc.metrics.pairing import pair_groups
from partdisc.render.report.overview import OverviewItem, write_overview
from partdisc.render.runs import open_run
from partdisc.store.collection import counterpart, load_collection, members_of
from partdisc.store.masks import read_masks


def draw_members(
    folders: Sequence[str],
    drawing: Drawing,
    names: Sequence[str],
    *,
    titles: Sequence[str] | None,
    annotations: str | None,
    reading: Mapping[str, Any],
    images: str | None,
) -> Iterator[Path]:
    """Draw each run of a collection.

    Args:
        folders: the collection, and what it is compared with: runs, or collections whose runs of the same names are.
        drawing: of the collection; each run's files go to places of its own.
        names: of figures, or () for all that a run has something for.
        titles: of the folders.
        annotations: path of the annotated set.
        reading: options of `read_annotations`.
        images: where the images are now, if they moved.

    Yields:
        every file as it is written; at last the index page.

    Raises:
        ConfigError: if single images are named, which only one run has.
    """
    if drawing.show:
        raise ConfigError(f"Expected --show with one run, but {folders[0]} holds several: name one of these.")
    collection = load_collection(folders[0])
    runs = {run.name: run for run in members_of([collection.folder])}
    if len(folders) > 1:
        titles = titles or [Path(folder).resolve().name for folder in folders]
    truth = None if annotations is None else read_annotations(annotations, **reading)
    pairs = _pairs(runs, truth)
    items = []
    for name, run in runs.items():
        beside = [counterpart(folder, name) for folder in folders[1:]]
        annotated = truth if pairs[name] else None
        sources = open_sources(
            [run, *beside], titles=titles, annotations=annotated, images=images, pairs=pairs[name]
        )
        own = _of_member(drawing, collection.folder, name)
        yield from draw(sources, own, names)
        items.append(
            OverviewItem(open_run(run), own.report / "index.html", run / "figures" / "contact_sheet.jpg")
        )
    if not names or "report" in names:
        skipped = [(member.name, member.reason) for member in collection.skipped]
        yield write_overview(collection.folder.resolve().name, items, skipped, drawing.report)


def _pairs(runs: Mapping[str, Path], truth: AnnotationSet | None) -> dict[str, list[tuple[int, int]]]:
    """Which image of each run is which annotated one."""
    if truth is None:
        return {name: [] for name in runs}
    ids = {name: [entry.id for entry in read_masks(run).entries] for name, run in runs.items()}
    found = pair_groups(ids, [image.id for image in truth.images])
    return {name: pairing.pairs for name, pairing in found.items()}


def _of_member(drawing: Drawing, collection: Path, name: str) -> Drawing:
    """Where the pictures of one run go: into it, or below the place that was named."""
    if drawing.report.parent == collection:
        return replace(drawing, out=collection / name / "figures", report=collection / name / "report")
    return replace(drawing, out=drawing.out / name, report=drawing.out / name / "report")
