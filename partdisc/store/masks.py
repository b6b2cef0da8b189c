"""Part masks on disk: palette PNGs (0 background, 1..K parts, 255 ignored) under `parts/`, with their index.

parts/index.json      {"schema": "partdisc/parts", "version": 1, "num_parts": K, "part_names": [...] | null,
                       "palette": [[r, g, b], ...], "images_root": ..., "images": [{"id", "file_name",
                       "width", "height", "mask"}]}
parts/masks/<id>.png  8-bit palette PNG of the image's size as displayed
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from partdisc.errors import ArtifactError, DataError
from partdisc.parts import MAX_PARTS, PartNames, check_labels
from partdisc.store import files

SCHEMA = "partdisc/parts"
VERSION = 1
Color = tuple[int, int, int]


def encode_mask(labels: np.ndarray, palette: Sequence[Color], *, compress_level: int = 1) -> bytes:
    """A palette PNG of `labels` (H, W); entry i of `palette` colours label i, 255 is shown white."""
    image = Image.fromarray(check_labels(labels))
    flat = [channel for color in palette for channel in color]
    image.putpalette((flat + [0] * 768)[: 255 * 3] + [255, 255, 255])
    buffer = io.BytesIO()
    image.save(
        buffer, format="PNG", compress_level=compress_level, compress_type=zlib.Z_RLE
    )  # labels lie in runs
    return buffer.getvalue()


def write_mask(path: str | os.PathLike[str], labels: np.ndarray, palette: Sequence[Color]) -> None:
    """Write part labels (H, W) as a palette PNG, whole or not at all."""
    files.write_bytes(path, encode_mask(labels, palette))


def write_grey(path: str | os.PathLike[str], values: np.ndarray) -> None:
    """Write values (H, W) in [0, 1] as an 8-bit grey PNG, whole or not at all: a soft mask, 255 where it is sure."""
    buffer = io.BytesIO()
    levels = np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(levels).save(buffer, format="PNG", compress_level=1)
    files.write_bytes(path, buffer.getvalue())


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a single-channel 8-bit mask, palette or grey.

    Returns:
        uint8 array of shape (H, W): the stored indices, not colours.

    Raises:
        ArtifactError: if the file is missing, unreadable, or has more than one channel.
    """
    try:
        with Image.open(os.fspath(path)) as image:
            if image.mode not in ("P", "L", "1"):
                raise ArtifactError(
                    f"Expected {os.fspath(path)} to be an 8-bit label mask, but its mode is {image.mode}."
                )
            return np.array(image.convert("L") if image.mode == "1" else image, dtype=np.uint8)
    except FileNotFoundError as error:
        raise ArtifactError(f"Expected the mask {os.fspath(path)}, but it does not exist.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise ArtifactError(f"Cannot read the mask {os.fspath(path)}: {error}.") from error


@dataclass(frozen=True)
class MaskEntry:
    """One image of a mask set: its id, file name, size as displayed, and mask path relative to `parts/`."""

    id: str
    file_name: str
    width: int
    height: int
    mask: str


@dataclass
class MaskSet:
    """Part masks of many images: the contents of `parts/` in a run, or of anybody's folder in this layout.

    Attributes:
        folder: the folder that holds index.json and the masks.
        num_parts: K.
        part_names: names of parts 1..K, or None while nobody named them.
        palette: K + 1 colours (r, g, b), entry 0 the background.
        images_root: where `file_name`s start, or None.
        entries: one for each image, in the order of the run.
    """

    folder: Path
    num_parts: int
    palette: list[Color]
    part_names: list[str] | None = None
    images_root: str | None = None
    entries: list[MaskEntry] = field(default_factory=list)

    @property
    def names(self) -> PartNames:
        """Names of all parts, numbered where nobody named them."""
        return PartNames(self.part_names or [""] * self.num_parts)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"MaskSet({str(self.folder)!r}, num_parts={self.num_parts}, images={len(self)})"

    @cached_property
    def by_id(self) -> dict[str, MaskEntry]:
        """The entries by their images' ids; those there are when first asked for."""
        return {entry.id: entry for entry in self.entries}

    def entry(self, image_id: str) -> MaskEntry:
        """The entry of an image.

        Raises:
            DataError: if there is none.
        """
        if image_id not in self.by_id:
            such = f"; ids are such as {self.entries[0].id!r}" if self.entries else ""
            raise DataError(f"There is no mask of {image_id!r} in {self.folder}{such}.")
        return self.by_id[image_id]

    def labels(self, entry: MaskEntry | str) -> np.ndarray:
        """Read one mask, of an entry or of an image's id, uint8 (H, W), and check it against the index.

        Raises:
            ArtifactError: if the file is missing, damaged or of another size.
            DataError: if there is no such image, or the mask holds other labels than 0..K and 255.
        """
        entry = self.entry(entry) if isinstance(entry, str) else entry
        labels = read_mask(self.folder / entry.mask)
        if labels.shape != (entry.height, entry.width):
            raise ArtifactError(
                f"Expected {self.folder / entry.mask} to be {entry.width} x {entry.height} as the index says, "
                f"but it is {labels.shape[1]} x {labels.shape[0]}."
            )
        return check_labels(labels, self.num_parts, name=str(self.folder / entry.mask))

    def __iter__(self) -> Iterator[tuple[MaskEntry, np.ndarray]]:
        for entry in self.entries:
            yield entry, self.labels(entry)

    @property
    def behind_url(self) -> bool:
        """Whether the images lie where a URL leads, not on this machine."""
        return "://" in (self.images_root or "")

    def image_path(self, entry: MaskEntry | str) -> Path:
        """Where the image of an entry, or of this id, was when it was labelled."""
        entry = self.entry(entry) if isinstance(entry, str) else entry
        return Path(self.images_root or ".") / entry.file_name


def write_index(masks: MaskSet) -> None:
    """Write `index.json` of a mask set."""
    files.write_json(
        masks.folder / "index.json",
        {
            "num_parts": masks.num_parts,
            "part_names": masks.part_names,
            "palette": [list(color) for color in masks.palette],
            "images_root": masks.images_root,
            "images": [vars(entry) for entry in masks.entries],
        },
        schema=SCHEMA,
        version=VERSION,
    )


def read_masks(folder: str | os.PathLike[str]) -> MaskSet:
    """Open the mask set in `folder` (a run's `parts/`, or the run itself). Masks are read one by one, on demand.

    Raises:
        ArtifactError: if there is no index, or it does not say what a mask set needs.
    """
    root = Path(folder)
    if not (root / "index.json").exists() and (root / "parts" / "index.json").exists():
        root = root / "parts"
    data = files.read_json(root / "index.json", schema=SCHEMA, version=VERSION)
    try:
        num_parts = int(data["num_parts"])
        entries = [
            MaskEntry(**{k: e[k] for k in ("id", "file_name", "width", "height", "mask")})
            for e in data["images"]
        ]
        palette = [(int(r), int(g), int(b)) for r, g, b in data["palette"]]
        part_names = data.get("part_names")
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{root / 'index.json'} is damaged: {error!r}.") from error
    if not 1 <= num_parts <= MAX_PARTS or (part_names is not None and len(part_names) != num_parts):
        raise ArtifactError(f"{root / 'index.json'} is damaged: {num_parts} parts, names {part_names}.")
    for entry in entries:
        for path in (entry.mask, entry.id):  # overlays and exports are named after the id
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise ArtifactError(f"{root / 'index.json'} names a file outside its folder: {path!r}.")
    return MaskSet(root, num_parts, palette, part_names, data.get("images_root"), entries)
