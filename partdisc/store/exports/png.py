"""Plain PNG: grey masks whose values are the part ids, and their names; a mask folder that `--annotations` reads."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from partdisc.errors import DataError
from partdisc.store.files import write_bytes, write_text
from partdisc.store.masks import MaskEntry, MaskSet


def write_png(masks: MaskSet, out: Path) -> Path:
    """Write `masks/<image without extension>.png`, 8-bit grey, and `parts.json`.

    Raises:
        DataError: if an id leads out of the folder.
    """
    for stem, (_, labels) in zip(unique_stems(masks.entries), masks, strict=True):
        if ".." in Path(stem).parts or Path(stem).is_absolute():
            raise DataError(f"The id {stem!r} leads out of {out}.")
        write_bytes(out / "masks" / f"{stem}.png", grey_png(labels))
    write_names(masks, out / "parts.json")
    return out


def grey_png(labels: np.ndarray) -> bytes:
    """Labels (H, W) as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_names(masks: MaskSet, path: Path) -> None:
    """Write {"1": name, ...}."""
    names = {str(part): name for part, name in enumerate(masks.names, start=1)}
    write_text(path, json.dumps(names, indent=1, ensure_ascii=False) + "\n")


def unique_stems(entries: list[MaskEntry]) -> list[str]:
    """Image ids without extension; where two would be alike they keep it.

    >>> unique_stems([MaskEntry(i, i, 1, 1, "") for i in ("a/x.jpg", "a/y.jpg", "a/y.png")])
    ['a/x', 'a/y.jpg', 'a/y.png']
    """
    stems = [str(PurePosixPath(entry.id).with_suffix("")) for entry in entries]
    count = Counter(stems)
    return [entry.id if count[stem] > 1 else stem for entry, stem in zip(entries, stems, strict=True)]
