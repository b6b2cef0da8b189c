from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from partdisc.geometry.cells import sample_cells


@pytest.mark.parametrize("shape", [(5, 8), (7, 3), (1, 4)])
@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
def test_is_grid_sample_with_reflection(shape, last):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 6, *shape, dtype=torch.float64, generator=generator)
    places = 6 * torch.rand(3, 4, 9, 2, dtype=torch.float64, generator=generator) - 3
    given = maps.contiguous(memory_format=torch.channels_last) if last else maps
    wanted = F.grid_sample(maps, places, padding_mode="reflection", align_corners=False)
    found = sample_cells(given, places)
    assert torch.allclose(found, wanted, atol=1e-12)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_gradients_reach_the_maps():
    places = 2 * torch.rand(1, 3, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1
    maps = torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: sample_cells(m, places), maps)
