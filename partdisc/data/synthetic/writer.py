"""A synthetic set on disk, in the layout of PartImageNet's OOD split.

OUT/synthetic.json                    settings it was drawn with; its presence marks the folder as ours
OUT/{train,val,test}.json             COCO annotations: one for each part of an image, polygons along pixel edges
OUT/{split}/<synset>/<synset>_<n>.JPEG
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from partdisc.data import taxonomy
from partdisc.data.synthetic.picture import draw_picture
from partdisc.errors import ArtifactError, ConfigError
from partdisc.geometry.polygons import mask_to_polygons
from partdisc.progress import Progress
from partdisc.store import files

MARKER, SCHEMA = "synthetic.json", "partdisc/synthetic"
SHARES = {"train": 16540, "val": 2957, "test": 4598}  # PartImageNet's own numbers of images
QUALITY = 93
MIN_SIZE, MAX_SIZE = 32, 4096


@dataclass(frozen=True)
class Settings:
    """What decides every byte of a set."""

    num_images: int
    size: tuple[int, int]
    seed: int
    splits: tuple[str, ...]
    super_categories: tuple[str, ...]


def make_synthetic(
    out: str | os.PathLike[str],
    *,
    num_images: int = 1000,
    size: int | tuple[int, int] = 256,
    seed: int = 0,
    super_categories: Sequence[str] | None = None,
    splits: Sequence[str] = taxonomy.SPLITS,
    workers: int = 0,
    overwrite: bool = False,
    verbosity: int = 0,
) -> dict[str, int]:
    """Draw an exactly annotated set and write it in PartImageNet's OOD layout.

    Super-categories take turns, and so do the classes of each; no class is in two splits. What image i of a split
    shows depends on `seed`, the split, i, `size` and `super_categories` only: a larger set begins with the smaller
    one, and the number of workers changes nothing.

    Args:
        out: the folder; must be empty or not exist, or hold an earlier set if `overwrite`.
        num_images: images in all; splits get them in the proportions of PartImageNet.
        size: of the images in pixels, a number or (H, W).
        seed: 0 or more.
        super_categories: names such as "car"; None means all eleven.
        splits: of "train", "val" and "test".
        workers: processes that draw; 0 draws in this one.
        overwrite: replace an earlier synthetic set in `out`.
        verbosity: 1 shows progress on stderr.

    Returns:
        number of images of each split.

    Raises:
        ConfigError: for unusable arguments, or when `out` holds anything that is not an earlier synthetic set.
        ArtifactError: if `out` cannot be written.
    """
    settings = _checked(num_images, size, seed, super_categories, splits)
    counts = _counts(settings)
    root = Path(out)
    files.check_free_space(root, num_images * settings.size[0] * settings.size[1], what="The set")
    try:
        _prepare(root, settings, overwrite)
        tasks = [(split, index) for split, count in counts.items() for index in range(count)]
        with Progress("drawing", len(tasks), verbosity=verbosity) as progress:
            records: dict[str, list[dict[str, Any]]] = {split: [] for split in counts}
            for (split, _), record in zip(tasks, _drawn(root, settings, tasks, workers), strict=True):
                records[split].append(record)
                progress.advance()
        for split, split_records in records.items():
            files.write_text(root / f"{split}.json", json.dumps(_coco(settings, split, split_records)))
    except OSError as error:
        raise ArtifactError(f"Cannot write the set to {root}: {error.strerror or error}.") from error
    return counts


def _checked(
    num_images: int,
    size: int | tuple[int, int],
    seed: int,
    super_categories: Sequence[str] | None,
    splits: Sequence[str],
) -> Settings:
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(MIN_SIZE <= side <= MAX_SIZE for side in sides):
        raise ConfigError(
            f"Expected a size of {MIN_SIZE} to {MAX_SIZE} pixels, or two (H, W), but got {size}."
        )
    if num_images < 1:
        raise ConfigError(f"Expected at least one image, but got num_images={num_images}.")
    if seed < 0:
        raise ConfigError(f"Expected a seed of 0 or more, but got {seed}.")
    unknown = [split for split in splits if split not in taxonomy.SPLITS]
    if unknown or not splits:
        raise ConfigError(f"Expected splits out of {', '.join(taxonomy.SPLITS)}, but got {list(splits)}.")
    if super_categories is not None and not super_categories:
        raise ConfigError("Expected at least one super-category, but got none.")
    wanted = {taxonomy.super_category(name).name for name in super_categories or ()}
    names = tuple(c.name for c in taxonomy.super_categories() if not wanted or c.name in wanted)
    return Settings(num_images, sides, seed, tuple(s for s in taxonomy.SPLITS if s in splits), names)


def _available(settings: Settings, split: str) -> list[taxonomy.SuperCategory]:
    return [c for c in map(taxonomy.super_category, settings.super_categories) if c.classes[split]]


def _counts(settings: Settings) -> dict[str, int]:
    """Images of each split, by largest remainders; a split without a class of the super-categories gets none."""
    weights = np.array([SHARES[s] if _available(settings, s) else 0 for s in settings.splits], float)
    if not weights.any():
        raise ConfigError(
            f"PartImageNet has no class of {', '.join(settings.super_categories)} in {', '.join(settings.splits)}; "
            "choose other splits or super-categories."
        )
    exact = settings.num_images * weights / weights.sum()
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: settings.num_images - counts.sum()]:
        counts[index] += 1
    return dict(zip(settings.splits, counts.tolist(), strict=True))


def _prepare(root: Path, settings: Settings, overwrite: bool) -> None:
    if root.exists() and not root.is_dir():
        raise ConfigError(f"Expected {root} to be a folder, but it is a file.")
    if root.is_dir() and any(root.iterdir()):
        if not overwrite:
            raise ConfigError(
                f"{root} is not empty: choose another folder, or --overwrite to replace the set there."
            )
        _remove_earlier(root)
    root.mkdir(parents=True, exist_ok=True)
    files.write_json(root / MARKER, asdict(settings), schema=SCHEMA)


def _remove_earlier(root: Path) -> None:
    try:
        files.read_json(root / MARKER, schema=SCHEMA)
    except ArtifactError as error:
        raise ConfigError(
            f"{root} holds files that are no synthetic set, and --overwrite would remove them: choose another folder."
        ) from error
    for split in taxonomy.SPLITS:
        (root / f"{split}.json").unlink(missing_ok=True)
        if (root / split).is_dir():
            shutil.rmtree(root / split)
    files.remove_partial_files(root)


def _drawn(
    root: Path, settings: Settings, tasks: list[tuple[str, int]], workers: int
) -> Iterator[dict[str, Any]]:
    """Draw and write all images; yields their records in order."""
    draw_one = partial(_draw_one, root, settings)
    if workers < 1:
        yield from map(draw_one, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        try:
            yield from pool.map(draw_one, tasks, chunksize=8)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends its workers
    cv2.setNumThreads(1)


def _draw_one(root: Path, settings: Settings, task: tuple[str, int]) -> dict[str, Any]:
    """Draw and write one image; returns its entry and its annotations, ids of annotations left open."""
    split, index = task
    available = _available(settings, split)
    category = available[index % len(available)]
    classes = category.classes[split]
    synset = classes[index // len(available) % len(classes)]
    rng = np.random.default_rng([settings.seed, taxonomy.SPLITS.index(split), index])
    image, labels = draw_picture(category, synset, settings.size, rng)
    name = f"{synset}_{index}.JPEG"
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    files.write_bytes(root / split / synset / name, encoded.tobytes())
    height, width = settings.size
    return {
        "image": {"id": index, "file_name": name, "height": height, "width": width},
        "annotations": [_annotation(labels, int(label), index) for label in np.unique(labels) if label],
    }


def _annotation(labels: np.ndarray, label: int, image_id: int) -> dict[str, Any]:
    mask = labels == label
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    return {
        "image_id": image_id,
        "category_id": label - 1,
        "segmentation": [[int(value) for value in polygon] for polygon in mask_to_polygons(mask)],
        "area": int(mask.sum()),
        "bbox": [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
        "iscrowd": 0,
    }


def _coco(settings: Settings, split: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    annotations = [annotation for record in records for annotation in record["annotations"]]
    return {
        "info": {"description": "partdisc synthetic objects", "split": split, **asdict(settings)},
        "images": [record["image"] for record in records],
        "annotations": [{"id": i, **annotation} for i, annotation in enumerate(annotations, start=1)],
        "categories": taxonomy.coco_categories(),
    }
