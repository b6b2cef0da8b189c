from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.discovery.scaling import channel_statistics, non_negative_scaling
from partdisc.discovery.scops.augmentation import recolour, sample_colours, sample_warp
from partdisc.discovery.scops.batches import Stream, TrainingData
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.features import create_backbone, extract_features
from partdisc.geometry.warps import ComposedWarp

CONFIG = ScopsConfig()
SIZES = [(64, 96), (48, 96), (96, 64)]


@pytest.fixture(scope="module")
def data() -> TrainingData:
    rng = np.random.default_rng(0)
    images = list_images([rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES])
    backbone = create_backbone(weights="random", layers="stride16")
    features = extract_features(backbone, images, image_size=96, dtype="float32")
    records = [{r.id: r for r in images}[entry.id] for entry in features.entries]
    return TrainingData(
        features,
        non_negative_scaling(channel_statistics(features), None),
        records=records,
        canvas=(96, 96),
        stride=16,
        image_size=96,
        foreground={e.id: np.ones((7, 9), np.float32) for e in features.entries},
    )


def test_every_image_is_seen_once_in_each_round():
    stream = Stream(num_images=5, per_step=3, seed=1)
    seen = [stream.indices(stream.positions(step, 0, 1)) for step in range(10)]
    flat = [index for batch in seen for index in batch]
    assert [sorted(flat[i : i + 5]) for i in range(0, 30, 5)] == [list(range(5))] * 6
    assert flat[:5] != flat[5:10]
    assert flat != [i for s in range(10) for i in Stream(5, 3, 2).indices(stream.positions(s, 0, 1))]


def test_parts_of_a_step_are_the_step():
    stream = Stream(num_images=7, per_step=6, seed=0)
    for step in (0, 4):
        parts = [p for part in range(3) for p in stream.positions(step, part, 3)]
        assert parts == list(stream.positions(step, 0, 1))


def test_images_lie_at_the_upper_left_and_only_they_count(data):
    stream = Stream(3, 3, 0)
    (batch,) = data.iterate([stream.positions(0, 0, 1)], stream)
    assert batch.inputs.shape == (3, 3, 96, 96)
    assert batch.targets.min() >= 0
    for row, index in enumerate(stream.indices(batch.positions)):
        entry, record = data.features.entries[index], data.records[index]
        h, w = entry.size
        assert np.array_equal(batch.inputs[row, :, :h, :w].permute(1, 2, 0), record.pixels)
        assert batch.valid[row].sum() == pytest.approx(h * w / 16**2)
        rows, columns = entry.grid
        assert torch.equal(batch.features[row, :, :rows, :columns], data.features[index].permute(2, 0, 1))
        assert torch.equal(batch.foreground[row] > 0, batch.valid[row] > 0)
        assert batch.centres[row].tolist() == pytest.approx([(w - 96) / 96, (h - 96) / 96])


def test_workers_do_not_change_what_is_seen(data):
    stream = Stream(3, 2, 0)
    parts = [stream.positions(step, 0, 1) for step in range(3)]
    for a, b in zip(data.iterate(parts, stream), data.iterate(parts, stream, workers=1), strict=True):
        assert torch.equal(a.inputs, b.inputs)


def test_warp_of_an_image_depends_on_its_position_alone():
    points = torch.rand(1, 20, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    together = sample_warp(3, range(4), CONFIG, torch.zeros(4, 2)).push(points)
    for position in range(4):
        alone = sample_warp(3, [position], CONFIG, torch.zeros(1, 2)).push(points)
        assert torch.allclose(alone[0], together[position], atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=0.01)
    assert not torch.allclose(sample_warp(4, [0], CONFIG, torch.zeros(1, 2)).push(points)[0], together[0])


def test_warps_stay_within_their_ranges_and_turn_about_the_centre():
    centres = torch.tensor([[0.2, -0.3]]).expand(200, -1)
    warp = sample_warp(0, range(200), CONFIG, centres)
    assert isinstance(warp, ComposedWarp)
    linear = warp.first.matrix[:, :, :2]
    scale = torch.linalg.det(linear).sqrt()
    angle = torch.rad2deg(torch.atan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert 0.5 <= scale.min() < 0.6
    assert 1.3 < scale.max() <= 1.43 + 1e-5
    assert 50 < angle.abs().max() <= 60
    shift = warp.first.push(centres[:, None])[:, 0] - centres
    assert 0.08 < shift.abs().max() <= 0.1 + 1e-5
    control = torch.rand(1, 50, 2) - 0.5
    assert (warp.second.pull(control) - control).abs().max() < 0.05
    assert not warp.second.folds(32, 32).any()


def test_no_jitter_keeps_colours_and_jitter_keeps_the_range():
    images = torch.rand(6, 3, 8, 9, generator=torch.Generator().manual_seed(0)) * 255
    still = ScopsConfig(jitter=(0, 0, 0, 0))
    assert torch.allclose(recolour(images, sample_colours(0, range(6), still)), images, atol=0.5)
    changed = recolour(images, sample_colours(0, range(6), CONFIG))
    assert (changed - images).abs().mean() > 3
    assert changed.min() >= 0
    assert changed.max() <= 255
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    only_hue = sample_colours(0, range(6), ScopsConfig(jitter=(0, 0, 0.2, 0.2)))
    assert torch.allclose(recolour(grey, only_hue), grey, atol=1.0)
