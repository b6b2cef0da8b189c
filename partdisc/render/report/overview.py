"""The index page of a collection: a card and a row of scores for each folder, with the way to its report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from partdisc.errors import ArtifactError
from partdisc.render.pictures import fit_within, resize, write_picture
from partdisc.render.report.page import render_page
from partdisc.render.runs import RunView
from partdisc.scores import format_score, score_name
from partdisc.store import files

SHOWN = ("part_miou", "foreground_iou", "nmi", "ari")
PICTURE = (960, 960)  # the most that a card's picture has, in pixels


@dataclass
class OverviewItem:
    """One folder.

    Attributes:
        run: of the folder.
        report: its index.html.
        picture: its contact sheet, or None.
    """

    run: RunView
    report: Path
    picture: Path | None


def write_overview(
    title: str, items: Sequence[OverviewItem], skipped: Sequence[tuple[str, str]], folder: Path
) -> Path:
    """Write the index page.

    Args:
        title: of the page.
        items: the folders.
        skipped: names and reasons of the folders that were skipped.
        folder: where to; files of an earlier index are replaced.

    Raises:
        ArtifactError: if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).parent / "report.css", folder / "report.css")
        cards = [_card(item, number, folder) for number, item in enumerate(items)]
    except OSError as error:
        raise ArtifactError(f"Cannot write the report to {folder}: {error.strerror or error}.") from error
    columns = [key for key in SHOWN if any(item.run.metrics.get(key) is not None for item in items)]
    context = {
        "title": title,
        "cards": cards,
        "columns": [score_name(key) for key in columns],
        "rows": _rows(items, columns),
        "skipped": list(skipped),
        "version": metadata.version("partdisc"),
        "format_score": format_score,
    }
    files.write_text(folder / "index.html", render_page(context, "overview.html"))
    return folder / "index.html"


def _card(item: OverviewItem, number: int, folder: Path) -> dict[str, Any]:
    masks, picture = item.run.masks, ""
    if item.picture is not None and item.picture.is_file():
        picture = f"sheets/{number:04d}.jpg"
        with Image.open(item.picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        write_picture(
            folder / picture, resize(pixels, fit_within((pixels.shape[0], pixels.shape[1]), PICTURE))
        )
    return {
        "name": item.run.folder.name,
        "num_parts": masks.num_parts,
        "num_images": len(masks),
        "link": quote(Path(os.path.relpath(item.report, folder)).as_posix()),
        "picture": picture,
    }


def _rows(items: Sequence[OverviewItem], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The scores of each folder that has any, and their mean."""
    scored: list[tuple[str, Mapping[str, Any]]] = [
        (item.run.folder.name, item.run.metrics) for item in items if item.run.metrics
    ]
    rows = [
        {
            "name": name,
            "scores": [found.get(key) for key in columns],
            "num_images": found.get("num_images", ""),
        }
        for name, found in scored
    ]
    means = [
        float(np.mean(known))
        if (known := [row["scores"][i] for row in rows if row["scores"][i] is not None])
        else None
        for i in range(len(columns))
    ]
    total = sum(row["num_images"] or 0 for row in rows)
    return [*rows, {"name": f"mean of {len(rows)}", "scores": means, "num_images": total}]
