from __future__ import annotations

import pytest
import torch

from partdisc.discovery.scops.network import AtrousHead, Segmenter, dilated, trainable_encoder
from partdisc.discovery.scops.start import logistic_regression
from partdisc.errors import ConfigError
from partdisc.features import create_backbone


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_head_sums_its_branches_whatever_the_grid():
    head = AtrousHead(4, 3, rates=(1, 6, 24), seed=1)
    for shape in ((5, 9), (9, 5), (1, 1)):
        x = draw(2, 4, *shape)
        found = head(x)
        assert found.shape == (2, 3, *shape)
        assert torch.allclose(found, sum(branch(x) for branch in head.branches), atol=1e-6)
        assert torch.allclose(found[1:], head(x[1:]), atol=1e-6)


def test_head_depends_on_its_seed_alone():
    torch.manual_seed(5)
    first = AtrousHead(4, 3, (1, 2), seed=1)
    torch.manual_seed(6)
    assert torch.equal(first.branches[0].weight, AtrousHead(4, 3, (1, 2), seed=1).branches[0].weight)
    assert not torch.equal(first.branches[0].weight, AtrousHead(4, 3, (1, 2), seed=2).branches[0].weight)


def test_started_head_is_the_classifier_of_each_cell():
    head, weight, bias = AtrousHead(4, 3, (2, 3)), draw(3, 4), draw(3, seed=1)
    mean, scale = draw(4, seed=2), draw(4, seed=3).abs() + 0.1
    head.standardize(mean, scale)
    head.start_from(weight, bias)
    x = draw(2, 4, 5, 6)
    cells = (x.permute(0, 2, 3, 1) - mean) / scale
    assert torch.allclose(head(x), (cells @ weight.T + bias).permute(0, 3, 1, 2), atol=1e-5)


def test_logistic_regression_equals_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, truth = draw(300, 3), draw(3, 4, seed=1)
    labels = (x @ truth + draw(300, 4, seed=2)).argmax(1)
    weight, bias = logistic_regression(x, torch.nn.functional.one_hot(labels, 4).float(), max_iter=200)
    # the same objective: mean cross-entropy + penalty / 2, theirs summed with C on the data
    theirs = LogisticRegression(C=1 / (300 * 1e-3), max_iter=1000, tol=1e-8).fit(x.numpy(), labels.numpy())
    ours = (x @ weight.T + bias).softmax(1)
    assert torch.allclose(ours, torch.from_numpy(theirs.predict_proba(x.numpy())).float(), atol=5e-3)


@pytest.mark.parametrize("stride", [8, 16])
def test_dilated_backbone_has_the_stride_and_the_same_weights(stride):
    backbone = create_backbone("resnet18", weights="random", layers="layer4")
    wide = dilated(backbone, stride)
    assert (backbone.stride, wide.stride) == (32, stride)
    assert wide(torch.zeros(1, 3, 64, 96)).shape[-2:] == (64 // stride, 96 // stride)
    for name, value in backbone.model.state_dict().items():
        assert torch.equal(value, wide.model.state_dict()[name])


def test_network_that_cannot_be_dilated_is_told():
    backbone = create_backbone("vit_tiny_patch16_224", weights="random")
    with pytest.raises(ConfigError, match="cannot be dilated to stride 8.*Set output_stride to 0"):
        dilated(backbone, 8)


def test_gradients_reach_the_encoder_only_where_it_is_trained():
    backbone = create_backbone("resnet18", weights="random", layers="layer2")
    images = draw(1, 3, 32, 32).abs() * 50
    for train in (False, True):
        encoder = trainable_encoder(backbone) if train else backbone
        segmenter = Segmenter(AtrousHead(encoder.num_channels, 2, (1,)), encoder, train)
        segmenter(images).square().sum().backward()
        assert (encoder.model.conv1.weight.grad is not None) == train
        assert segmenter.head.branches[0].weight.grad is not None
        assert any(k.startswith("encoder.") for k in segmenter.state_dict()) == train
