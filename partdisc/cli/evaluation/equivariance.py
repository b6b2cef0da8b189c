"""`evaluate RUN --equivariance`: whether the parts of a run stay with the object, which needs no annotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from partdisc.data.remote import to_url
from partdisc.discovery import load_discoverer
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.equivariance import Equivariance, equivariance_error
from partdisc.discovery.inside import names_masks
from partdisc.discovery.labelling import is_refined
from partdisc.errors import ArtifactError
from partdisc.metrics.consistency import LabelChanges
from partdisc.progress import Progress
from partdisc.render.runs import RunView, image_path, open_run
from partdisc.scores import format_score
from partdisc.store import files

SCHEMA = "partdisc/equivariance"
SAMPLE = 100  # images


def evaluate_equivariance(
    folder: Path,
    place: Path,
    *,
    images: Path | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str = "auto",
    command: str = "",
    verbosity: int = 1,
) -> str:
    """Measure one run and write `equivariance.json`.

    Args:
        folder: the run; it holds the model.
        place: where the file goes.
        images: where the images are now; None: where the run found them.
        sample: how many images are looked at, drawn by `seed`; all, if there are no more.
        seed: see `equivariance_error`.
        device: see `Runtime`.
        command: for the record.
        verbosity: 0 shows no progress.

    Returns:
        One line that says what was found.

    Raises:
        ArtifactError: if the run has no model.
        DataError: if an image is not there.
    """
    run = open_run(folder)
    settings = run.about.get("settings", {})
    if not (folder / "model" / "config.json").exists():
        raise ArtifactError(
            f"Expected a run with its model, to label views of its images with, but {folder} has no model/."
        )
    paths = _drawn(run, images, sample, seed)
    discoverer = load_discoverer(folder)
    discoverer.device = resolve_device(device)
    refine = is_refined(settings.get("refine", "auto"), discoverer.has_background)
    found = equivariance_error(
        discoverer,
        paths,
        refine=refine,
        seed=seed,
        progress=lambda stage, count: Progress(stage, count, verbosity=verbosity),
    )
    content = {
        "command": command,
        "run": str(folder),
        "num_parts": discoverer.num_parts_,
        "refined": refine,
        "seed": seed,
        **found.to_json(),
        "notes": _notes(settings, len(paths) - found.num_images),
    }
    files.write_json(place / "equivariance.json", content, schema=SCHEMA)
    return f"{_sentence(str(folder), found)}; see {place / 'equivariance.json'}"


def _drawn(run: RunView, images: Path | None, sample: int, seed: int) -> list[Path]:
    """Paths of some of the run's images, each there, in the run's order."""
    entries = run.masks.entries
    chosen = np.sort(np.random.default_rng(seed).permutation(len(entries))[:sample])
    if images is None and to_url(Path(run.masks.images_root or ".")) is not None:
        return [run.masks.image_path(entries[i]) for i in chosen]
    return [image_path(run, entries[i], images) for i in chosen]


def _notes(settings: dict[str, Any], unreadable: int) -> list[str]:
    notes = [
        "Controls lie within the foreground that was found: a grid fixed to the frame; a part drawn for each pixel."
    ]
    if names_masks(settings.get("foreground", "auto")):
        notes.append("Foreground masks were given to the run; here what was learnt from them decides.")
    if unreadable:
        notes.append(f"{unreadable} of the images could not be read and are left out.")
    return notes


def _sentence(name: str, found: Equivariance) -> str:
    overall, grid = found.overall, sum(found.controls["grid"].values(), LabelChanges())
    views = ", ".join(f"{view} {format_score(changes.error)}" for view, changes in found.views.items())
    return (
        f"{name}: equivariance error {format_score(overall.error)} ({views}), between parts "
        f"{format_score(overall.part_error)}, of a fixed grid {format_score(grid.part_error)}; "
        f"{found.num_images} images"
    )
