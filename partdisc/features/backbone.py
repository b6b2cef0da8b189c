"""A frozen backbone that turns images into one dense feature map: any timm or torchvision network.

Normalisation, padding to the stride, the choice of layers and their joining at the finest grid all live here, so
that nobody can normalise twice or wrongly. What this module is not: it reads no files and loads no weights
(`registry` does), and it does not know what the features are for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partdisc.errors import ConfigError
from partdisc.features.layers import Layer, resolve_layers

_TAPPING = threading.Lock()  # a tap on a module cannot tell the images of two threads apart


class Backbone(nn.Module):
    """A network frozen for feature extraction.

    Args:
        model: a timm model (with `forward_intermediates`) or any network of convolutions.
        name: the name it was created by.
        layers: which layers: an index ("3", "-1"), a name of timm's `feature_info` or of any submodule
            ("blocks.4", "layer3"), "strideN" for the last layer of that stride, or VGG-19's "relu5_2". Several
            are joined along the channels at the finest grid. None takes the last layers of strides 16 and 32, or
            the last layer where a network has one stride only (ViT).
        mean: mean of each colour channel, in [0, 1].
        std: standard deviation of each colour channel, in [0, 1].
        fixed_size: (H, W) for networks that accept one input size only; images are then padded to it.
        norm: whether a ViT's final norm is applied to its intermediates, as in timm's `forward_intermediates`.

    Attributes:
        layers: the resolved layers.
        num_channels: channels of the joined features.
        stride: image pixels a cell of the joined (finest) grid.
        thread_safe: whether several threads run it at once; where modules are tapped one waits for the other.
        pad_to: image sides are padded to multiples of it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        layers: Sequence[str | int] | None = None,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        fixed_size: tuple[int, int] | None = None,
        norm: bool = False,
        weights: str = "random",
        weights_hash: str = "",
    ) -> None:
        super().__init__()
        self.model: Any = model.eval().requires_grad_(False)
        self.name, self.norm, self.fixed_size = name, norm, fixed_size
        self.weights, self.weights_hash = weights, weights_hash
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)
        self.layers = self._measure(resolve_layers(model, name, layers))
        self.num_channels = sum(layer.channels for layer in self.layers)
        self.stride = min(layer.stride for layer in self.layers)
        self.thread_safe = all(layer.index is not None for layer in self.layers)
        self.pad_to = math.lcm(*(layer.stride for layer in self.layers), self._patch_size())

    def __repr__(self) -> str:
        size = f"channels={self.num_channels}, stride={self.stride}"
        return f"{type(self).__name__}({self.name!r}, layers={[layer.name for layer in self.layers]}, {size})"

    def _patch_size(self) -> int:
        patch = getattr(getattr(self.model, "patch_embed", None), "patch_size", 1)
        return int(patch[0] if isinstance(patch, (tuple, list)) else patch)

    def _measure(self, layers: list[Layer]) -> list[Layer]:
        """Channels and strides, read off one small image: no table can be wrong."""
        patch = self._patch_size()
        H, W = self.fixed_size or (math.lcm(64, patch),) * 2
        self.layers = layers
        with torch.no_grad():
            maps = self._maps(torch.zeros(1, 3, H, W))
        return [
            Layer(layer.name, layer.index, m.shape[1], round(H / m.shape[2]))
            for layer, m in zip(layers, maps, strict=True)
        ]

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of the finest grid that cover an image of height x width pixels."""
        return math.ceil(height / self.stride), math.ceil(width / self.stride)

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) to which an image of height x width is padded at the bottom and on the right."""
        if self.fixed_size:
            if height > self.fixed_size[0] or width > self.fixed_size[1]:
                raise ConfigError(
                    f"{self.name} accepts images up to {self.fixed_size}, but got {height} x {width}. "
                    f"Choose --image-size {min(self.fixed_size)} or a backbone without a fixed size."
                )
            return self.fixed_size
        return (
            math.ceil(height / self.pad_to) * self.pad_to,
            math.ceil(width / self.pad_to) * self.pad_to,
        )

    def normalize(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 255], uint8 or float -> what the network was trained on."""
        return (images.to(self.mean.dtype) - self.mean).div_(self.std)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images that share one size.

        Args:
            images: (B, 3, H, W) RGB in [0, 255], uint8 or float, H and W at any size; sides are padded to
                `padded_size` by mirroring the image.

        Returns:
            (B, C, h, w) features, layers joined along C, h and w being `grid(H, W)`: cells that lie wholly in
            the padding are cut off.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ConfigError(f"Expected images of shape (B, 3, H, W), but got {tuple(images.shape)}.")
        h, w = images.shape[-2:]
        H, W = self.padded_size(h, w)
        x = self.normalize(images)
        if (h, w) != (H, W):
            x = x[:, :, mirror(h, H).to(x.device)][:, :, :, mirror(w, W).to(x.device)]
        rows, columns = self.grid(h, w)
        return self.join(self._maps(x))[:, :, :rows, :columns]

    @staticmethod
    def join(maps: Sequence[Tensor]) -> Tensor:
        """Join maps (B, C_i, h_i, w_i) along the channels at the finest grid, the coarser ones bilinear."""
        size = max((m.shape[-2:] for m in maps), key=lambda s: s[0] * s[1])
        return torch.cat(
            [
                m if m.shape[-2:] == size else F.interpolate(m, size, mode="bilinear", align_corners=False)
                for m in maps
            ],
            dim=1,
        )

    def _maps(self, x: Tensor) -> list[Tensor]:
        """One (B, C_i, h_i, w_i) map for each layer, from normalised and padded images."""
        taps: dict[str, Tensor] = {}
        indices = sorted(layer.index for layer in self.layers if layer.index is not None)
        hooked = [layer.name for layer in self.layers if layer.index is None]
        with ExitStack() as stack:
            if hooked:
                stack.enter_context(_TAPPING)
            for name in hooked:
                stack.enter_context(_tap(self.model.get_submodule(name), name, taps))
            if indices:
                keywords = {"norm": True} if self.norm else {}
                maps = self.model.forward_intermediates(
                    x, indices=indices, intermediates_only=not hooked, stop_early=not hooked, **keywords
                )
                found = dict(zip(indices, maps[1] if hooked else maps, strict=True))
            else:
                found = {}
                getattr(self.model, "forward_features", self.model)(x)
        missing = [n for n in hooked if n not in taps]
        if missing:
            raise ConfigError(f"The layers {', '.join(missing)} of {self.name} take no part in its features.")
        joined = [found[la.index] if la.index is not None else taps[la.name] for la in self.layers]
        return [self._as_map(m, x.shape[-2:]) for m in joined]

    def _as_map(self, features: Tensor, size: torch.Size) -> Tensor:
        """Tokens (B, N, C) of a tapped ViT module -> (B, C, h, w), prefix tokens split off."""
        if features.ndim == 4:
            return features
        patch = self._patch_size()
        h, w = size[0] // patch, size[1] // patch
        if features.ndim != 3 or patch == 1 or features.shape[1] < h * w:
            raise ConfigError(f"Expected a layer that gives a map, but got shape {tuple(features.shape)}.")
        return features[:, features.shape[1] - h * w :].mT.unflatten(2, (h, w))

    def describe(self) -> dict:
        """What identifies these features: part of the feature store's key and of run.json."""
        return {
            "name": self.name,
            "layers": [layer.name for layer in self.layers],
            "channels": [layer.channels for layer in self.layers],
            "strides": [layer.stride for layer in self.layers],
            "norm": self.norm,
            "mean": [round(v, 6) for v in (self.mean.flatten() / 255).tolist()],
            "std": [round(v, 6) for v in (self.std.flatten() / 255).tolist()],
            "weights": self.weights,
            "weights_hash": self.weights_hash,
        }


def mirror(length: int, padded: int) -> Tensor:
    """Indices that go on beyond `length` by going back: 0 1 2 1 0 1 ...

    Mirrored padding looks like more of the image; repeated border pixels or a constant colour do not, and a part
    appears that is nothing but "the lower border".

    >>> mirror(3, 7).tolist(), mirror(1, 3).tolist()
    ([0, 1, 2, 1, 0, 1, 2], [0, 0, 0])
    """
    if length == 1:
        return torch.zeros(padded, dtype=torch.long)
    index = torch.arange(padded) % (2 * length - 2)
    return torch.where(index < length, index, 2 * length - 2 - index)


class _tap:
    """While open, keeps what `module` returns under `name`."""

    def __init__(self, module: nn.Module, name: str, taps: dict[str, Tensor]) -> None:
        self.module, self.name, self.taps = module, name, taps

    def __enter__(self) -> None:
        # clone: the next module may work in place (as the ReLU after a VGG convolution does)
        self.handle = self.module.register_forward_hook(
            lambda _, __, output: self.taps.__setitem__(self.name, output.clone())
        )

    def __exit__(self, *exc: object) -> None:
        self.handle.remove()
