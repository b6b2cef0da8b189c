"""`partdisc.show`: a run in one line of a notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PIL import Image

from partdisc.cli.rendering.sources import open_sources, read_image
from partdisc.data.decoding import quiet
from partdisc.errors import ConfigError
from partdisc.render.contact_sheet import contact_sheet
from partdisc.render.overlay import PartOverlay
from partdisc.render.runs import choose_images, read_entry


def show(
    run: Any,
    count: int = 12,
    *,
    columns: int = 6,
    cell: int = 192,
    seed: int = 0,
    images: str | os.PathLike[str] | None = None,
    overlay: PartOverlay | None = None,
) -> Image.Image:
    """A contact sheet of a run; notebooks display it where it stands.

    Args:
        run: a run directory, what `discover` or `load_run` gave, or a mask set.
        count: how many images, drawn by `seed`.
        columns: how many stand side by side.
        cell: side of a cell in pixels.
        seed: of the random choice.
        images: where the images are now, if they moved.
        overlay: how parts are drawn; by default with the run's names in a legend.

    Raises:
        ConfigError: if `run` is none of these, or `count` is below 1.
    """
    folder = getattr(run, "folder", run)
    if not isinstance(folder, (str, os.PathLike)):
        raise ConfigError(f"Expected a run directory, a run or a mask set, but got {type(run).__name__}.")
    if count < 1:
        raise ConfigError(f"Expected at least 1 image to show, but got {count}.")
    sources = open_sources([os.fspath(folder)], images=None if images is None else os.fspath(images))
    view = sources.runs[0]
    ids = sorted(choose_images(list(sources.entries), "random", count, seed=seed))
    root = Path(images) if images is not None else None
    with quiet():
        pairs = [read_entry(view, sources.entries[i], read_image, root) for i in ids]
    masks = view.masks
    overlay = overlay or PartOverlay(palette=masks.palette, part_names=masks.part_names, legend=True)
    return contact_sheet(pairs, columns=columns, cell=cell, overlay=overlay, captions=ids)
