"""One `.mat` file of Pascal-Part: `anno.objects`, each with `class`, `mask` and `parts` (`part_name`, `mask`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.io

from partdisc.errors import DataError


@dataclass(frozen=True)
class PascalObject:
    """One object: its class, its mask, and (name as in the file, mask) of each part; masks bool (H, W)."""

    name: str
    mask: np.ndarray
    parts: tuple[tuple[str, np.ndarray], ...]


def read_objects(path: str | os.PathLike[str]) -> list[PascalObject]:
    """The objects of one `.mat` file.

    Raises:
        DataError: if the file is not Pascal-Part's.
    """
    try:
        content = scipy.io.loadmat(path, struct_as_record=False)
        objects = np.atleast_1d(content["anno"][0, 0].objects).ravel()
        return [_read_object(item) for item in objects]
    except FileNotFoundError as error:
        raise DataError(f"Expected the annotation {os.fspath(path)}, but there is no such file.") from error
    except Exception as error:  # scipy raises almost anything on a damaged file
        raise DataError(
            f"Cannot read {os.fspath(path)} as Pascal-Part (anno.objects.parts): {type(error).__name__}: {error}."
        ) from error


def _read_object(item: Any) -> PascalObject:
    mask = np.asarray(item.mask) != 0
    parts = tuple((str(p.part_name[0]), np.asarray(p.mask) != 0) for p in np.asarray(item.parts).ravel())
    wrong = [f"{name} {part.shape}" for name, part in parts if part.shape != mask.shape]
    if mask.ndim != 2 or wrong:
        raise ValueError(
            f"masks of one size expected, {mask.shape}, but got {', '.join(wrong) or mask.shape}"
        )
    return PascalObject(str(getattr(item, "class")[0]), mask, parts)
