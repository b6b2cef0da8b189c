from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.discovery.scaling import channel_statistics, non_negative_scaling
from partdisc.discovery.scops.batches import TrainingData
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.network import AtrousHead, Segmenter
from partdisc.discovery.scops.objective import Objective
from partdisc.discovery.scops.start import find_start
from partdisc.store.features import FeatureSet

PARTS, CHANNELS = 3, 6
TINY = {
    "start": "kmeans",
    "batch_size": 2,
    "rates": [1, 2],
    "steps": 12,
    "learning_rate": 1e-3,
    "basis_learning_rate": 1e-3,
    "warmup": 2,
    "log_every": 1,
    "checkpoint_every": 4,
}


def disc_maps(count: int = 6, shape: tuple[int, int] = (8, 11), seed: int = 0) -> list[np.ndarray]:
    """Feature maps (h, w, C) of three discs on a plain ground, each disc and the ground with features of its own."""
    rng = np.random.default_rng(seed)
    codes = 2 * np.eye(PARTS + 1, CHANNELS, dtype=np.float32)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    maps = []
    for _ in range(count):
        labels = np.zeros(shape, dtype=int)
        start = rng.integers(0, 2)
        for part in range(PARTS):
            labels[np.hypot(rows - 3 - start, columns - 2 - 3 * part - start) < 1.9] = part + 1
        maps.append(codes[labels] + 0.1 * rng.random((*shape, CHANNELS), dtype=np.float32))
    return maps


def disc_foreground(maps: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"image_{i:05d}": (m[..., 1:4].max(-1) > 1).astype(np.float32) for i, m in enumerate(maps)}


def make_objective(maps: list[np.ndarray], config: ScopsConfig, foreground: bool = True, seed: int = 0):
    features = FeatureSet.from_maps([torch.from_numpy(m) for m in maps])
    known = disc_foreground(maps) if foreground else None
    scaling = non_negative_scaling(channel_statistics(features), None)
    start = find_start(features, scaling, PARTS, method=config.start, seed=seed, foreground=known)
    head = AtrousHead(CHANNELS, PARTS + foreground, config.rates, seed)
    head.standardize(start.mean, start.scale)
    if start.weight is not None:
        head.start_from(start.weight, start.bias)
    objective = Objective(Segmenter(head), start.basis, config, background=foreground, seed=seed)
    return objective, TrainingData(features, scaling, foreground=known)


@pytest.fixture
def maps() -> list[np.ndarray]:
    return disc_maps()
