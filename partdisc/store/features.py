"""Dense features of many images: shards on disk, memory-mapped when read, or the same in memory.

    features/index.json            what made them (the key), shape, dtype, and every entry
    features/00000.safetensors     "features" (rows, C): one row a grid cell, image after image; the entries and
                                   the images that could not be read stand in its metadata

A shard is written whole or not at all, so after a kill the shards that exist are exactly the work done.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from partdisc.checks import check_array
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.store import files

SCHEMA = "partdisc/features"
VERSION = 1
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True)
class FeatureEntry:
    """One image's place among the features.

    Attributes:
        id: the image's id.
        size: (H, W) of the image as displayed, in pixels.
        grid: (h, w) of its feature map.
        content: (rows, columns) of the grid that the image covers; see `PartMaps.content`.
    """

    id: str
    size: tuple[int, int]
    grid: tuple[int, int]
    content: tuple[float, float]

    @property
    def num_rows(self) -> int:
        """Number of grid cells, which is the number of rows of X."""
        return self.grid[0] * self.grid[1]


@dataclass
class Shard:
    """Features of a few images: a tensor (rows, C) and the entries its rows belong to, in order."""

    features: Tensor
    entries: list[FeatureEntry]
    skipped: list[dict[str, str]]


class FeatureSet:
    """Features of many images as one matrix X (M, C), a row for each grid cell, image after image.

    A sequence of (h, w, C) maps, one for each of `entries`; also a source of row blocks for the solvers. Shards are
    tensors, or files that are memory-mapped when touched.

    Args:
        shards: the shards, in order.
        key: what made the features (backbone, image size, ...).
        scratch: a folder for what else is too large for memory; None keeps it in memory.
    """

    def __init__(
        self, shards: Sequence[Shard], key: dict[str, Any] | None = None, scratch: Path | None = None
    ) -> None:
        self.shards = list(shards)
        self.scratch = scratch
        self.key = key or {}
        self.entries = [entry for shard in self.shards for entry in shard.entries]
        self.skipped = [skip for shard in self.shards for skip in shard.skipped]
        self._where: list[tuple[int, int]] = []
        for number, shard in enumerate(self.shards):
            start = 0
            for entry in shard.entries:
                self._where.append((number, start))
                start += entry.num_rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}(images={len(self.entries)}, shape={self.shape})"

    @classmethod
    def from_maps(cls, maps: Sequence[Tensor | np.ndarray], ids: Sequence[str] | None = None) -> FeatureSet:
        """A feature set of (h, w, C) maps brought by the caller; images are taken to be as large as their grid.

        Raises:
            DataError: if there are no maps, one has another shape, or channels differ.
        """
        if not isinstance(maps, Iterable) or isinstance(maps, (str, Mapping)):
            raise DataError(f"Expected a sequence of feature maps (h, w, C), but got {type(maps).__name__}.")
        tensors = [
            m if isinstance(m, Tensor) else torch.as_tensor(check_array("a feature map", m, "(h, w, C)"))
            for m in maps
        ]
        if not tensors:
            raise DataError("Expected features of at least one image, but got none.")
        first = tensors[0].shape
        for m in tensors:
            if m.ndim != 3 or 0 in m.shape or m.shape[2] != first[2]:
                raise DataError(
                    f"Expected maps (h, w, C) that share C, but got {tuple(m.shape)} and {tuple(first)}."
                )
        names = ids or [f"image_{i:05d}" for i in range(len(tensors))]
        shards = []
        for name, m in zip(names, tensors, strict=True):
            h, w = m.shape[:2]
            shards.append(
                Shard(m.flatten(0, 1), [FeatureEntry(name, (h, w), (h, w), (float(h), float(w)))], [])
            )
        return cls(shards)

    @property
    def num_channels(self) -> int:
        """C."""
        return max((s.features.shape[1] for s in self.shards), default=0)

    @property
    def shape(self) -> tuple[int, int]:
        """(M, C): all grid cells of all images, and channels."""
        return sum(entry.num_rows for entry in self.entries), self.num_channels

    @property
    def dtype(self) -> torch.dtype:
        """The dtype features are kept in."""
        return self.shards[0].features.dtype if self.shards else torch.float32

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Tensor:
        """Features (h, w, C) of one image, in the dtype they are kept in."""
        entry = self.entries[index]
        shard, start = self._where[index]
        return self.shards[shard].features[start : start + entry.num_rows].unflatten(0, entry.grid)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def part(self, images: range) -> FeatureSet:
        """The features of consecutive images as a set of their own, which shares their memory."""
        shards, first = [], 0
        for shard in self.shards:
            ends = [0, *itertools.accumulate(entry.num_rows for entry in shard.entries)]
            start, stop = (min(max(i - first, 0), len(shard.entries)) for i in (images.start, images.stop))
            if start < stop:
                rows = shard.features[ends[start] : ends[stop]]
                shards.append(Shard(rows, shard.entries[start:stop], []))
            first += len(shard.entries)
        nothing = Shard(self.shards[0].features[:0], [], [])  # which keeps the number of channels
        return FeatureSet(shards or [nothing], self.key, self.scratch)

    def blocks(self, max_rows: int = 4096) -> Iterator[Tensor]:
        """X in consecutive blocks (m, C), m <= max_rows, in the dtype features are kept in."""
        for shard in self.shards:
            if len(shard.features):
                yield from shard.features.split(max_rows)

    def matrix(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """X (M, C) as one tensor in memory."""
        X = torch.empty(self.shape, dtype=dtype)
        start = 0
        for block in self.blocks():
            X[start : start + len(block)] = block
            start += len(block)
        return X


class FeatureStore:
    """Writes shards to a folder and reads them back; resumes after being killed at any moment.

    Args:
        folder: where the store lives.
        key: what makes the features; a folder that holds features of another key is refused.

    Raises:
        ArtifactError: if the folder holds features made by something else; the message names what differs.
    """

    def __init__(self, folder: str | os.PathLike[str], key: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.key = files.to_json(key)
        index = self.folder / "index.json"
        if index.exists():
            found = files.read_json(index, schema=SCHEMA, version=VERSION)["key"]
            differing = sorted(k for k in {*found, *self.key} if found.get(k) != self.key.get(k))
            if differing:
                told = "; ".join(
                    f"{k}: {_short(found.get(k))} there, {_short(self.key.get(k))} here" for k in differing
                )
                raise ArtifactError(
                    f"The features in {self.folder} were made otherwise ({told}). Use --overwrite."
                )
        else:
            files.write_json(index, {"key": self.key, "complete": False}, schema=SCHEMA, version=VERSION)
        files.remove_partial_files(self.folder)

    def path(self, number: int) -> Path:
        """The file of shard `number`."""
        return self.folder / f"{number:05d}.safetensors"

    def present(self) -> set[int]:
        """Numbers of the shards on disk."""
        # listed, not asked for one by one: over a network a file once found missing may seem so for a while
        return {int(path.stem) for path in self.folder.glob("*.safetensors")}

    def write(self, number: int, shard: Shard) -> None:
        """Write one shard, whole or not at all."""
        metadata = {
            "entries": json.dumps([asdict(entry) for entry in shard.entries]),
            "skipped": json.dumps(shard.skipped),
        }
        try:
            # serialised here: save_file has temporary files of its own, which a kill would leave
            files.write_bytes(self.path(number), save({"features": shard.features.contiguous()}, metadata))
        except (OSError, SafetensorError) as error:
            raise ArtifactError(f"Cannot write features to {self.folder}: {error}.") from error

    def open(self, count: int) -> FeatureSet:
        """The features of all `count` shards."""
        return FeatureSet([read_shard(self.path(i)) for i in range(count)], self.key, self.folder)

    def finish(self, features: FeatureSet) -> None:
        """Mark the store as complete with these features, which are all its shards."""
        files.write_json(
            self.folder / "index.json",
            {
                "key": self.key,
                "complete": True,
                "num_shards": len(features.shards),
                "shape": features.shape,
                "dtype": str(features.dtype).removeprefix("torch."),
                "images": len(features),
                "skipped": features.skipped,
            },
            schema=SCHEMA,
            version=VERSION,
        )


def read_features(folder: str | os.PathLike[str]) -> FeatureSet:
    """Open a complete feature store; nothing is read into memory until it is touched.

    Raises:
        ArtifactError: if there is none, it is unfinished, or a shard is missing or damaged.
    """
    root = Path(folder)
    index = files.read_json(root / "index.json", schema=SCHEMA, version=VERSION)
    if not index.get("complete"):
        raise ArtifactError(f"The features in {root} are unfinished; finish them with --resume.")
    shards = [read_shard(root / f"{i:05d}.safetensors") for i in range(index["num_shards"])]
    return FeatureSet(shards, index["key"])


def read_shard(path: Path) -> Shard:
    """Open one shard, its features memory-mapped."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            features = file.get_tensor("features")
        entries = [
            FeatureEntry(e["id"], tuple(e["size"]), tuple(e["grid"]), tuple(e["content"]))
            for e in json.loads(metadata["entries"])
        ]
        return Shard(features, entries, json.loads(metadata["skipped"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"Cannot read the features in {path}: {error}. Make them anew: --overwrite."
        ) from error


def check_dtype(name: str) -> torch.dtype:
    """The torch dtype of a storage dtype's name.

    Raises:
        ConfigError: if it is not one of `DTYPES`.
    """
    if name not in DTYPES:
        raise ConfigError(f"Expected a feature dtype of {', '.join(DTYPES)}, but got {name!r}.")
    return DTYPES[name]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
