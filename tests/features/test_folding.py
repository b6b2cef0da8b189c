"""Folding changes how long a network takes and, but for rounding, nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from partdisc.features import Backbone, create_backbone, extract_features, folding
from partdisc.features.folding import folded


def randomised(backbone: Backbone) -> Backbone:
    """Norms as after training: with the ones of a fresh network, nothing would have to be folded."""
    generator = torch.Generator().manual_seed(1)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_mean, -0.2), (module.running_var, 0.5)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + low)
            module.weight.data.add_(torch.rand(module.weight.shape, generator=generator) * 0.4)
            module.bias.data.add_(torch.rand(module.bias.shape, generator=generator) * 0.4 - 0.2)
    return backbone


@pytest.fixture
def picture():
    return torch.randint(0, 256, (1, 3, 96, 64), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("tf_efficientnet_lite0", None),
        ("resnet18", None),
        ("mobilenetv3_small_050", None),  # other activations than oneDNN's, squeeze and excitation
        ("torchvision/resnet50", "layer1"),
        ("tf_efficientnet_lite0", "blocks.3.0"),  # tapped by a hook
    ],
)
def test_features_stay_and_no_norm_is_left(name, layers, picture):
    backbone = randomised(create_backbone(name, layers=layers, weights="random"))
    quick = folded(backbone)
    assert quick is not backbone
    with torch.inference_mode():
        plain, found = backbone(picture), quick(picture)
        exact = copy.deepcopy(backbone).double()(picture)
    assert (found - exact).abs().max() <= 2 * (plain - exact).abs().max()
    used = [m for m in quick.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(used) < sum(isinstance(m, nn.BatchNorm2d) for m in backbone.modules()) / 2


def test_the_backbone_itself_is_not_touched():
    backbone = randomised(create_backbone("resnet18", weights="random"))
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    extract_features(backbone, [np.zeros((64, 64, 3), np.uint8)], image_size=64)
    assert backbone.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    assert any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules())


def test_a_network_without_norms_to_fold_is_used_as_it_is():
    for backbone in (
        create_backbone("vit_tiny_patch16_224", weights="random"),
        create_backbone("torchvision/vgg19", weights="random", layers="relu2_1"),
    ):
        assert folded(backbone) is backbone


class TwoReaders(nn.Module):
    """The convolution's output goes to a norm and elsewhere: what is folded would reach both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.norm(x) + x


def test_what_would_change_the_features_is_not_folded():
    torch.manual_seed(0)
    backbone = randomised(Backbone(TwoReaders(), "two", layers=["norm"]))
    assert folded(backbone) is not backbone  # the tapped norm's output stays the same
    tapped = randomised(Backbone(TwoReaders(), "two", layers=["conv"]))
    assert folded(tapped) is tapped


def test_without_its_operations_the_network_runs_as_it_is(monkeypatch):
    backbone = create_backbone("resnet18", weights="random")

    def missing(*arguments):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(folding._Convolution, "forward", missing)
    assert folded(backbone) is backbone


def test_one_image_gives_the_same_bits_whatever_the_threads(picture):
    quick = folded(create_backbone(weights="random"))
    before, found = torch.get_num_threads(), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        with torch.inference_mode():
            found.append(quick(picture))
    torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found[1:])
