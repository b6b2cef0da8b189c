"""Soft part maps on disk: `parts/maps/NNNNN.safetensors`, float16, one tensor (K + 1, h, w) for each image.

Metadata of a shard holds each image's id, size as displayed and the content of its grid (see `PartMaps`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from partdisc.errors import ArtifactError
from partdisc.parts import PartMaps
from partdisc.store import files


def shard_path(folder: str | os.PathLike[str], number: int) -> Path:
    """The file of shard `number` in a `parts/maps` folder."""
    return Path(folder) / f"{number:05d}.safetensors"


def write_maps(path: str | os.PathLike[str], maps: Sequence[PartMaps]) -> None:
    """Write the maps of a few images as one shard, whole or not at all."""
    tensors = {str(i): np.ascontiguousarray(m.maps, dtype=np.float16) for i, m in enumerate(maps)}
    entries = [
        {"id": m.image_id, "size": list(m.size), "content": list(m.content or m.maps.shape[1:])} for m in maps
    ]
    files.write_bytes(path, save(tensors, metadata={"images": json.dumps(entries)}))


def read_shard(path: str | os.PathLike[str]) -> list[PartMaps]:
    """The maps of one shard, in its order.

    Raises:
        ArtifactError: if it is missing or damaged.
    """
    return [_read(Path(path), number, entry) for number, entry in enumerate(_entries(Path(path)))]


def _entries(path: Path) -> list[dict[str, Any]]:
    """What the metadata of a shard say of each of its images."""
    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads(file.metadata()["images"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"Cannot read the part maps in {path}: {error}.") from error


def _read(path: Path, number: int, entry: dict[str, Any]) -> PartMaps:
    with safe_open(path, framework="numpy") as file:
        maps = file.get_tensor(str(number)).astype(np.float32)
    return PartMaps(maps, tuple(entry["size"]), tuple(entry["content"]), entry["id"])


class MapStore(Mapping[str, PartMaps]):
    """Part maps by image id, read when asked for.

    Raises:
        ArtifactError: if the folder holds no maps, or a shard is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._entries: dict[str, tuple[Path, int, dict]] = {}
        for path in sorted(Path(folder).glob("*.safetensors")):
            self._entries |= {entry["id"]: (path, i, entry) for i, entry in enumerate(_entries(path))}
        if not self._entries:
            raise ArtifactError(
                f"There are no part maps in {os.fspath(folder)}; was the run made with --no-maps?"
            )

    def __getitem__(self, image_id: str) -> PartMaps:
        if image_id not in self._entries:
            raise KeyError(f"There are no maps of {image_id!r}; ids are such as {next(iter(self))!r}.")
        return _read(*self._entries[image_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"MapStore({len(self)} images)"


def read_maps(folder: str | os.PathLike[str]) -> MapStore:
    """Open the part maps of a run, or of its `parts` or `parts/maps` folder."""
    root = Path(folder)
    for place in (root / "parts" / "maps", root / "maps", root):
        if any(place.glob("*.safetensors")):
            return MapStore(place)
    return MapStore(root)
