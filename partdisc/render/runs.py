"""A run as figures and the report see it: masks, settings, and whatever scores there are."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from partdisc.errors import ArtifactError, DataError
from partdisc.store.masks import MaskEntry, MaskSet, read_masks
from partdisc.store.matching import read_matching

ID_COLUMNS = ("image", "id")
NO_SCORES = (*ID_COLUMNS, "annotated image", "category", "unit", "pixels")
# path and wanted (H, W), or None for the image's own size -> uint8 (H, W, 3) as displayed
ReadImage = Callable[..., np.ndarray]


@dataclass
class RunView:
    """What can be shown of a run; everything but the masks may be absent.

    Attributes:
        name: what figures call it.
        folder: the run.
        masks: its part masks.
        about: run.json, or {}.
        metrics: evaluation/metrics.json, or {}.
        targets: group of images ("all", or a category) -> for each discovered label 0..K the annotated label it was
            matched to, -1 for none.
        annotated_names: names of the annotated parts 1..P, if there was an evaluation.
        per_image: image id -> its scores.
        categories: image id -> its category, if there was an evaluation by category.
        equivariance: evaluation/equivariance.json, or {}.
    """

    name: str
    folder: Path
    masks: MaskSet
    about: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    annotated_names: tuple[str, ...] = ()
    per_image: dict[str, dict[str, float]] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    equivariance: dict[str, Any] = field(default_factory=dict)

    @property
    def common_targets(self) -> tuple[int, ...] | None:
        """The matching that holds for every image: of "all", or of the only category."""
        return self.targets.get("all") or (
            next(iter(self.targets.values())) if len(self.targets) == 1 else None
        )

    @property
    def part_ious(self) -> list[float | None]:
        """IoU of the annotated part each discovered part 1..K is matched to; None where there is none."""
        targets = self.common_targets
        if targets is None:
            return [None] * self.masks.num_parts
        scores = {part.get("id"): part.get("iou") for part in self.metrics.get("per_part", [])}
        return [scores.get(target) if target > 0 else None for target in targets[1:]]


def open_run(folder: str | os.PathLike[str], name: str | None = None) -> RunView:
    """Open a run, or anybody's folder of masks with an index.json.

    Raises:
        ArtifactError: if there are no masks, or a file is damaged.
    """
    folder = Path(folder)
    masks = read_masks(folder)
    metrics = _read_optional(folder / "evaluation" / "metrics.json")
    targets, names = _matchings(folder / "evaluation" / "matching.json", masks.num_parts)
    per_image, categories = read_per_image(folder / "evaluation" / "per_image.csv")
    return RunView(
        name or folder.resolve().name,
        folder,
        masks,
        _read_optional(folder / "run.json"),
        metrics,
        targets,
        names,
        per_image,
        categories,
        _read_optional(folder / "evaluation" / "equivariance.json"),
    )


def _read_optional(path: Path) -> dict[str, Any]:
    """A JSON object, or {} if there is no such file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ArtifactError(f"Cannot read {path} as JSON: {error}.") from error
    if not isinstance(data, dict):
        raise ArtifactError(f"Expected {path} to hold a JSON object, but it holds a {type(data).__name__}.")
    return data


def _matchings(path: Path, num_parts: int) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """The matching of each group of images, and the names of the annotated parts."""
    if not path.exists():
        return {}, ()
    record = read_matching(path)
    fitting = {name: g.targets for name, g in record.groups.items() if len(g.targets) == num_parts + 1}
    return fitting, record.annotated_names


def read_per_image(
    path: str | os.PathLike[str],
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The scores of a CSV with one line for each image, and the images' categories; both empty without the file.

    Raises:
        ArtifactError: if no column names the image.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return {}, {}
    if not rows:
        return {}, {}
    key = next((column for column in ID_COLUMNS if column in rows[0]), None)
    if key is None:
        raise ArtifactError(
            f"Expected one of the columns {', '.join(ID_COLUMNS)} in {path}, but it has {', '.join(rows[0])}."
        )
    scores = {row[key]: _numbers(row) for row in rows}
    return scores, {row[key]: row["category"] for row in rows if row.get("category")}


def _numbers(row: Mapping[str, str | None]) -> dict[str, float]:
    numbers = {}
    for column, text in row.items():
        try:
            number = float(text or "nan")
        except (TypeError, ValueError):
            continue
        if column not in NO_SCORES and np.isfinite(number):
            numbers[column] = number
    return numbers


def read_entry(
    run: RunView, entry: MaskEntry, read_image: ReadImage, images_root: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One image of a run with its labels, uint8 (H, W, 3) and (H, W).

    Raises:
        DataError: if the image is gone or has another size than its mask.
    """
    path = image_path(run, entry, images_root)
    pixels, labels = read_image(path), run.masks.labels(entry)
    if pixels.shape[:2] != labels.shape:
        raise DataError(
            f"{path} is {pixels.shape[1]} x {pixels.shape[0]}, but its mask in {run.folder} is "
            f"{labels.shape[1]} x {labels.shape[0]}: the image changed since the run."
        )
    return pixels, labels


def check_size(path: Path, entry: MaskEntry) -> None:
    """Look at an image's header whether it is still the one that was labelled; turned by EXIF counts as the same.

    Raises:
        DataError: if it has another size than its mask, or cannot be opened.
    """
    try:
        with Image.open(path) as image:
            size = image.size
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"Cannot read the image {path}: {error}.") from error
    if sorted(size) != sorted((entry.width, entry.height)):
        raise DataError(
            f"{path} is {size[0]} x {size[1]}, but its mask is {entry.width} x {entry.height}: the image changed "
            "since the run."
        )


def is_remote(run: RunView, images_root: Path | None) -> bool:
    """Whether the images of a run are read from a URL."""
    return images_root is None and run.masks.behind_url


def image_path(run: RunView, entry: MaskEntry, images_root: Path | None = None) -> Path:
    """Where the image of an entry is now; behind a URL it is taken to be there.

    Raises:
        DataError: if it is not there; the message says how to name the new place.
    """
    path = images_root / entry.file_name if images_root is not None else run.masks.image_path(entry)
    if not is_remote(run, images_root) and not path.is_file():
        raise DataError(f"Expected the image {path}, but it is not there; name the folder with --images DIR.")
    return path


def choose_images(
    ids: Sequence[str],
    which: str,
    count: int,
    *,
    scores: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[str]:
    """`count` of the images: "first", "random" (by seed), or by score "best", "worst", "median" or "spread".

    "spread" takes evenly spaced ranks from the worst to the best. Images without a score are not chosen by score;
    equal scores keep the order of `ids`.

    Raises:
        DataError: if `which` is unknown, or needs scores and there are none.

    >>> choose_images("abcd", "worst", 2, scores={"a": 3, "b": 1, "c": 2})
    ['b', 'c']
    """
    if which == "first":
        return list(ids[:count])
    if which == "random":
        picked = np.random.default_rng(seed).permutation(len(ids))[:count]
        return [ids[i] for i in picked]
    scored = [i for i in ids if scores and i in scores]
    if which not in ("best", "worst", "median", "spread"):
        raise DataError(
            f"Expected the images to be first, random, best, worst, median or spread, but got {which!r}."
        )
    if not scored or scores is None:
        raise DataError(
            f"Choosing the {which} images needs per-image scores, but the run has none; run evaluate first."
        )
    rising = sorted(scored, key=lambda i: scores[i])
    if which == "worst":
        return rising[:count]
    if which == "best":
        return sorted(scored, key=lambda i: -scores[i])[:count]
    if which == "spread":
        ranks = np.unique(np.rint(np.linspace(0, len(rising) - 1, count)).astype(int))
        return [rising[rank] for rank in ranks]
    start = max(0, (len(rising) - count) // 2)
    return rising[start : start + count]
