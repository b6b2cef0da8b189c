"""From a list of images to their features, batch by batch.

Images keep their aspect: the long side becomes `image_size`, the image is padded at the bottom and on the right to
the backbone's stride, and cells that lie wholly in the padding are cut off. Batches are made of images with one
padded size, so an image's features depend on that image alone, and the plan (batches, shards) depends on the image
list alone: a resumed extraction repeats nothing and ends identically.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.allocator import freed_memory_kept, give_back_freed_memory
from partdisc.data import ImageList, ImageLoader, ImageRecord, LoadedBatch, list_images
from partdisc.errors import ConfigError, DataError
from partdisc.features.backbone import Backbone
from partdisc.features.folding import folded
from partdisc.processes import ALONE, Processes, on_this_machine
from partdisc.progress import Progress
from partdisc.store.features import FeatureEntry, FeatureSet, FeatureStore, Shard, check_dtype
from partdisc.threads import OneAhead, spread

DEFAULT_IMAGE_SIZE = 576
# of images that go through the network at once on a CPU. Activations of more are too large for the allocator to keep:
# every layer gets fresh pages from the system (eight images of 448 x 320: 30 of 78 ms an image on one core)
CPU_PIXELS = 448 * 448
KEPT_FOR = 128  # runs of the network, after which memory that was kept for the next ones is given back once
# Several shards lie in memory while one is made and the one before is written. Small jobs have at least 16, so that
# processes can share them; large ones have larger shards, since a process maps them all and systems bound how many
SMALL_SHARD, LARGE_SHARD = 4 * 2**20, 32 * 2**20
MIN_SHARDS, MANY_SHARDS = 16, 4096
MEMORY_SHARE = 0.25  # of the free memory that features take at most before they go to disk, unless told


@dataclass(frozen=True)
class ExtractionPlan:
    """Which images share a batch and which batches share a shard; made from sizes alone, before any decoding.

    Attributes:
        shards: shards of batches of images.
        sizes: resized (h, w) of each image, by id.
        num_bytes: size of all features.
    """

    shards: list[list[list[ImageRecord]]]
    sizes: dict[str, tuple[int, int]]
    num_bytes: int

    @property
    def digest(self) -> str:
        """SHA-256 of which images lie in which shard: shards of another division must not be mixed with these."""
        division = [[record.id for batch in shard for record in batch] for shard in self.shards]
        return hashlib.sha256(json.dumps(division).encode()).hexdigest()


def resized_size(height: int, width: int, image_size: int) -> tuple[int, int]:
    """(h, w) with the long side at `image_size` and the aspect kept, at least one pixel.

    >>> resized_size(300, 400, 448), resized_size(5000, 1, 448)
    ((336, 448), (448, 1))
    """
    scale = image_size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def plan_extraction(
    images: ImageList, backbone: Backbone, *, image_size: int, batch_size: int, dtype: torch.dtype
) -> ExtractionPlan:
    """Group images by padded size into batches, and batches into shards."""
    if batch_size < 1:
        raise ConfigError(f"Expected a batch size of at least 1, but got {batch_size}.")
    if image_size < backbone.stride:
        raise ConfigError(
            f"Expected an image size of at least {backbone.stride} (a cell of {backbone.name}), but got {image_size}."
        )
    if backbone.fixed_size:
        image_size = min(image_size, *backbone.fixed_size)
    groups: dict[tuple[int, int], list[ImageRecord]] = {}
    sizes = {}
    for record in images.records:
        sizes[record.id] = size = resized_size(record.height, record.width, image_size)
        groups.setdefault(backbone.padded_size(*size), []).append(record)
    batches = [
        group[i : i + batch_size] for group in groups.values() for i in range(0, len(group), batch_size)
    ]
    row = backbone.num_channels * dtype.itemsize
    needed = [sum(math.prod(backbone.grid(*sizes[r.id])) * row for r in batch) for batch in batches]
    most = _shard_bytes(sum(needed))
    shards: list[list[list[ImageRecord]]] = [[]]
    filled = 0
    for batch, num_bytes in zip(batches, needed, strict=True):
        if shards[-1] and filled + num_bytes > most:
            shards.append([])
            filled = 0
        shards[-1].append(batch)
        filled += num_bytes
    return ExtractionPlan(shards, sizes, sum(needed))


def _shard_bytes(num_bytes: int) -> float:
    return min(num_bytes / MIN_SHARDS, max(SMALL_SHARD, min(LARGE_SHARD, num_bytes / MANY_SHARDS)))


def features_key(
    images: ImageList, backbone: Backbone, plan: ExtractionPlan, *, image_size: int, dtype: str
) -> dict[str, Any]:
    """What identifies features: a store made with another key is refused."""
    return {
        "backbone": backbone.describe(),
        "image_size": image_size,
        "dtype": dtype,
        "images": images.digest,
        "shards": plan.digest,
    }


def fits_in_memory(num_bytes: int, budget: int | None = None) -> bool:
    """Whether that many bytes are within a budget; None is a quarter of what this machine has free for a process."""
    return num_bytes <= (MEMORY_SHARE * _available_memory() / on_this_machine() if budget is None else budget)


def _available_memory() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 8 * 2**30  # other systems do not tell without a package of their own


def extract_features(
    backbone: Backbone,
    images: Any,
    *,
    image_size: int = DEFAULT_IMAGE_SIZE,
    store: str | os.PathLike[str] | None = None,
    dtype: str = "float16",
    batch_size: int = 8,
    workers: int = 0,
    device: str | torch.device | None = None,
    verbosity: int = 0,
) -> FeatureSet:
    """Extract dense features of all images.

    Args:
        backbone: from `create_backbone`.
        images: anything `list_images` takes: a folder, a glob, a text list, one file, paths, arrays, an ImageList.
        image_size: long side in pixels to which images are resized.
        store: a folder for the features; None keeps them in memory. An interrupted extraction goes on when called
            again with the same arguments.
        dtype: "float16", "bfloat16" or "float32".
        batch_size: images of one batch; on a CPU fewer of large images go through the network at once.
        workers: processes that decode ahead; with 0, a CPU's threads decode what they run the network on.
        device: where the backbone runs; None leaves it where it is.
        verbosity: 1 reports progress on stderr.

    Raises:
        DataError: if no image can be used, or features overflow `dtype`.
        ArtifactError: if `store` holds features made otherwise.

    >>> from partdisc.features import create_backbone
    >>> backbone = create_backbone(weights="random")
    >>> features = extract_features(backbone, [np.zeros((40, 64, 3), np.uint8)], image_size=64)
    >>> features[0].shape, features.entries[0].content
    (torch.Size([3, 4, 432]), (2.5, 4.0))
    """
    if not isinstance(images, ImageList):
        images = list_images(images)
    torch_dtype = check_dtype(dtype)
    plan = plan_extraction(images, backbone, image_size=image_size, batch_size=batch_size, dtype=torch_dtype)
    key = features_key(images, backbone, plan, image_size=image_size, dtype=dtype)
    target = FeatureStore(store, key) if store is not None else None
    with Progress("features", len(images.records), verbosity=verbosity) as progress:
        features = run_extraction(
            backbone,
            plan,
            target,
            dtype=torch_dtype,
            workers=workers,
            device=device,
            progress=progress,
            key=key,
        )
    if not len(features):
        raise DataError(
            f"None of the {len(images.records)} images could be decoded: {features.skipped[0]['reason']}"
        )
    return features


def run_extraction(
    backbone: Backbone,
    plan: ExtractionPlan,
    store: FeatureStore | None,
    *,
    dtype: torch.dtype,
    workers: int,
    device: str | torch.device | None,
    progress: Progress,
    key: dict[str, Any],
    processes: Processes = ALONE,
) -> FeatureSet:
    """Carry out a plan: into `store`, whose finished shards are kept, or into memory.

    Several processes share what is to be done; they need a store, in a folder that all of them see.
    """
    backbone = backbone.to(device) if device is not None else backbone
    on_cpu = backbone.mean.device.type == "cpu"
    backbone = folded(backbone) if on_cpu else backbone
    backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    present = set() if store is None else processes.from_first(store.present)
    todo = processes.share_of([n for n in range(len(plan.shards)) if n not in present])
    mine = [batch for n in todo for batch in plan.shards[n]]
    progress.skip(len(plan.sizes) - sum(len(batch) for batch in mine))
    batches = _extract_batches(backbone, [plan.shards[n] for n in todo], plan.sizes, dtype, workers, progress)
    with freed_memory_kept() if on_cpu else nullcontext():
        if store is None:
            return FeatureSet(list(batches), key)
        with OneAhead(store.write) as writer:
            for number, shard in zip(todo, batches, strict=True):
                writer(number, shard)
    processes.wait()
    features = store.open(len(plan.shards))
    if processes.first:
        store.finish(features)
    return features


def _extract_batches(
    backbone: Backbone,
    shards: Sequence[list[list[ImageRecord]]],
    sizes: dict[str, tuple[int, int]],
    dtype: torch.dtype,
    workers: int,
    progress: Progress,
) -> Iterator[Shard]:
    """Yield one finished shard after the other; decoding and the network run ahead across shard borders."""
    portions = [
        [p for batch in shard for p in _portions(batch, sizes[batch[0].id], backbone)] for shard in shards
    ]
    loader = ImageLoader([p for shard in portions for p in shard], lambda r: sizes[r.id], workers=workers)
    ahead = _features_of(loader, backbone, dtype)
    kept_for = 0
    for planned in portions:
        rows, entries, skipped = [], [], []
        for loaded, maps in itertools.islice(ahead, len(planned)):
            skipped += [{"id": s.id, "reason": s.reason} for s in loaded.skipped]
            for record, image, features in zip(loaded.records, loaded.images, maps, strict=True):
                entries.append(_entry(record, image.shape[:2], backbone))
                rows.append(features.flatten(0, 1))
            progress.advance(len(loaded.records) + len(loaded.skipped))
        features = torch.cat(rows) if rows else torch.empty(0, backbone.num_channels, dtype=dtype)
        del rows
        kept_for += len(planned)
        if kept_for >= KEPT_FOR:
            give_back_freed_memory()
            kept_for = 0
        yield Shard(features, entries, skipped)


def _portions(
    batch: list[ImageRecord], size: tuple[int, int], backbone: Backbone
) -> Iterator[list[ImageRecord]]:
    """What of a batch goes through the network at once."""
    count = len(batch)
    if backbone.mean.device.type == "cpu":
        count = max(1, CPU_PIXELS // math.prod(backbone.padded_size(*size)))
    return (batch[i : i + count] for i in range(0, len(batch), count))


def _features_of(
    loader: ImageLoader, backbone: Backbone, dtype: torch.dtype
) -> Iterator[tuple[LoadedBatch, list[Tensor]]]:
    """Yield the loader's batches with their features.

    On the CPU as many batches are worked on at once as torch has threads, each decoded and computed by one of them.
    """

    def network(loaded: LoadedBatch) -> tuple[LoadedBatch, list[Tensor]]:
        return loaded, forward_batch(backbone, loaded.images, dtype) if loaded.images else []

    def decode_first(index: int) -> tuple[LoadedBatch, list[Tensor]]:
        return network(loader.load(index))

    device = backbone.mean.device
    if not backbone.thread_safe:
        return map(network, loader)
    if loader.workers:
        return spread(network, loader, device)
    return spread(decode_first, range(len(loader)), device)


def forward_batch(backbone: Backbone, images: Sequence[np.ndarray], dtype: torch.dtype) -> list[Tensor]:
    """Features of images that share a padded size.

    Args:
        backbone: the backbone, where it shall run.
        images: uint8 RGB (h_i, w_i, 3).
        dtype: of the result.

    Returns:
        One (rows, columns, C) CPU tensor for each image: its own grid, padding cut off.
    """
    H, W = backbone.padded_size(*images[0].shape[:2])
    batch = np.stack([_pad(image, H, W) for image in images])
    device = backbone.mean.device
    x = torch.from_numpy(batch)
    if device.type == "cuda":
        x = x.pin_memory().to(device, non_blocking=True)
    with torch.inference_mode():
        maps = backbone(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).to(dtype)
        if not torch.isfinite(maps.sum()):
            _refuse_overflow(maps, dtype)
        maps = maps.cpu()
    grids = [backbone.grid(*image.shape[:2]) for image in images]
    return [m[:rows, :columns] for m, (rows, columns) in zip(maps, grids, strict=True)]


def _refuse_overflow(maps: Tensor, dtype: torch.dtype) -> None:
    if not torch.isfinite(maps).all():
        raise DataError(
            f"Features do not fit {str(dtype).removeprefix('torch.')} (or the network gives NaN). "
            "Use --feature-dtype bfloat16 or float32."
        )


def _pad(image: np.ndarray, H: int, W: int) -> np.ndarray:
    h, w = image.shape[:2]
    return image if (h, w) == (H, W) else np.pad(image, ((0, H - h), (0, W - w), (0, 0)), mode="reflect")


def _entry(record: ImageRecord, size: tuple[int, int], backbone: Backbone) -> FeatureEntry:
    h, w = size
    return FeatureEntry(
        record.id,
        (record.height, record.width),
        backbone.grid(h, w),
        (h / backbone.stride, w / backbone.stride),
    )
