"""One function for each figure `partdisc render` knows; each gives the files it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from partdisc.cli.rendering.sources import Sources, read_image
from partdisc.errors import DataError
from partdisc.render.bulk import write_overlays
from partdisc.render.canvas import save_figure
from partdisc.render.contact_sheet import contact_sheet
from partdisc.render.figure import Cell, LegendEntry, picture_grid
from partdisc.render.heat import heat_map
from partdisc.render.legend import draw_legend, legend_texts
from partdisc.render.overlay import PartOverlay
from partdisc.render.patches import patch_figure
from partdisc.render.pictures import fit_within, resize, write_picture
from partdisc.render.plots import ScorePoint, curves_figure, read_curves, scores_figure
from partdisc.render.report import ReportSource, write_report
from partdisc.render.runs import RunView, choose_images
from partdisc.render.survey import survey_parts
from partdisc.store.maps import read_maps
from partdisc.store.masks import MaskEntry

SHEET_COUNT = 24
HEAT_SIDE = 512  # pixels; soft maps are coarse


@dataclass
class Drawing:
    """How to draw: the options of the command with their defaults."""

    out: Path
    report: Path
    choose: str = "random"
    count: int = 6
    show: Sequence[str] = ()
    score: str = "part_miou"
    seed: int = 0
    save: Sequence[str] = ("png",)
    width: float = 170
    dpi: int = 300
    style: str | None = None
    overlay: PartOverlay = field(default_factory=PartOverlay)
    overlay_format: str = "jpg"
    workers: int = 2
    verbosity: int = 1

    def save_all(self, figure: Figure, name: str) -> list[Path]:
        """Write a figure in every format asked for."""
        paths = [self.out / f"{name}.{ending}" for ending in self.save]
        for path in paths:
            save_figure(figure, path, dpi=self.dpi)
        return paths

    def grid(self) -> dict[str, Any]:
        """Options of `picture_grid`."""
        return {"width_mm": self.width, "dpi": self.dpi, "style": self.style}


def _scores(run: RunView, name: str) -> dict[str, float]:
    return {image: scores[name] for image, scores in run.per_image.items() if name in scores}


def chosen_entries(sources: Sources, drawing: Drawing) -> list[MaskEntry]:
    """The images a figure shows: those named, or those chosen among the ones that are annotated."""
    entries = sources.entries
    if drawing.show:
        return [_named(entries, name) for name in drawing.show]
    ids = [i for i in entries if not sources.partners or i in sources.partners]
    scores = _scores(sources.runs[0], drawing.score)
    return [
        entries[i]
        for i in choose_images(ids, drawing.choose, drawing.count, scores=scores, seed=drawing.seed)
    ]


def _named(entries: dict[str, MaskEntry], name: str) -> MaskEntry:
    found = [entry for i, entry in entries.items() if i == name or i.endswith("/" + name)]
    if len(found) != 1:
        raise DataError(f"Expected {name!r} to name one image of the run, but it fits {len(found)}.")
    return found[0]


def draw_comparison(sources: Sources, drawing: Drawing) -> list[Path]:
    """Image, annotation, one column a run; the legend has the parts that occur."""
    overlay = replace(drawing.overlay, palette=sources.shown.palette)
    rows: list[list[Cell | None]] = []
    present: set[int] = set()
    for entry in chosen_entries(sources, drawing):
        pixels, _ = sources.pair(entry)
        maps = [sources.keys(run, entry) for run in range(len(sources.runs))]
        if sources.annotations:
            maps.insert(0, sources.annotation(entry))
        rows.append([Cell(pixels), *(None if m is None else Cell(pixels, m, overlay) for m in maps)])
        present |= {int(key) for m in maps if m is not None for key in np.unique(m)}
    columns = ["image", *(["annotation"] if sources.annotations else []), *(run.name for run in sources.runs)]
    legend = [
        LegendEntry(part.color, part.name, part.key if overlay.hatching else 0)
        for part in sources.shown.parts
        if part.key in present
    ]
    return drawing.save_all(
        picture_grid(rows, columns=columns, legend=legend, **drawing.grid()), "comparison"
    )


def draw_parts(sources: Sources, drawing: Drawing) -> list[Path]:
    """The most typical patches of every part of the first run."""
    run = sources.runs[0]
    entries = run.masks.entries
    survey = survey_parts(run.masks.labels(entry) for entry in entries)
    keys = sources.shown.runs[0].of()
    names = [_name_of(sources, label) for label in range(1, run.masks.num_parts + 1)]
    figure = patch_figure(
        survey,
        names,
        [sources.shown.palette[key] for key in keys],
        lambda index: sources.pair(entries[index]),
        num_images=len(entries),
        **drawing.grid(),
    )
    return drawing.save_all(figure, "parts")


def _name_of(sources: Sources, label: int) -> str:
    """A discovered part's own name, with that of the annotated part it was matched to."""
    own = sources.runs[0].masks.names.of(label)
    key = sources.shown.runs[0].of()[label]
    if key == 0:
        return f"{own} = background"
    if key > sources.shown.num_annotated:
        return own
    return f"{own} = {sources.shown.parts[key - 1].name}"


def _named_overlay(sources: Sources, drawing: Drawing) -> PartOverlay:
    """How parts are drawn, with the colours and names that all figures of these runs share."""
    shown = sources.shown
    return replace(drawing.overlay, palette=shown.palette, part_names=[part.name for part in shown.parts])


def draw_sheets(sources: Sources, drawing: Drawing) -> list[Path]:
    """Contact sheets of the best, worst, median and random images; without scores, random ones alone."""
    run = sources.runs[0]
    scores = _scores(run, drawing.score)
    written = []
    for which in ("best", "worst", "median", "random") if scores else ("random",):
        ids = choose_images(list(sources.entries), which, SHEET_COUNT, scores=scores, seed=drawing.seed)
        overlay = replace(_named_overlay(sources, drawing), legend=True)
        pairs = [(sources.pair(sources.entries[i])[0], sources.keys(0, sources.entries[i])) for i in ids]
        captions = [f"{scores[i]:.2f}  {i}" if i in scores else i for i in ids]
        path = drawing.out / f"sheet_{which}.jpg"
        write_picture(path, np.asarray(contact_sheet(pairs, columns=6, overlay=overlay, captions=captions)))
        written.append(path)
    return written


def draw_heatmaps(sources: Sources, drawing: Drawing) -> list[Path]:
    """One column a part: its soft map over the image; each column has one scale."""
    run = sources.runs[0]
    store = read_maps(run.masks.folder)
    entries = [entry for entry in chosen_entries(sources, drawing) if entry.id in store]
    if not entries:
        raise DataError(f"None of the chosen images has soft maps in {run.folder}.")
    maps = [store[entry.id] for entry in entries]
    highest = np.max([m.maps[1:].max((1, 2)) for m in maps], axis=0)
    rows: list[list[Cell | None]] = []
    for entry, soft in zip(entries, maps, strict=True):
        pixels, _ = sources.pair(entry)
        side = min(HEAT_SIDE, max(pixels.shape[:2]))
        small = resize(pixels, fit_within((pixels.shape[0], pixels.shape[1]), (side, side)))
        resized = soft.resized((small.shape[0], small.shape[1]))
        cells = [
            Cell(heat_map(small, m, highest=float(h))) for m, h in zip(resized[1:], highest, strict=True)
        ]
        rows.append([Cell(small), *cells])
    columns = ["image", *run.masks.names]
    return drawing.save_all(picture_grid(rows, columns=columns, **drawing.grid()), "heatmaps")


def draw_curves(sources: Sources, drawing: Drawing) -> list[Path]:
    """What log.jsonl of each run holds."""
    curves = {run.name: read_curves(run.folder / "log.jsonl") for run in sources.runs}
    return drawing.save_all(curves_figure(curves, width_mm=drawing.width, style=drawing.style), "curves")


def draw_scores(sources: Sources, drawing: Drawing) -> list[Path]:
    """The score of each run against its number of parts, one line a method."""
    series: dict[str, list[ScorePoint]] = {}
    for run in sources.runs:
        value = run.metrics.get(drawing.score)
        if value is not None:
            bounds = run.metrics.get("intervals", {}).get(drawing.score)
            interval = (bounds[0], bounds[1]) if bounds and None not in bounds else None
            series.setdefault(_method(run), []).append((run.masks.num_parts, value, interval))
    figure = scores_figure(series, score=drawing.score, width_mm=drawing.width / 2, style=drawing.style)
    return drawing.save_all(figure, "scores")


def _method(run: RunView) -> str:
    settings = run.about.get("settings", {})
    return str(settings.get("method", run.name)) if isinstance(settings, dict) else run.name


def draw_legend_picture(sources: Sources, drawing: Drawing) -> list[Path]:
    """Every part shown, with its IoU."""
    run, shown = sources.runs[0], sources.shown
    ious: dict[int, float | None] = {}
    for key, iou in zip(shown.runs[0].of()[1:], run.part_ious, strict=True):
        ious[key] = iou
    texts = legend_texts([p.name for p in shown.parts], [ious.get(p.key) for p in shown.parts])
    strip = draw_legend(
        [p.key for p in shown.parts], texts, shown.palette, width=900, hatching=drawing.overlay.hatching
    )
    path = drawing.out / "legend.png"
    write_picture(path, strip)
    return [path]


def draw_overlays(sources: Sources, drawing: Drawing) -> list[Path]:
    """Every image of the first run."""
    overlay = _named_overlay(sources, drawing)

    def read_pair(entry: MaskEntry) -> tuple[np.ndarray, np.ndarray]:
        keys = sources.keys(0, entry)
        pixels, labels = sources.pair(entry)
        return pixels, labels if keys is None else keys

    folder = drawing.out / "overlays"
    write_overlays(
        sources.runs[0].masks.entries,
        read_pair,
        overlay,
        folder,
        suffix="." + drawing.overlay_format,
        workers=drawing.workers,
        verbosity=drawing.verbosity,
    )
    return [folder]


def draw_report(sources: Sources, drawing: Drawing) -> list[Path]:
    """The HTML report."""
    source = ReportSource(
        sources.runs,
        read_image,
        sources.images_root,
        sources.annotated_names,
        sources.annotation if sources.annotations else None,
    )
    return [write_report(source, drawing.report, workers=drawing.workers, verbosity=drawing.verbosity)]


Draw = Callable[[Sources, Drawing], list[Path]]
FIGURES: dict[str, Draw] = {
    "comparison": draw_comparison,
    "parts": draw_parts,
    "sheets": draw_sheets,
    "heatmaps": draw_heatmaps,
    "curves": draw_curves,
    "scores": draw_scores,
    "legend": draw_legend_picture,
    "overlays": draw_overlays,
    "report": draw_report,
}


def drawable(sources: Sources, score: str) -> Iterator[str]:
    """The figures this run has something for; overlays of every image are drawn only when asked for."""
    run = sources.runs[0]
    absent = {
        "heatmaps": not any((run.masks.folder / "maps").glob("*.safetensors")),
        "curves": not any(read_curves(r.folder / "log.jsonl") for r in sources.runs),
        "scores": not any(r.metrics.get(score) is not None for r in sources.runs),
        "overlays": True,
    }
    yield from (name for name in FIGURES if not absent.get(name))


def draw(sources: Sources, drawing: Drawing, names: Sequence[str] = ()) -> Iterator[Path]:
    """The figures called `names`, or all that the run has something for; gives each file as it is written."""
    for name in names or drawable(sources, drawing.score):
        yield from FIGURES[name](sources, drawing)
