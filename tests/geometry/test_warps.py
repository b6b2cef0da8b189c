from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

from partdisc.errors import ConfigError
from partdisc.geometry.moments import centroids, coordinate_grid
from partdisc.geometry.thin_plate import ThinPlateSpline, control_grid, spline_solver
from partdisc.geometry.warps import INSIDE, AffineWarp, ThinPlateWarp, similarity, warp_maps

SHAPES = [(24, 24), (20, 36), (36, 20)]
DTYPES = [torch.float32, torch.float64]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def some_affine(seed: int = 0, batch: int = 4, dtype: torch.dtype = torch.float64) -> AffineWarp:
    draw = random(batch, 4, seed=seed, dtype=dtype)
    return similarity((2 * draw[:, 0] - 1) * torch.pi / 3, 0.5 + 0.93 * draw[:, 1], 0.2 * draw[:, 2:] - 0.1)


def fit_spline(control, moves):
    return ThinPlateSpline(control, (spline_solver(control) @ moves.double()).to(moves.dtype))


def some_thin_plate(
    strength: float = 0.04, seed: int = 0, batch: int = 4, dtype: torch.dtype = torch.float64
) -> ThinPlateWarp:
    control = control_grid(5, dtype=dtype)
    moves = strength * (2 * random(batch, 25, 2, seed=seed, dtype=dtype) - 1)
    return ThinPlateWarp(fit_spline(control, moves))


def points(batch: int = 4, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return coordinate_grid(9, 13, dtype=dtype).flatten(0, 1).expand(batch, -1, -1)


def blob(shape: tuple[int, int], x: float, y: float, width: float) -> torch.Tensor:
    offsets = coordinate_grid(*shape, dtype=torch.float64) - torch.tensor([x, y], dtype=torch.float64)
    return (-offsets.square().sum(-1) / (2 * width**2)).exp()[None, None]


# -- points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_affine_warps_invert_to_1e_5(dtype):
    warp, p = some_affine(dtype=dtype), points(dtype=dtype)
    assert (warp.pull(warp.push(p)) - p).abs().max() < 1e-5
    assert (warp.inverse().push(warp.push(p)) - p).abs().max() < 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strength", [0.01, 0.04, 0.1])
def test_thin_plate_warps_invert_to_1e_3_where_they_do_not_fold(strength, dtype):
    warp, p = some_thin_plate(strength, batch=16, dtype=dtype), points(16, dtype=dtype)
    kept = ~warp.folds(32, 32)
    assert kept.sum() >= 8
    assert (warp.push(warp.pull(p)) - p)[kept].abs().max() < 1e-3
    assert (warp.pull(warp.push(p)) - p)[kept].abs().max() < 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
def test_composed_warps_invert_and_keep_their_order(dtype):
    first, second, p = some_affine(1, dtype=dtype), some_thin_plate(dtype=dtype), points(dtype=dtype)
    both = first.then(second)
    assert torch.equal(both.push(p), second.push(first.push(p)))
    assert (both.pull(both.push(p)) - p).abs().max() < 1e-3
    assert (both.inverse().push(both.push(p)) - p).abs().max() < 1e-3
    assert (both.inverse().inverse().push(p) - both.push(p)).abs().max() < 1e-3


def test_similarity_keeps_its_centre_and_scales_distances():
    centre = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    warp = similarity(
        torch.tensor([0.7], dtype=torch.float64),
        torch.tensor([1.3], dtype=torch.float64),
        torch.tensor([[0.05, 0.1]], dtype=torch.float64),
        centre,
    )
    assert torch.allclose(
        warp.push(centre[None]), centre[None] + torch.tensor([0.05, 0.1], dtype=torch.float64)
    )
    p = points(1)
    moved = warp.push(p)
    assert torch.allclose(
        (moved[:, 1:] - moved[:, :1]).norm(dim=-1), 1.3 * (p[:, 1:] - p[:, :1]).norm(dim=-1)
    )


def test_scale_must_be_positive():
    with pytest.raises(ConfigError, match="scales above 0, but got 0"):
        similarity(torch.zeros(1), torch.zeros(1), torch.zeros(1, 2))


def test_spline_equals_scipy():
    control = control_grid(4, dtype=torch.float64)
    moves = random(1, 16, 2, seed=3)
    ours = fit_spline(control, moves)(points(1))[0]
    theirs = RBFInterpolator(control.numpy(), moves[0].numpy(), kernel="thin_plate_spline", degree=1)
    assert np.allclose(ours, theirs(points(1)[0].numpy()))


def test_spline_moves_control_points_as_told_and_affine_moves_without_bending():
    control, moves = control_grid(5, dtype=torch.float64), random(3, 25, 2)
    assert torch.allclose(fit_spline(control, moves)(control.expand(3, -1, -1)), moves)
    linear = control @ random(2, 2, seed=4) + 0.3
    spline = fit_spline(control, linear[None])
    assert spline.coefficients[:, :25].abs().max() < 1e-10
    assert torch.allclose(spline(points(1)), points(1) @ random(2, 2, seed=4) + 0.3)


def test_jacobian_is_the_derivative_of_pull():
    warp, p = some_thin_plate(0.2, batch=1), points(1)[:, ::7]
    exact = torch.autograd.functional.jacobian(lambda q: warp.pull(q[None, None])[0, 0], p[0, 1])
    assert torch.allclose(warp.jacobian(p)[0, 1], exact)


def test_folding_is_told():
    assert not some_thin_plate(0.0).folds(16, 16).any()
    assert some_thin_plate(2.0).folds(16, 16).all()


def test_spline_needs_points_that_span_the_plane():
    line = torch.tensor([[0.0, 0], [1, 1], [2, 2], [3, 3]])
    with pytest.raises(ConfigError, match="span the plane"):
        fit_spline(line, torch.zeros(1, 4, 2))
    with pytest.raises(ConfigError, match="2 x 2 control points"):
        control_grid(1)


def test_points_shared_by_all_images_are_moved_for_each():
    warp = some_affine().then(some_thin_plate())
    for move in (warp.push, warp.pull):
        assert torch.allclose(move(points(1)), move(points(4)))


def test_points_have_gradients_through_push_and_pull():
    warp = some_affine(batch=1).then(some_thin_plate(batch=1))
    p = points(1)[:, ::11].clone().requires_grad_()
    assert torch.autograd.gradcheck(warp.push, p)
    assert torch.autograd.gradcheck(warp.pull, p)


# -- maps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_identity_changes_nothing(shape):
    maps = random(2, 3, *shape)
    identity = AffineWarp(torch.eye(2, 3, dtype=torch.float64).expand(2, -1, -1))
    assert torch.allclose(warp_maps(maps, identity), maps, atol=1e-9)


@pytest.mark.parametrize("shape", [(24, 24), (20, 36)])
def test_shift_by_whole_cells_moves_cells(shape):
    maps = random(1, 2, *shape)
    shift = torch.tensor([[4.0, -2.0]], dtype=torch.float64) * 2 / max(shape)
    warp = similarity(torch.zeros(1).double(), torch.ones(1).double(), shift)
    moved = warp_maps(maps, warp)
    assert torch.allclose(moved[..., :-2, 4:], maps[..., 2:, :-4], atol=1e-9)
    assert moved[..., :4].abs().max() < 1e-9
    assert moved[..., -2:, :].abs().max() < 1e-9


def test_quarter_turn_equals_rot90():
    maps = random(1, 2, 16, 16)
    warp = similarity(
        torch.tensor([torch.pi / 2]).double(), torch.ones(1).double(), torch.zeros(1, 2).double()
    )
    assert torch.allclose(warp_maps(maps, warp), maps.rot90(-1, dims=(2, 3)), atol=1e-6)


@pytest.mark.parametrize("shape", [(96, 96), (64, 120), (120, 64)])
def test_centroids_of_an_affinely_warped_map_equal_the_warped_centroids(shape):
    maps = torch.cat([blob(shape, 0.1, -0.05, 0.06), blob(shape, -0.15, 0.1, 0.06)], dim=1)
    maps = maps.expand(6, -1, -1, -1)
    draw = random(6, 4, seed=7)
    warp = similarity(4 * draw[:, 0], 0.7 + 0.5 * draw[:, 1], 0.1 * draw[:, 2:] - 0.05)
    assert (centroids(warp_maps(maps, warp)) - warp.push(centroids(maps))).abs().max() < 1e-4


@pytest.mark.parametrize("shape", [(96, 96), (64, 120)])
def test_centroids_of_points_follow_a_thin_plate_warp(shape):
    maps = torch.cat([blob(shape, 0.1, -0.05, 0.03), blob(shape, -0.25, 0.1, 0.03)], dim=1)
    warp = some_affine(batch=1).then(some_thin_plate(0.02, batch=1))
    assert (centroids(warp_maps(maps, warp)) - warp.push(centroids(maps))).abs().max() < 5e-3


def visible(warp, valid):
    """1 where a warped map comes from valid cells alone."""
    return (warp_maps(valid, warp) >= INSIDE).to(valid.dtype)


@pytest.mark.parametrize("shape", [(96, 96), (64, 120)])
def test_image_and_coarse_maps_move_alike(shape):
    smooth = torch.nn.functional.interpolate(random(1, 1, 4, 5), shape, mode="bicubic")
    warp = some_affine(3, 1).then(some_thin_plate(0.01, batch=1))
    coarse = torch.nn.functional.avg_pool2d(smooth, 4)
    fine_then_coarse = torch.nn.functional.avg_pool2d(warp_maps(smooth, warp), 4)
    inside = visible(warp, torch.ones_like(coarse)).bool()
    inside &= torch.nn.functional.avg_pool2d(visible(warp, torch.ones_like(smooth)), 4) == 1
    assert inside.sum() > 30
    assert (warp_maps(coarse, warp) - fine_then_coarse)[inside].abs().max() < 0.01


def test_visible_leaves_out_everything_that_touches_the_outside():
    ones = torch.ones(4, 1, 20, 36, dtype=torch.float64)
    warp = some_affine(5).then(some_thin_plate())
    mask = visible(warp, ones)
    maps = warp_maps(random(4, 2, 20, 36) + 1, warp)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert (maps[mask.expand(-1, 2, -1, -1) == 1] >= 1 - 1e-9).all()
    padded = ones.clone()
    padded[..., 30:] = 0
    assert (visible(warp, padded) <= mask).all()
    assert visible(warp, padded).sum() < mask.sum()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_maps_keep_their_dtype(dtype):
    maps = random(4, 2, 12, 20).to(dtype)
    warp = some_affine(dtype=torch.float32)
    warped = warp_maps(maps, warp)
    assert warped.dtype == dtype
    assert torch.allclose(warped.float(), warp_maps(maps.float(), warp), atol=0.01)


def test_maps_have_gradients():
    warp = some_affine(batch=2).then(some_thin_plate(batch=2))
    assert torch.autograd.gradcheck(lambda m: warp_maps(m, warp), random(2, 1, 5, 7).requires_grad_())
