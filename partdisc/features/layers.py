"""Layers of a network by the names that people give them: index, module, stride, or VGG-19's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from partdisc.errors import ConfigError

# torchvision's and timm's VGG-19 share this numbering of `features`
VGG19_RELUS = {
    f"relu{block}_{i + 1}": f"features.{first + 2 * i}"
    for block, first, count in ((1, 1, 2), (2, 6, 2), (3, 11, 4), (4, 20, 4), (5, 29, 4))
    for i in range(count)
}
VGG19_LAST = "features.35"  # tells VGG-19 from other networks


@dataclass(frozen=True)
class Layer:
    """Where features are tapped: by index among timm's intermediates, or by module name.

    Attributes:
        name: as timm or torchvision call it.
        index: index for timm's `forward_intermediates`, or None for a tap on the module `name`.
        channels: number of channels.
        stride: image pixels a cell, along each side.
    """

    name: str
    index: int | None = None
    channels: int = 0
    stride: int = 0


def resolve_layers(model: nn.Module, name: str, layers: Sequence[str | int] | None) -> list[Layer]:
    """Where the layers of a network are tapped; their channels and strides are not known yet.

    Args:
        model: a timm model or any other network.
        name: what errors call it.
        layers: as in `Backbone`.

    Raises:
        ConfigError: if the network has no such layer, one comes twice, or none is asked for.
    """
    infos = _infos(model)
    modules = dict(model.named_modules())
    if layers is None:
        return [_resolve(layer, name, infos, modules) for layer in _default_layers(infos, modules)]
    if not isinstance(layers, Iterable):
        raise ConfigError(f"Expected the names or indices of layers, but got {layers!r}.")
    layers = list(layers)
    if not layers:
        raise ConfigError("Expected at least one layer, but got none.")
    resolved = [_resolve(layer, name, infos, modules) for layer in layers]
    if len({layer.name for layer in resolved}) != len(resolved):
        raise ConfigError(f"Expected different layers, but got {', '.join(map(str, layers))}.")
    return resolved


def _infos(model: Any) -> list[dict]:
    """Timm's account of the intermediates: module names and strides; empty for other networks."""
    if not hasattr(model, "forward_intermediates"):
        return []
    info = model.feature_info
    return list(getattr(info, "info", info))


def _default_layers(infos: list[dict], modules: dict[str, nn.Module]) -> list[str]:
    if VGG19_LAST in modules:
        return ["relu5_2", "relu5_4"]
    if not infos:
        return [n for n in ("layer3", "layer4") if n in modules] or [list(modules)[-1]]
    last = {info["reduction"]: info["module"] for info in infos}  # the last layer of each stride
    wanted = [stride for stride in (16, 32) if stride in last]
    return [last[s] for s in wanted] if len(wanted) == 2 else [infos[-1]["module"]]


def _resolve(layer: str | int, network: str, infos: list[dict], modules: dict[str, nn.Module]) -> Layer:
    text = str(layer).strip()
    names = [info["module"] for info in infos]
    if text.lstrip("-").isdigit() and infos:
        if not -len(infos) <= int(text) < len(infos):
            raise ConfigError(
                f"Expected a layer index of {network} within {-len(infos)}..{len(infos) - 1}, got {text}."
            )
        index = int(text) % len(infos)
        return Layer(names[index], index)
    if text in names:
        return Layer(text, names.index(text))
    if text.startswith("stride"):
        at = [i for i, info in enumerate(infos) if f"stride{info['reduction']}" == text]
        if at:
            return Layer(names[at[-1]], at[-1])
    elif VGG19_LAST in modules and text in VGG19_RELUS:
        return Layer(VGG19_RELUS[text])
    elif text in modules:
        return Layer(text)
    strides = sorted({info["reduction"] for info in infos})
    known = names or [n for n in modules if n and "." not in n]
    raise ConfigError(
        f"{network} has no layer {text!r}. It has {', '.join(known)}"
        + (f"; stride{', stride'.join(map(str, strides))}" if strides else "")
        + "; the name of any submodule is accepted too."
    )
