"""The pictures every run leaves: overlays, one contact sheet, the legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from partdisc.data import decode_image
from partdisc.discovery.choosing import SHOWN, PartsChoice
from partdisc.errors import DataError
from partdisc.features.planning import resized_size
from partdisc.progress import ProgressMaker
from partdisc.render.canvas import save_figure
from partdisc.render.contact_sheet import contact_sheet
from partdisc.render.overlay import PartOverlay
from partdisc.render.pictures import fit_within, resize, resize_labels, write_picture
from partdisc.render.plots import choice_figure
from partdisc.spacing import evenly
from partdisc.store import files
from partdisc.store.masks import MaskEntry, MaskSet
from partdisc.threads import spread

SHEET_IMAGES = 40
SHEET_CELL = 224
LONG_SIDE = 800  # of an overlay, in pixels, at most
Picture = tuple[np.ndarray, np.ndarray]  # an image and its labels


def write_figures(root: Path, masks: MaskSet, *, overlays: int | None, progress: ProgressMaker) -> None:
    """Write `figures/contact_sheet.jpg` and overlays of evenly chosen images; the sheet shows those that have one."""
    folder = root / "figures"
    draw = PartOverlay(palette=masks.palette, part_names=masks.part_names)
    chosen = evenly(masks.entries, len(masks) if overlays is None else overlays)
    shown = evenly(chosen, SHEET_IMAGES) if len(chosen) >= SHEET_IMAGES else None
    on_sheet = {entry.id for entry in shown or ()}

    def write_overlay(entry: MaskEntry) -> list[Picture]:
        found = list(picture_of(masks, entry, LONG_SIDE))
        for image, labels in found:
            write_picture(folder / "overlays" / f"{entry.id}.jpg", draw.annotate(image, labels))
        return [_shrunk(*pair) for pair in found] if entry.id in on_sheet else []

    pictures: list[Picture] = []
    with progress("overlays", len(chosen)) as bar:
        bar.skip(0)
        for found in spread(write_overlay, chosen):
            pictures += found
            bar.advance()
    write_sheet(masks, folder, None if shown is None else pictures)


def write_sheet(masks: MaskSet, folder: Path, pictures: Sequence[Picture] | None = None) -> None:
    """Write `contact_sheet.jpg`: images beside their parts, and a legend; without `pictures`, evenly chosen ones."""
    draw = PartOverlay(palette=masks.palette, part_names=masks.part_names, legend=True)
    if pictures is None:
        shown = evenly(masks.entries, SHEET_IMAGES)
        found = spread(lambda entry: list(picture_of(masks, entry, SHEET_CELL)), shown)
        pictures = list(chain.from_iterable(found))
    pairs = [pair for image, labels in pictures for pair in ((image, None), (image, labels))]
    if pairs:
        sheet = contact_sheet(pairs, columns=min(10, len(pairs)), cell=SHEET_CELL, overlay=draw)
        save_sheet(sheet, folder / "contact_sheet.jpg")


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as JPEG, whole or not at all."""
    with files.atomic_path(path) as partial:
        sheet.save(partial, quality=90)


def write_choice(root: Path, choice: PartsChoice) -> None:
    """Write how K was chosen: `num_parts.json` and `figures/num_parts.png`."""
    files.write_json(root / "num_parts.json", choice.to_json(), schema="partdisc/num-parts")
    points = [(support.num_parts, support.effective) for support in choice.supports]
    (root / "figures").mkdir(exist_ok=True)
    save_figure(choice_figure(points, choice.num_parts, SHOWN), root / "figures" / "num_parts.png", dpi=200)


def picture_of(masks: MaskSet, entry: MaskEntry, long_side: int) -> Iterator[Picture]:
    """The image and its labels at `long_side` pixels at most; nothing if the image has gone meanwhile."""
    import cv2

    size = resized_size(entry.height, entry.width, min(long_side, max(entry.height, entry.width)))
    try:
        image = decode_image(masks.image_path(entry), size=size)
    except DataError:
        return
    labels = masks.labels(entry)
    yield image, cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)


def _shrunk(image: np.ndarray, labels: np.ndarray) -> Picture:
    """What the sheet needs of a picture."""
    size = fit_within((image.shape[0], image.shape[1]), (SHEET_CELL, SHEET_CELL))
    return resize(image, size), resize_labels(labels, size)
