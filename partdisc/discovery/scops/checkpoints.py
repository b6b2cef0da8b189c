"""Checkpoints of a training run: tensors in safetensors, the rest as JSON in its header; nothing is pickled.

    checkpoints/step_00000100.safetensors

A checkpoint is written whole or not at all, and the one before is kept until then: a run that is killed at any
moment, or whose disk is full, goes on from the last whole one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from partdisc.errors import ArtifactError
from partdisc.store import files

SCHEMA = "partdisc/checkpoint"
VERSION = 1
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """State after `step` steps.

    Attributes:
        step: steps done.
        tensors: weights, averages and the optimiser's state, by name.
        made_with: what decides the run (configuration, seed, data); a run that differs cannot go on from here.
        state: anything else, as plain data.
    """

    step: int
    tensors: dict[str, Tensor]
    made_with: dict[str, Any]
    state: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint and remove all but the last few.

    Raises:
        ArtifactError: if it cannot be written (a full disk, say); earlier ones are kept then.
    """
    path = folder / f"step_{checkpoint.step:08d}.safetensors"
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "step": checkpoint.step,
        "made_with": checkpoint.made_with,
        "state": checkpoint.state,
    }
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    try:
        files.write_bytes(path, save(kept, metadata={"partdisc": json.dumps(header)}))
    except OSError as error:
        raise ArtifactError(
            f"Cannot write the checkpoint {path}: {error}. Free some space and go on with --resume; "
            "earlier checkpoints are kept."
        ) from error
    for old in list_checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in a folder, the oldest first."""
    return sorted(folder.glob("step_*.safetensors"))


def read_latest(folder: Path, made_with: dict[str, Any]) -> Checkpoint | None:
    """The newest checkpoint, or None where there is none.

    Raises:
        ArtifactError: if it was made with other settings (they are named), is damaged or of a newer version.
    """
    found = list_checkpoints(folder)
    if not found:
        return None
    checkpoint = read_checkpoint(found[-1])
    wanted = files.to_json(made_with)
    differing = _differing(checkpoint.made_with, wanted)
    if differing:
        raise ArtifactError(
            f"The checkpoint {found[-1]} was made otherwise: {differing}. Give the same settings, or start anew "
            "with --overwrite."
        )
    return checkpoint


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        ArtifactError: if it is damaged, no checkpoint, or of a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["partdisc"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["schema"] != SCHEMA or header["version"] > VERSION:
            raise ArtifactError(
                f"{path} is {header['schema']} of version {header['version']}; this partdisc reads {SCHEMA} up to "
                f"{VERSION}."
            )
        return Checkpoint(header["step"], tensors, header["made_with"], header["state"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(
            f"The checkpoint {path} is damaged ({error}). Remove it; training goes on from the one before."
        ) from error


def _differing(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> str:
    told = []
    for key in sorted({*found, *wanted}):
        a, b = found.get(key), wanted.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            told.append(_differing(a, b, f"{prefix}{key}."))
        elif a != b:
            told.append(f"{prefix}{key} ({a!r} there, {b!r} now)")
    return ", ".join(t for t in told if t)
