"""How images will be worked on: their sizes, which share a batch, which batches a shard, whether all fits in memory.

Images keep their aspect: the long side becomes `image_size`, the image is padded at the bottom and on the right to
the backbone's stride. Batches are made of images with one padded size, so an image's features depend on that image
alone, and the plan depends on the image list alone: a resumed extraction repeats nothing and ends identically.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch

from partdisc.data import ImageList, ImageRecord
from partdisc.errors import ConfigError
from partdisc.features.backbone import Backbone
from partdisc.processes import on_this_machine

DEFAULT_IMAGE_SIZE = 576
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
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ConfigError(f"Expected a batch size of at least 1, but got {batch_size!r}.")
    if not isinstance(image_size, Integral) or image_size < backbone.stride:
        raise ConfigError(
            f"Expected an image size of at least {backbone.stride} (a cell of {backbone.name}), but got "
            f"{image_size!r}."
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
