"""A backbone's copy that gives the same features sooner on a CPU.

Each batch norm behind a convolution is folded into the convolution's weights, and the activation behind it is
applied while the output is still in the cache: oneDNN's post-operations, which torch.compile uses too, without
compiling anything. A network spends as much on those passes over memory as on arithmetic. What is folded is found by
watching one image go through, so that any network of convolutions will do, and the copy is only used if it gives the
same features.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from partdisc.features.backbone import Backbone

TOLERANCE = (
    1e-3  # of the largest feature; folding only rounds otherwise, by 1e-6, or 1e-4 with random weights
)


def folded(backbone: Backbone) -> Backbone:
    """A copy with norms and activations folded into convolutions, or the backbone itself where that changes more.

    >>> from partdisc.features import create_backbone
    >>> backbone = create_backbone(weights="random")
    >>> folded(backbone) is backbone
    False
    """
    pairs = _norms_behind_convolutions(backbone)
    if not pairs or not torch.backends.mkldnn.is_available():
        return backbone
    quick = copy.deepcopy(backbone)
    for convolution, norm in pairs.items():
        _fold(quick.model, convolution, norm)
    try:
        same = _agree(backbone, quick)
    except (RuntimeError, AttributeError, NotImplementedError):  # a build of torch without these operations
        return backbone
    return quick if same else backbone


def _norms_behind_convolutions(backbone: Backbone) -> dict[str, str]:
    """Names of convolutions and of the batch norms that take their outputs."""
    found: dict[str, str] = {}
    outputs: dict[int, tuple[str, Tensor]] = {}  # tensors are kept, so that no other gets the same id

    def leave(name: str) -> Any:
        return lambda _, __, output: outputs.__setitem__(id(output), (name, output))

    def enter(name: str) -> Any:
        def note(_: nn.Module, inputs: tuple) -> None:
            if id(inputs[0]) in outputs:
                found[outputs[id(inputs[0])][0]] = name

        return note

    with ExitStack() as stack:
        for name, module in backbone.model.named_modules():
            if isinstance(module, nn.Conv2d) and _is_plain(module):
                stack.callback(module.register_forward_hook(leave(name)).remove)
            elif isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
                stack.callback(module.register_forward_pre_hook(enter(name)).remove)
        _features(backbone)
    return found


def _is_plain(conv: nn.Conv2d) -> bool:
    return conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def _features(backbone: Backbone) -> Tensor:
    H, W = backbone.fixed_size or (math.lcm(64, backbone.pad_to),) * 2
    noise = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(0)) * 255
    with torch.inference_mode():
        return backbone(noise)


def _agree(backbone: Backbone, other: Backbone) -> bool:
    expected, found = _features(backbone), _features(other)
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())


def _fold(model: nn.Module, convolution: str, norm: str) -> None:
    conv, bn = model.get_submodule(convolution), model.get_submodule(norm)
    activation = getattr(bn, "act", nn.Identity())  # of timm's norms
    fused = _post_operation(activation)
    model.set_submodule(convolution, _Convolution(conv, bn, fused or ("none", [])))
    model.set_submodule(norm, activation if fused is None else nn.Identity())


def _post_operation(activation: nn.Module) -> tuple[str, list[float]] | None:
    """OneDNN's name for an activation, and its numbers; None where it has none."""
    if isinstance(activation, nn.Identity):
        return "none", []
    if isinstance(activation, nn.ReLU6):
        return "hardtanh", [0.0, 6.0]
    return ("relu", []) if isinstance(activation, nn.ReLU) else None


class _Convolution(nn.Module):
    """A convolution, the batch norm behind it and an activation as one operation."""

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: Any, bn: Any, activation: tuple[str, list[float]]) -> None:
        super().__init__()
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
        )
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())
        self.padding, self.stride, self.dilation = conv.padding, conv.stride, conv.dilation
        self.groups, self.activation = conv.groups, activation
        self.pads_same = type(conv).__name__ == "Conv2dSame"  # timm's: padding by the input's size

    def forward(self, x: Tensor) -> Tensor:
        if not self.pads_same:
            return self._convolved(x, self.padding)
        # timm copies the input into a padded one, of which more lies behind where the number is odd. Here the same
        # outputs come of padding by one stride more on both sides, the first of them dropped
        counts = list(map(self._needed, x.shape[2:], self.weight.shape[2:], self.stride, self.dilation))
        around = [n // 2 + n % 2 * step for n, step in zip(counts, self.stride, strict=True)]
        (top, rows), (left, columns) = (
            (n % 2, -(-size // step)) for n, size, step in zip(counts, x.shape[2:], self.stride, strict=True)
        )
        return self._convolved(x, around)[:, :, top : top + rows, left : left + columns]

    @staticmethod
    def _needed(size: int, kernel: int, stride: int, dilation: int) -> int:
        """Pixels to be padded, on both sides together, for as many outputs as TensorFlow's "same" padding gives."""
        return max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)

    def _convolved(self, x: Tensor, padding: Sequence[int]) -> Tensor:
        name, numbers = self.activation
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, self.stride, self.dilation, self.groups, name, numbers, ""
        )
