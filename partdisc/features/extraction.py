"""From a list of images to their features, batch by batch, as planned (`planning`): decoded, computed, kept.

Cells that lie wholly in an image's padding are cut off.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partdisc.allocator import freed_memory_kept, give_back_freed_memory
from partdisc.checks import check_device
from partdisc.data import ImageList, ImageLoader, ImageRecord, LoadedBatch, list_images
from partdisc.errors import ConfigError, DataError
from partdisc.features.backbone import Backbone
from partdisc.features.folding import folded
from partdisc.features.planning import DEFAULT_IMAGE_SIZE, ExtractionPlan, features_key, plan_extraction
from partdisc.features.registry import create_backbone
from partdisc.processes import ALONE, Processes
from partdisc.progress import Progress
from partdisc.store.features import FeatureEntry, FeatureSet, FeatureStore, Shard, check_dtype
from partdisc.threads import OneAhead, spread

# of images that go through the network at once on a CPU. Activations of more are too large for the allocator to keep:
# every layer gets fresh pages from the system (eight images of 448 x 320: 30 of 78 ms an image on one core)
CPU_PIXELS = 448 * 448
KEPT_FOR = 128  # runs of the network, after which memory that was kept for the next ones is given back once


def extract_features(
    backbone: str | Backbone,
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
        backbone: a name for `create_backbone`, or what it gave.
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
    if isinstance(backbone, str):
        backbone = create_backbone(backbone)
    if not isinstance(backbone, Backbone):
        raise ConfigError(f"Expected a Backbone or the name of one, but got {backbone!r}.")
    device = None if device is None else check_device(device)
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
