"""A model on disk: config.json says what it is, weights.safetensors holds what it learnt.

model/config.json          {"schema": "partdisc/model", "version": 1, "method", "params", "backbone", "tensors"}
model/weights.safetensors  tensors by name; shapes and dtypes stand in the config and are checked
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from partdisc.errors import ArtifactError
from partdisc.store import files

SCHEMA = "partdisc/model"
VERSION = 1


def write_model(folder: str | os.PathLike[str], config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model; the config last, so that a folder with a config is whole.

    Raises:
        ArtifactError: if the folder cannot be made.
    """
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(
            f"Cannot write a model to {root}: {error.strerror}. Name another folder."
        ) from error
    (root / "config.json").unlink(missing_ok=True)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    files.write_bytes(root / "weights.safetensors", save(kept))
    described = {name: _describe(tensor) for name, tensor in kept.items()}
    files.write_json(root / "config.json", {**config, "tensors": described}, schema=SCHEMA, version=VERSION)


def read_model(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model's config and tensors; takes the model folder or the run that holds it.

    Raises:
        ArtifactError: if there is none, or tensors are not those the config describes.
    """
    root = Path(folder)
    if not (root / "config.json").exists() and (root / "model").is_dir():
        root = root / "model"
    config = files.read_json(root / "config.json", schema=SCHEMA, version=VERSION)
    path = root / "weights.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"Cannot read the weights {path}: {error}.") from error
    expected, found = config.get("tensors", {}), {name: _describe(tensor) for name, tensor in tensors.items()}
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            raise ArtifactError(
                f"Expected the tensor {name!r} of {path} to be {expected.get(name, 'absent')}, "
                f"but it is {found.get(name, 'absent')}."
            )
    return config, tensors


def tensors_below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, under the rest of their names.

    >>> list(tensors_below("head.", {"head.weight": Tensor([1]), "basis": Tensor([2])}))
    ['weight']
    """
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
