"""partdisc on shared features: what `partdisc.discover` does with the same settings, without its figures."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import partdisc
from benchmarks.quality.features import backbone_of, feature_kind
from benchmarks.quality.tasks import Labelled, Task
from partdisc.discovery import create_discoverer
from partdisc.discovery.labelling import write_parts
from partdisc.metrics.controls import foreground_grid_labels
from partdisc.progress import silent
from partdisc.runs.settings import DiscoverSettings
from partdisc.store.maps import read_maps
from partdisc.store.masks import MaskSet, read_masks

SOURCES = ("discovery", "factorization", "features", "foreground", "refinement", "parts.py")


def discover_parts(task: Task, settings: Mapping[str, Any]) -> Labelled:
    """Discover with `settings`, all others at their defaults; the run stays in the work folder."""
    chosen = resolved(task, settings)
    assert chosen.num_parts is not None  # as resolved
    folder = run_folder(task, settings)
    kind, images = feature_kind(settings), task.group.listed
    features, backbone = task.features(kind), backbone_of(kind)
    discoverer = create_discoverer(
        chosen.method,
        chosen.num_parts,
        foreground=chosen.foreground,
        backbone=backbone,
        layers=chosen.layers,
        weights=chosen.weights,
        seed=chosen.seed,
        **chosen.options,
    )
    discoverer.image_size = kind.image_size
    shutil.rmtree(folder, ignore_errors=True)
    with task.clock:
        learnt = discoverer.learn(images, features, folder=folder / "checkpoints", progress=silent)
        masks = write_parts(
            folder, discoverer, learnt, images, maps=True, refinement=chosen.refine, progress=silent
        )
    return _read(task, masks, folder)


def grid_in_foreground(task: Task, settings: Mapping[str, Any]) -> Labelled:
    """A control: K cells over the box of the foreground that the same settings found."""
    count = task.group.num_parts
    return Labelled(
        count, [foreground_grid_labels(labels, count) for labels in known_parts(task, settings).labels]
    )


def known_parts(task: Task, settings: Mapping[str, Any]) -> Labelled:
    """What `discover_parts` gives, read from its run where there is one."""
    folder = run_folder(task, settings)
    if (folder / "parts" / "index.json").exists():  # written last
        return _read(task, read_masks(folder), folder)
    return discover_parts(task, settings)


def resolved(task: Task, settings: Mapping[str, Any]) -> DiscoverSettings:
    """All settings of a run; without a foreground stage one cluster more is asked for, as of the peers."""
    chosen = DiscoverSettings(task.group.num_parts, seed=task.seed, **settings)
    if chosen.foreground == "none":
        chosen = DiscoverSettings(task.group.num_parts + 1, seed=task.seed, **settings)
    chosen.check()
    return chosen


def run_folder(task: Task, settings: Mapping[str, Any]) -> Path:
    """Where the run of these images, settings and seed is, for this state of the code."""
    text = json.dumps(
        [asdict(resolved(task, settings)), task.group.listed.digest, code_digest()], sort_keys=True
    )
    return task.work / "runs" / f"{task.group.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def code_digest() -> str:
    """A hash of the code that decides what is discovered."""
    sha, package = hashlib.sha256(), Path(partdisc.__file__).parent
    for unit in SOURCES:
        for path in sorted((package / unit).rglob("*.py")) or [package / unit]:
            sha.update(path.read_bytes())
    return sha.hexdigest()[:12]


def _read(task: Task, masks: MaskSet, folder: Path) -> Labelled:
    entries = {entry.id: entry for entry in masks.entries}
    names, maps = [r.id for r in task.group.listed.records], read_maps(folder)
    return Labelled(masks.num_parts, [masks.labels(entries[n]) for n in names], [maps[n] for n in names])
