from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.geometry.moments import areas, centroids, coordinate_grid, spreads

SHAPES = [(7, 7), (5, 12), (12, 5), (1, 6), (1, 1)]


@pytest.fixture
def maps() -> torch.Tensor:
    return torch.rand(3, 4, 6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_long_side_spans_two_units_and_cells_are_square(shape):
    grid = coordinate_grid(*shape, dtype=torch.float64)
    assert grid.shape == (*shape, 2)
    step = 2 / max(shape)
    assert torch.allclose(grid.mean(dim=(0, 1)), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(grid.diff(dim=0)[..., 1], torch.tensor(step, dtype=torch.float64))
    assert torch.allclose(grid.diff(dim=1)[..., 0], torch.tensor(step, dtype=torch.float64))
    assert grid.abs().max() == pytest.approx(1 - step / 2)


def test_moments_equal_a_loop_over_cells(maps):
    B, K, h, w = maps.shape
    for b in range(B):
        for k in range(K):
            points, mass = [], []
            for i in range(h):
                for j in range(w):
                    points.append([(j + 0.5 - w / 2) / (w / 2), (i + 0.5 - h / 2) / (w / 2)])
                    mass.append(maps[b, k, i, j].item())
            centre = np.average(points, axis=0, weights=mass)
            spread = np.average(((np.array(points) - centre) ** 2).sum(1), weights=mass)
            assert np.allclose(centroids(maps)[b, k], centre)
            assert spreads(maps)[b, k].item() == pytest.approx(spread)
            assert areas(maps)[b, k].item() == pytest.approx(np.mean(mass))


def test_transposing_swaps_coordinates_and_keeps_spreads(maps):
    assert torch.allclose(centroids(maps.mT), centroids(maps).flip(-1))
    assert torch.allclose(spreads(maps.mT), spreads(maps))
    assert torch.allclose(areas(maps.mT), areas(maps))


def test_scale_of_maps_does_not_matter(maps):
    assert torch.allclose(centroids(7 * maps), centroids(maps))
    assert torch.allclose(spreads(7 * maps), spreads(maps))


def test_numbers_do_not_depend_on_the_resolution(maps):
    fine = maps.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    assert torch.allclose(centroids(fine), centroids(maps))
    within_cell = (
        2 * (1 / 9) ** 2 / 3 * (1 - 1 / 64)
    )  # of an 8 x 8 subgrid of a cell 2/9 wide, about its middle
    assert torch.allclose(spreads(fine), spreads(maps) + within_cell)


def test_cells_that_are_not_valid_do_not_count(maps):
    valid = torch.ones(3, 1, 6, 9, dtype=torch.float64)
    valid[:, :, :, 6:] = 0
    changed = maps.clone()
    changed[..., 6:] = 5
    for moment in (areas, centroids, spreads):
        assert torch.allclose(moment(maps, valid), moment(changed, valid))
        assert not torch.allclose(moment(maps, valid), moment(maps))
    assert torch.allclose(areas(maps, valid), areas(maps[..., :6]))


def test_empty_maps_and_images_without_valid_cells_are_finite_with_finite_gradients():
    maps = torch.zeros(1, 2, 4, 6, requires_grad=True)
    for valid in (None, torch.zeros(1, 1, 4, 6)):
        for moment in (areas, centroids, spreads):
            found = moment(maps, valid)
            assert (found == 0).all()
            (gradient,) = torch.autograd.grad(found.sum(), maps)
            assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    maps = torch.rand(1, 2, 64, 64, generator=torch.Generator().manual_seed(1)).to(dtype)
    for moment in (areas, centroids, spreads):
        assert moment(maps).dtype == torch.float32
        assert torch.allclose(moment(maps), moment(maps.float()))


@pytest.mark.parametrize("moment", [areas, centroids, spreads])
def test_gradients_are_right(moment):
    maps = torch.rand(2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.1
    assert torch.autograd.gradcheck(moment, maps.requires_grad_())


def test_input_is_not_changed(maps):
    before, valid = maps.clone(), torch.rand(3, 1, 6, 9, dtype=torch.float64)
    for moment in (areas, centroids, spreads):
        moment(maps, valid)
    assert torch.equal(maps, before)
