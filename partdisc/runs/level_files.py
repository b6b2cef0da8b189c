"""What a run keeps of its coarser levels: masks and maps merged from the finest ones, pictures, the tree."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from partdisc.processes import ALONE, Processes
from partdisc.progress import ProgressMaker
from partdisc.render.contact_sheet import contact_sheet, thumbnail
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import BACKGROUND_COLOR, part_palette, shades
from partdisc.runs.figures import SHEET_CELL, picture_of, save_sheet, write_sheet
from partdisc.spacing import evenly
from partdisc.store import maps as map_store
from partdisc.store.levels import PartTree, level_folder, write_tree
from partdisc.store.masks import Color, MaskEntry, MaskSet, write_index, write_mask
from partdisc.threads import spread

TREE_IMAGES = 12  # rows of the figure


def write_levels(
    root: Path,
    masks: MaskSet,
    tree: PartTree,
    *,
    progress: ProgressMaker,
    processes: Processes = ALONE,
) -> None:
    """Write `levels/` of a run whose parts are written; levels that are there already are kept, processes share them.

    Args:
        root: the run directory.
        masks: of the finest parts.
        tree: of the parts.
        progress: makes the progress of a stage with so many items.
        processes: those that write together.
    """
    sets = [_merged(root, masks, level) for level in tree.levels]
    missing = processes.from_first(lambda: [not (m.folder / "index.json").exists() for m in sets])
    todo = [found for found, wanted in zip(sets, missing, strict=True) if wanted]
    with progress("levels", len(todo) * len(masks)) as bar:
        bar.skip(0)
        for found in todo:
            own = processes.share_of(found.entries)
            for _ in spread(functools.partial(_merge_mask, masks, found, tree), own):
                bar.advance()
            _merge_maps(masks, found, tree, processes)
    processes.wait()
    if processes.first:
        for found in todo:
            write_sheet(found, found.folder.parent / "figures")
            write_index(found)  # the last of a level's files: where it is, the level is finished
        write_tree_figure(root, tree, [*sets, masks])
        write_tree(root, tree)


def _merged(root: Path, masks: MaskSet, level: int) -> MaskSet:
    """The mask set of a level, still without its files."""
    folder = level_folder(root, level) / "parts"
    return replace(masks, folder=folder, num_parts=level, palette=part_palette(level), part_names=None)


def _merge_mask(fine: MaskSet, coarse: MaskSet, tree: PartTree, entry: MaskEntry) -> None:
    labels = tree.labels_at(coarse.num_parts, fine.labels(entry))
    write_mask(coarse.folder / entry.mask, labels, coarse.palette)


def _merge_maps(fine: MaskSet, coarse: MaskSet, tree: PartTree, processes: Processes) -> None:
    for path in processes.share_of(sorted((fine.folder / "maps").glob("*.safetensors"))):
        found = [tree.maps_at(coarse.num_parts, maps) for maps in map_store.read_shard(path)]
        map_store.write_maps(coarse.folder / "maps" / path.name, found)


def write_tree_figure(root: Path, tree: PartTree, sets: list[MaskSet]) -> None:
    """Write `figures/levels.jpg`: images, each beside its parts from coarse to fine, in shades of the coarsest."""
    draw = [
        PartOverlay(palette=palette) for palette in tree_palettes(tree, [found.num_parts for found in sets])
    ]

    def row(entry: MaskEntry) -> list[np.ndarray]:
        cells: list[np.ndarray] = []
        for found, overlay in zip(sets, draw, strict=True):
            for image, labels in picture_of(found, entry, SHEET_CELL):
                cells += [] if cells else [image]
                cells.append(thumbnail(image, labels, SHEET_CELL, overlay))
        return cells

    rows = list(spread(row, evenly(sets[-1].entries, TREE_IMAGES)))
    cells = list(chain.from_iterable(rows))
    if cells:
        titles = ["image", *(f"{found.num_parts} parts" for found in sets)]
        captions = [titles[i % len(titles)] for i in range(len(cells))]
        sheet = contact_sheet(
            [(cell, None) for cell in cells], columns=len(titles), cell=SHEET_CELL, captions=captions
        )
        save_sheet(sheet, root / "figures" / "levels.jpg")


def tree_palettes(tree: PartTree, levels: list[int]) -> list[list[Color]]:
    """Colours of labels 0..k of each level, rising: each part of the first has a hue, all within it its shades.

    >>> coarse, fine = tree_palettes(PartTree(3, {2: (1, 2, 1)}), [2, 3])
    >>> len(coarse), len(fine), fine[2] == coarse[2]
    (3, 4, True)
    """
    step = 2 * np.pi / levels[0]
    owners = tree.labels_at(levels[0], np.arange(tree.num_parts + 1, dtype=np.uint8)).tolist()
    palettes = []
    for level in levels:
        within = [owners[fine[0]] for fine in tree.finest(level)]
        colors = {owner: iter(shades(owner * step, step / 5, within.count(owner))) for owner in set(within)}
        palettes.append([BACKGROUND_COLOR, *(next(colors[owner]) for owner in within)])
    return palettes
