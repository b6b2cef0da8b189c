from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from partdisc.discovery.scaling import channel_statistics, non_negative_scaling
from partdisc.discovery.scops.batches import TrainingData
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.labels import start_labels
from partdisc.discovery.scops.start import Start, find_start
from partdisc.discovery.scops.trainer import Trainer
from partdisc.store.features import FeatureSet

from .conftest import PARTS, TINY, disc_foreground, disc_maps, make_objective


def disc_start() -> tuple[FeatureSet, Start]:
    maps = disc_maps()
    features = FeatureSet.from_maps([torch.from_numpy(m) for m in maps])
    scaling = non_negative_scaling(channel_statistics(features), None)
    known = disc_foreground(maps)
    return features, find_start(features, scaling, PARTS, method="kmeans", seed=0, foreground=known)


def probabilities(features: FeatureSet, start: Start, index: int) -> torch.Tensor:
    assert start.weight is not None
    rows = (features[index].float() - start.mean) / start.scale
    return (rows @ start.weight.T + start.bias).softmax(-1)


def test_labels_are_what_the_start_says_where_there_are_no_pictures():
    features, start = disc_start()
    labels = start_labels(features, start, None)
    assert labels is not None
    assert labels(2).dtype == torch.float16
    assert torch.equal(labels(2).argmax(-1), probabilities(features, start, 2).argmax(-1))
    assert torch.equal(labels(2).amax(-1), torch.ones(8, 11).half())


def test_random_start_has_no_labels():
    features, start = disc_start()
    assert start_labels(features, replace(start, weight=None, bias=None), None) is None


def test_pictures_decide_where_the_start_is_unsure_and_are_looked_at_once():
    rows = torch.tensor([-2.0] * 5 + [0.0] * 2 + [2.0] * 5).expand(6, 12)[..., None]
    features = FeatureSet.from_maps([rows.contiguous()])
    one = torch.ones(1)
    start = Start(0 * one, one, one[None], torch.tensor([[-0.5], [0.5]]), torch.zeros(2))
    picture = np.zeros((24, 48, 3), np.uint8)
    picture[:, 24:] = 200
    asked: list[int] = []

    def pictures(index: int) -> np.ndarray:
        asked.append(index)
        return picture

    labels = start_labels(features, start, pictures)
    assert labels is not None
    found = labels(0).float()
    assert labels(0) is labels(0)
    assert asked == [0]
    assert found.shape == (6, 12, 2)
    assert torch.allclose(found.sum(-1), torch.ones(6, 12), atol=2e-3)
    assert torch.equal(found.argmax(-1), (torch.arange(12) >= 6).long().expand(6, 12))
    assert set((16 * found).unique().tolist()) <= set(range(17))  # shares of 4 x 4 pixels


def lost(weight: float) -> float:
    """Share of cells that leave the start when the foreground loss asks for parts everywhere."""
    features, start = disc_start()
    config = ScopsConfig(**{**TINY, "steps": 40, "learning_rate": 1e-2, "ema": 0.0, "labels": weight})
    objective, known = make_objective(disc_maps(), config)
    labels = start_labels(features, start, None)
    everything = {entry.id: np.ones(entry.grid, np.float32) for entry in features.entries}
    data = TrainingData(features, known.scaling, foreground=everything, labels=labels)
    Trainer(objective, data, config).run()
    batch = next(data.iterate([range(6)], _Everything()))
    assert batch.labels is not None
    with torch.no_grad():
        now = objective.plain_logits(batch).argmax(1)
    return float((now != batch.labels.argmax(1)).float().mean())


def test_labels_hold_what_other_losses_would_give_up():
    assert lost(0.0) > 0.2
    assert lost(10.0) < 0.05


class _Everything:
    def indices(self, positions: range) -> list[int]:
        return list(positions)


def test_labels_lie_on_the_grid_of_the_maps_and_beyond_it_do_not_matter():
    features, start = disc_start()
    labels = start_labels(features, start, None)
    data = TrainingData(
        features, non_negative_scaling(channel_statistics(features), None), canvas=(10, 12), labels=labels
    )
    batch = next(data.iterate([range(2)], _Everything()))
    assert batch.labels is not None
    assert labels is not None
    assert batch.labels.shape == (2, PARTS + 1, 10, 12)
    assert torch.equal(batch.labels[0, :, :8, :11], labels(0).float().permute(2, 0, 1))
    assert batch.valid[:, :, 8:].max() == 0
