"""The segmenter: an encoder, and a head of summed atrous convolutions that gives one map for each part."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from partdisc.errors import ConfigError
from partdisc.features import Backbone


class AtrousHead(nn.Module):
    """Sums 3 x 3 convolutions of several dilations over standardised features (the head of DeepLab-v2).

    Args:
        channels: C of the features.
        num_maps: maps to give.
        rates: dilations.
        seed: of the random start, N(0, 0.01²) as published.

    >>> head = AtrousHead(8, 3, rates=(1, 2))
    >>> head(torch.zeros(2, 8, 5, 7)).shape
    torch.Size([2, 3, 5, 7])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, num_maps: int, rates: Sequence[int], seed: int = 0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("scale", torch.ones(channels, 1, 1))
        self.branches = nn.ModuleList(
            nn.utils.skip_init(nn.Conv2d, channels, num_maps, 3, padding=rate, dilation=rate)
            for rate in rates
        )
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for branch in self._convolutions():
                branch.weight.normal_(0, 0.01, generator=generator)
                _bias(branch).zero_()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) features -> (B, num_maps, h, w) logits."""
        x = (features - self.mean) / self.scale
        return torch.stack([branch(x) for branch in self.branches]).sum(dim=0)

    @torch.no_grad()
    def standardize(self, mean: Tensor, scale: Tensor) -> None:
        """Bring channels to a common scale before the convolutions: (C,) each."""
        self.mean.copy_(mean.view(-1, 1, 1))
        self.scale.copy_(scale.view(-1, 1, 1))

    @torch.no_grad()
    def start_from(self, weight: Tensor, bias: Tensor) -> None:
        """Begin as a linear classifier of standardised cells: weight (num_maps, C), bias (num_maps,)."""
        for branch in self._convolutions():
            nn.init.zeros_(branch.weight)
            nn.init.zeros_(_bias(branch))
        first = self._convolutions()[0]
        first.weight[:, :, 1, 1] = weight
        _bias(first).copy_(bias)

    @torch.no_grad()
    def reorder(self, order: Tensor) -> None:
        """New map i is the old `order[i]`."""
        for branch in self._convolutions():
            branch.weight.copy_(branch.weight[order])
            _bias(branch).copy_(_bias(branch)[order])

    def _convolutions(self) -> list[nn.Conv2d]:
        return [branch for branch in self.branches if isinstance(branch, nn.Conv2d)]


def _bias(branch: nn.Conv2d) -> Tensor:
    assert branch.bias is not None  # convolutions here are made with one
    return branch.bias


def trainable_encoder(backbone: Backbone, output_stride: int = 0) -> Backbone:
    """A copy of a backbone whose weights can be trained, dilated on request; batch norm stays as it is.

    Args:
        backbone: stays as it is.
        output_stride: 8 or 16, where timm can dilate the network; 0 keeps its strides.

    Raises:
        ConfigError: if the network cannot be dilated.
    """
    encoder = dilated(backbone, output_stride) if output_stride else copy.deepcopy(backbone)
    encoder.weights = "trained"  # travels with the model from now on
    encoder.model.requires_grad_(True)
    return encoder


def dilated(backbone: Backbone, output_stride: int) -> Backbone:
    """The same network with its later strides replaced by dilation."""
    import timm

    try:
        model = timm.create_model(backbone.name, output_stride=output_stride)
        model.load_state_dict(backbone.model.state_dict())
    except Exception as error:
        raise ConfigError(
            f"{backbone.name} cannot be dilated to stride {output_stride} "
            f"({' '.join(str(error).split())[:120]}). Set output_stride to 0, or choose a network that can."
        ) from error
    return Backbone(
        model,
        backbone.name,
        layers=[layer.name for layer in backbone.layers],
        mean=(backbone.mean.flatten() / 255).tolist(),
        std=(backbone.std.flatten() / 255).tolist(),
        norm=backbone.norm,
        weights=backbone.weights,
        weights_hash=backbone.weights_hash,
    )


class Segmenter(nn.Module):
    """Inputs to logits: images through an encoder, or features as they are, then the head.

    Args:
        head: the head.
        encoder: what turns images (B, 3, H, W) in [0, 255] into features; None where inputs are features already.
        train_encoder: whether gradients flow into it.
    """

    def __init__(
        self, head: AtrousHead, encoder: Backbone | None = None, train_encoder: bool = False
    ) -> None:
        super().__init__()
        self.head = head
        self.train_encoder = train_encoder and encoder is not None
        # a frozen encoder is no part of what is trained, averaged or kept in checkpoints
        self._outside = [encoder]
        if self.train_encoder and encoder is not None:
            self.encoder = encoder

    def features(self, inputs: Tensor) -> Tensor:
        """(B, C, h, w) features of inputs."""
        encoder = self._outside[0]
        if encoder is None:
            return inputs
        with torch.set_grad_enabled(self.train_encoder and torch.is_grad_enabled()):
            return encoder(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K', h, w) logits."""
        return self.head(self.features(inputs))
