from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from partdisc.discovery.scops import losses
from partdisc.geometry.warps import INSIDE, similarity, warp_maps

SHAPES = [(8, 8), (6, 11), (11, 6)]
K, C = 3, 5


def visible(warp, valid: Tensor) -> Tensor:
    """1 where a warped map comes from valid cells alone."""
    return (warp_maps(valid, warp) >= INSIDE).to(valid.dtype)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Case:
    """Everything the losses take, for B images of one shape."""

    def __init__(self, B: int = 2, shape: tuple[int, int] = (6, 11), seed: int = 0) -> None:
        self.logits = 3 * draw(B, K + 1, *shape, seed=seed)
        self.other = 3 * draw(B, K + 1, *shape, seed=seed + 1)
        self.features = draw(B, C, *shape, seed=seed + 2)
        self.basis = draw(K, C, seed=seed + 3)
        self.foreground = draw(B, 1, *shape, seed=seed + 4)
        self.valid = (draw(B, 1, *shape, seed=seed + 5) > 0.3).double()

    def map(self, change: Callable[[Tensor], Tensor]) -> Case:
        new = Case.__new__(Case)
        for name, value in vars(self).items():
            setattr(new, name, value if name == "basis" else change(value))
        return new


def parts(logits: Tensor) -> Tensor:
    return logits.softmax(1)[:, 1:]


LOSSES = {
    "concentration": lambda c: losses.concentration(parts(c.logits), c.valid),
    "divergence": lambda c: losses.divergence(c.logits, c.other.softmax(1), c.valid),
    "centroid_equivariance": lambda c: losses.centroid_equivariance(parts(c.logits), parts(c.other), c.valid),
    "semantic_consistency": lambda c: losses.semantic_consistency(
        c.features, parts(c.logits), c.basis, c.valid, c.foreground
    ),
    "orthonormality": lambda c: losses.orthonormality(c.basis),
    "foreground_agreement": lambda c: losses.foreground_agreement(c.logits, c.foreground, c.valid),
}


@pytest.fixture(params=LOSSES, ids=str)
def loss(request) -> Callable[[Case], Tensor]:
    return LOSSES[request.param]


# -- what all losses share -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_doubling_the_batch_changes_nothing(loss, shape):
    case = Case(shape=shape)
    assert torch.allclose(loss(case), loss(case.map(lambda t: torch.cat([t, t]))))


def test_batch_is_the_mean_of_its_halves(loss):
    case = Case(B=4)
    halves = [loss(case.map(lambda t, part=part: t[part])) for part in (slice(0, 2), slice(2, 4))]
    assert torch.allclose(loss(case), sum(halves) / 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_transposing_the_image_changes_nothing(loss, shape):
    case = Case(shape=shape)
    assert torch.allclose(loss(case), loss(case.map(lambda t: t.mT)))


def test_is_not_negative_and_positive_somewhere(loss):
    found = [loss(Case(seed=seed)).item() for seed in range(0, 60, 6)]
    assert min(found) >= 0
    assert max(found) > 0.01


def test_cells_that_are_not_valid_do_not_count(loss):
    case, other = Case(), Case(seed=50)
    changed = case.map(lambda t: t)
    for name in ("logits", "other", "features", "foreground"):
        mixed = torch.where(case.valid.bool(), getattr(case, name), getattr(other, name))
        setattr(changed, name, mixed)
    assert torch.allclose(loss(case), loss(changed))


def test_images_without_a_valid_cell_cost_nothing(loss, request):
    case = Case()
    case.valid = torch.zeros_like(case.valid)
    if "orthonormality" not in request.node.name:
        assert loss(case) == 0


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"centroid_equivariance"}))
def test_gradients_are_right(name):
    loss = LOSSES[name]
    case = Case(B=1, shape=(3, 4))

    def of(logits: Tensor, features: Tensor, basis: Tensor) -> Tensor:
        changed = case.map(lambda t: t)
        changed.logits, changed.features, changed.basis = logits, features, basis
        return loss(changed) + 0 * (logits.sum() + features.sum() + basis.sum())

    inputs = [t.clone().requires_grad_() for t in (case.logits, case.features, case.basis)]
    assert torch.autograd.gradcheck(of, inputs)


def test_gradient_of_centroids_with_the_weight_of_presence_held(monkeypatch):
    case = Case(B=1, shape=(3, 4))
    monkeypatch.setattr(losses, "EMPTY", 0.0)  # the weight is then 1, whatever the maps
    inputs = (case.logits.requires_grad_(), case.other.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda a, b: losses.centroid_equivariance(parts(a), parts(b), case.valid), inputs
    )


def test_half_precision_is_close_and_inputs_are_kept(loss):
    case = Case()
    before = {name: value.clone() for name, value in vars(case).items()}
    exact = loss(case)
    assert all(torch.equal(before[name], value) for name, value in vars(case).items())
    single = case.map(lambda t: t.float())
    single.basis = case.basis.float()
    assert torch.allclose(loss(single).double(), exact, rtol=1e-4)


# -- where each is least -------------------------------------------------------------------------------------------


def test_concentration_is_zero_at_point_masses_and_grows_with_distance():
    maps = torch.zeros(1, 2, 7, 12)
    maps[0, 0, 2, 3], maps[0, 1, 6, 11] = 1.0, 0.2
    assert losses.concentration(maps) == 0
    near, far = maps.clone(), maps.clone()
    near[0, 0, 2, 4] = 1
    far[0, 0, 2, 9] = 1
    assert 0 < losses.concentration(near) < losses.concentration(far)


def test_concentration_does_not_depend_on_the_number_of_parts():
    maps = draw(2, 3, 6, 11)
    assert torch.allclose(losses.concentration(maps), losses.concentration(maps.repeat(1, 4, 1, 1)))


def test_divergence_is_zero_where_maps_agree_and_equals_torch():
    case = Case()
    target = case.other.softmax(1)
    assert losses.divergence(case.other, target).abs() < 1e-12
    expected = torch.nn.functional.kl_div(case.logits.log_softmax(1), target, reduction="none").sum(1).mean()
    assert torch.allclose(losses.divergence(case.logits, target), expected)


def test_divergence_sends_no_gradient_into_its_target_and_bears_zeros():
    case = Case()
    target = torch.nn.functional.one_hot(case.other.argmax(1), K + 1).movedim(-1, 1).double().requires_grad_()
    logits = case.logits.requires_grad_()
    found = losses.divergence(logits, target)
    found.backward()
    assert found.isfinite()
    assert target.grad is None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_equivariance_is_zero_for_an_equivariant_network(turns):
    image = draw(2, 2, 9, 9)
    weights = draw(K + 1, 2, 1, 1, seed=1)

    def network(x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x, weights)

    warp = similarity(
        torch.full((2,), turns * math.pi / 2).double(), torch.ones(2).double(), torch.zeros(2, 2).double()
    )
    logits = network(warp_maps(image, warp))
    target = warp_maps(network(image).softmax(1), warp)
    valid = visible(warp, torch.ones(2, 1, 9, 9).double())
    assert losses.divergence(logits, target, valid) < 1e-9
    assert losses.centroid_equivariance(logits.softmax(1)[:, 1:], target[:, 1:], valid) < 1e-9
    biased = logits + draw(1, K + 1, 9, 9, seed=2)  # knows where it is: not equivariant
    assert losses.divergence(biased, target, valid) > 1e-3


def test_border_of_a_warp_does_not_count():
    image = draw(1, 1, 12, 12)
    warp = similarity(torch.zeros(1).double(), torch.ones(1).double(), torch.tensor([[0.25, 0.0]]).double())
    target = warp_maps(torch.cat([image, 1 - image], dim=1), warp)
    valid = visible(warp, torch.ones_like(image))
    logits = torch.where(valid.bool(), target.log(), 5 * draw(1, 2, 12, 12, seed=1))
    assert losses.divergence(logits, target, valid) < 1e-9
    assert losses.divergence(logits, target).abs() > 1e-3


def test_absent_parts_have_no_place_to_keep():
    present, absent = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    present[0, 0, 0, 0] = 1
    assert losses.centroid_equivariance(present, absent) < 1e-9
    moved = present.flip(-1)
    assert losses.centroid_equivariance(present, moved) > 1


def test_consistency_is_zero_when_features_equal_the_rebuilt_ones():
    case = Case()
    rebuilt = torch.einsum("bkhw,kc->bchw", parts(case.logits), case.basis)
    assert losses.semantic_consistency(rebuilt, parts(case.logits), case.basis) < 1e-12
    assert losses.semantic_consistency(rebuilt + 1, parts(case.logits), case.basis) == pytest.approx(1.0)


def test_consistency_asks_for_no_parts_outside_the_foreground():
    case = Case()
    nothing = torch.zeros_like(case.foreground)
    none = torch.zeros(2, K, 6, 11, dtype=torch.float64)
    assert losses.semantic_consistency(case.features, none, case.basis, None, nothing) == 0
    assert losses.semantic_consistency(case.features, parts(case.logits), case.basis, None, nothing) > 0


def test_consistency_does_not_depend_on_the_number_of_channels():
    case = Case()
    wide = losses.semantic_consistency(
        case.features.repeat(1, 4, 1, 1), parts(case.logits), case.basis.repeat(1, 4)
    )
    assert torch.allclose(wide, losses.semantic_consistency(case.features, parts(case.logits), case.basis))


def test_orthonormality_is_zero_for_disjoint_rows_of_any_length_and_one_for_equal_rows():
    assert losses.orthonormality(torch.eye(3, 5) * torch.tensor([[1.0], [2.0], [7.0]])) == 0
    assert losses.orthonormality(torch.ones(4, 5)) == pytest.approx(1.0)
    assert losses.orthonormality(torch.ones(1, 5)) == 0


def test_foreground_agreement_is_zero_where_parts_make_up_the_foreground():
    case = Case()
    foreground = parts(case.logits).sum(1, keepdim=True)
    assert losses.foreground_agreement(case.logits, foreground).abs() < 1e-9
    assert losses.foreground_agreement(case.logits, 1 - foreground) > 0.1
