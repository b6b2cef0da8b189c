"""Builds a report: gallery, parts, scores and settings of one run, side by side with others."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.progress import Progress
from partdisc.render.contact_sheet import thumbnail
from partdisc.render.patches import patch_cells
from partdisc.render.pictures import encode_picture
from partdisc.render.report.gallery import (
    SHARD_SIZE,
    GalleryItem,
    Layer,
    ShardWriter,
    make_item,
    make_items,
    present_keys,
    thumbnail_side,
    write_call,
)
from partdisc.render.report.page import page_context, render_page
from partdisc.render.runs import ReadImage, RunView, check_size, image_path, is_remote, read_entry
from partdisc.render.shown_parts import RunKeys, ShownParts, unify_parts
from partdisc.render.survey import REGION, part_frequencies
from partdisc.scores import score_name
from partdisc.store.files import PARTIAL_PREFIX
from partdisc.store.masks import Color, MaskEntry

PATCHES, PATCH_SIDE = 12, 160
STATIC = ("report.css", "report.js")


@dataclass
class ReportSource:
    """What a report shows.

    Attributes:
        runs: the first names the images; the others are compared with it.
        read_image: path, and (H, W) as `size` or None -> uint8 (H, W, 3) as displayed; called by several threads.
        images_root: where the images are now, or None for where the run found them.
        annotated_names: names of the annotated parts, or ().
        annotation: image entry -> annotated labels, or None.
    """

    runs: Sequence[RunView]
    read_image: ReadImage
    images_root: Path | None = None
    annotated_names: Sequence[str] = ()
    annotation: Callable[[MaskEntry], np.ndarray | None] | None = None


@dataclass
class _Gathered:
    present: list[list[int]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    regions: list[np.ndarray] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    drawn: set[int] = field(default_factory=set)


def write_report(
    source: ReportSource, folder: str | os.PathLike[str], *, workers: int = 2, verbosity: int = 1
) -> Path:
    """Write the report to `folder`, whole or not at all; an earlier report there is replaced.

    Args:
        source: what to show.
        folder: must not exist, be empty, or hold a report.
        workers: threads.
        verbosity: 0 prints no progress.

    Returns:
        The path of index.html.

    Raises:
        DataError: if no image could be shown.
        ConfigError: if `folder` holds something else.
        ArtifactError: if it cannot be written.
    """
    target = Path(folder)
    _check_target(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=target.parent))
    except OSError as error:
        raise ArtifactError(f"Cannot write the report to {target}: {error.strerror or error}.") from error
    try:
        _fill(source, partial, workers, verbosity)
        if target.exists():
            shutil.rmtree(target)
        os.chmod(partial, 0o755)
        os.replace(partial, target)
    except OSError as error:
        raise ArtifactError(f"Cannot write the report to {target}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target / "index.html"


def _check_target(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"Expected a folder for the report, but {target} is a file.")
    if target.exists() and any(target.iterdir()) and not (target / "data" / "index.js").exists():
        raise ConfigError(
            f"{target} is not empty and holds no report, so it is left alone; choose another --out."
        )


def _fill(source: ReportSource, folder: Path, workers: int, verbosity: int) -> None:
    run = source.runs[0]
    entries = run.masks.entries
    shown = unify_parts(source.runs, source.annotated_names)
    layers = report_layers(source, shown)
    side = thumbnail_side(len(entries))
    for name in ("data", "parts", *{f"thumbs/{i // 1000:03d}" for i in range(len(entries))}):
        (folder / name).mkdir(parents=True)
    read_picture = functools.partial(_read_picture, source)
    make = functools.partial(make_item, layers=layers, read_picture=read_picture, folder=folder, side=side)
    gathered, shards = _Gathered(), ShardWriter(folder)
    with Progress("report", len(entries), verbosity=verbosity) as progress:
        for entry, item in zip(entries, make_items(entries, make, workers), strict=True):
            shards.add(item.paths)
            _gather(gathered, entry, item, _keys_of(run, shown.runs[0], entry))
            progress.advance()
    shards.flush()
    if len(gathered.problems) == len(entries):
        first = gathered.problems[0][1] if entries else "The run has no images."
        raise DataError(f"No image can be shown. {first}")
    survey = np.concatenate(gathered.regions) if gathered.regions else np.zeros(0, REGION)
    _write_index(folder, run, shown, layers, gathered)
    patches = _write_patches(source, folder, survey, _palette(shown))
    context = page_context(
        source.runs,
        shown,
        version=metadata.version("partdisc"),
        frequencies=part_frequencies(survey, run.masks.num_parts, len(entries)),
        patches=patches,
        problems=gathered.problems,
    )
    (folder / "index.html").write_text(render_page(context), encoding="utf-8")
    for name in STATIC:
        shutil.copyfile(Path(__file__).parent / name, folder / name)


def report_layers(source: ReportSource, shown: ShownParts) -> list[Layer]:
    """The annotation, if there is one, then the runs."""
    layers = [
        Layer(
            run.name,
            functools.partial(_keys_of, run, keys),
            functools.partial(_labels_by_id, run),
            run is source.runs[0],
        )
        for run, keys in zip(source.runs, shown.runs, strict=True)
    ]
    if source.annotation is not None:
        layers.insert(0, Layer("annotation", lambda entry: shown.annotation_keys, source.annotation))
    return layers


def _keys_of(run: RunView, keys: RunKeys, entry: MaskEntry) -> Sequence[int]:
    return keys.of(run.categories.get(entry.id))


def _palette(shown: ShownParts) -> list[Color]:
    """Colours of the first run's labels 0..K."""
    return [shown.palette[key] for key in shown.runs[0].of()]


def _labels_by_id(run: RunView, entry: MaskEntry) -> np.ndarray | None:
    own = run.masks.by_id.get(entry.id)
    return None if own is None else run.masks.labels(own)


def _read_picture(source: ReportSource, entry: MaskEntry, size: tuple[int, int]) -> np.ndarray:
    path = image_path(source.runs[0], entry, source.images_root)
    if not is_remote(source.runs[0], source.images_root):
        check_size(path, entry)
    return source.read_image(path, size=size)


def _gather(gathered: _Gathered, entry: MaskEntry, item: GalleryItem, keys: Sequence[int]) -> None:
    gathered.present.append(present_keys(item.regions, keys))
    gathered.sizes.append(item.size)
    gathered.drawn.update(key for paths in item.paths if paths for key in paths)
    if item.problem:
        gathered.problems.append((entry.id, item.problem))
    elif item.regions is not None:
        gathered.regions.append(item.regions)


def _write_index(
    folder: Path, run: RunView, shown: ShownParts, layers: Sequence[Layer], gathered: _Gathered
) -> None:
    ids = [entry.id for entry in run.masks.entries]
    missing = {name for name, _ in gathered.problems}
    columns = sorted({name for scores in run.per_image.values() for name in scores})
    scores = {c: [run.per_image.get(i, {}).get(c) for i in ids] for c in columns}
    index: dict[str, Any] = {
        "shard_size": SHARD_SIZE,
        "parts": [
            {
                "key": p.key,
                "name": p.name,
                "color": "rgb({},{},{})".format(*p.color),
                "occurs": p.key in gathered.drawn,
            }
            for p in shown.parts
        ],
        "layers": [layer.name for layer in layers],
        "ids": ids,
        "sizes": gathered.sizes,
        "present": gathered.present,
        "scores": scores,
        "score_names": {column: score_name(column) for column in columns},
        "missing": [index for index, name in enumerate(ids) if name in missing],
    }
    write_call(folder / "data" / "index.js", "index", index)


def _write_patches(
    source: ReportSource, folder: Path, survey: np.ndarray, palette: Sequence[Color]
) -> list[list[str]]:
    """Pictures of the most typical patches of each discovered part; their paths in the report."""
    run = source.runs[0]
    entries = run.masks.entries

    def read_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
        return read_entry(run, entries[index], source.read_image, source.images_root)

    written = []
    for label in range(1, run.masks.num_parts + 1):
        names = []
        for place, cell in enumerate(patch_cells(survey, label, PATCHES, read_pair, palette)):
            name = f"parts/{label:03d}_{place:02d}.jpg"
            pixels = thumbnail(cell.picture, cell.labels, PATCH_SIDE, cell.overlay)
            (folder / name).write_bytes(encode_picture(pixels, ".jpg"))
            names.append(name)
        written.append(names)
    return written
