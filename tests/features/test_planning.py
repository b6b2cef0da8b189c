from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.data import list_images
from partdisc.features import create_backbone, planning
from partdisc.features.planning import fits_in_memory, plan_extraction, resized_size


@pytest.fixture(scope="module")
def backbone():
    return create_backbone(weights="random", layers="stride16,stride32")


def test_batches_share_a_padded_size_and_cover_every_image_once(backbone):
    sizes = [(40, 64), (64, 40), (64, 64), (30, 48), (64, 64), (33, 64), (64, 63)]
    images = [np.zeros((*size, 3), np.uint8) for size in sizes]
    plan = plan_extraction(list_images(images), backbone, image_size=64, batch_size=2, dtype=torch.float16)
    batches = [batch for shard in plan.shards for batch in shard]
    for batch in batches:
        assert len({backbone.padded_size(*plan.sizes[r.id]) for r in batch}) == 1
        assert len(batch) <= 2
    assert sorted(r.id for batch in batches for r in batch) == [f"image_{i:05d}" for i in range(7)]


def test_the_long_side_is_resized_and_the_aspect_kept():
    assert resized_size(480, 640, 448) == (336, 448)
    assert resized_size(10, 4000, 448) == (1, 448)


@pytest.mark.parametrize("num_bytes", [1e3, 1e7, 1e9, 1e11, 1e13])
def test_shards_are_small_and_few_enough(num_bytes):
    size = planning._shard_bytes(num_bytes)
    assert size <= 32 * 2**20
    assert num_bytes / size >= 16
    assert num_bytes / size <= 60_000 or size == 32 * 2**20


def test_the_memory_that_is_free_bounds_what_fits_unless_a_budget_does(monkeypatch):
    monkeypatch.setattr(planning, "_available_memory", lambda: 1000)
    assert fits_in_memory(250)
    assert not fits_in_memory(251)
    assert fits_in_memory(251, budget=251)
    assert not fits_in_memory(250, budget=249)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert not fits_in_memory(126)
