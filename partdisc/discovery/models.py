"""Discovery methods by name, and their models on disk."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.object import ObjectForeground
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.signed_factors import ConvexFeatureFactorization, SemiFeatureFactorization
from partdisc.discovery.two_stage import TwoStageClustering
from partdisc.errors import ArtifactError, ConfigError
from partdisc.features import Backbone, create_backbone
from partdisc.foreground import LinearForeground
from partdisc.processes import ALONE, Processes
from partdisc.store.levels import PartTree
from partdisc.store.model import read_model

METHODS: dict[str, type[PartDiscoverer]] = {
    cls.method: cls
    for cls in (
        DeepFeatureFactorization,
        SemiFeatureFactorization,
        ConvexFeatureFactorization,
        FeatureClustering,
        TwoStageClustering,
        CoPartSegmentation,
        ObjectForeground,
    )
}


def create_discoverer(method: str, num_parts: int | str, **params: Any) -> PartDiscoverer:
    """Create a discovery method by name.

    Raises:
        ConfigError: if there is no such method or it has no such parameter.
    """
    if method not in METHODS:
        raise ConfigError(f"Expected a method of {', '.join(METHODS)}, but got {method!r}.")
    cls = METHODS[method]
    known = {f.name for f in fields(cls) if f.init}
    if unknown := sorted(params.keys() - known):
        own = sorted(known - {f.name for f in fields(PartDiscoverer)})
        raise ConfigError(
            f"The method {method} does not take {', '.join(unknown)}; its own options are {', '.join(own) or 'none'}."
        )
    return cls(num_parts, **params)


def load_discoverer(folder: str | os.PathLike[str]) -> PartDiscoverer:
    """Load a model written by `save`: from a model folder, or the run that holds it.

    Raises:
        ArtifactError: if it is missing or damaged, of an unknown method, or its backbone has other weights here.
    """
    config, tensors = read_model(folder)
    if config.get("method") not in METHODS:
        raise ArtifactError(
            f"{os.fspath(folder)} holds a model of the method {config.get('method')!r}, unknown here."
        )
    try:
        discoverer = METHODS[config["method"]](**config["params"])
        discoverer.backbone = _load_backbone(config, tensors, os.fspath(folder))
        _take_over(discoverer, config, tensors)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"The model in {os.fspath(folder)} is damaged: {error!r}.") from error
    return discoverer


def save_and_reload(
    discoverer: PartDiscoverer, folder: str | os.PathLike[str], processes: Processes = ALONE
) -> None:
    """Save the first process's model; all take over what was written, the very bytes a resumed run goes on with."""

    def written() -> tuple[dict[str, Any], dict[str, Any]]:
        discoverer.save(folder)
        return read_model(folder)

    _take_over(discoverer, *processes.from_first(written))


def _take_over(discoverer: PartDiscoverer, config: dict[str, Any], tensors: dict[str, Any]) -> None:
    state = {k.removeprefix("method."): v for k, v in tensors.items() if k.startswith("method.")}
    discoverer._set_state(state)
    inside = {k.removeprefix("foreground."): v for k, v in tensors.items() if k.startswith("foreground.")}
    discoverer.foreground_ = LinearForeground(**inside) if inside else None
    discoverer.areas_ = tensors["areas"]
    discoverer.num_channels_ = config["num_channels"]
    discoverer.num_parts_ = config["params"]["num_parts"]
    discoverer.tree_ = PartTree.from_json(config["tree"]) if "tree" in config else None


def _load_backbone(config: dict[str, Any], tensors: dict[str, Any], folder: str) -> Backbone:
    params, described = config["params"], config["backbone"]
    backbone = create_backbone(
        params["backbone"], layers=params["layers"], weights=params["weights"], norm=described["norm"]
    )
    carried = {k.removeprefix("backbone."): v for k, v in tensors.items() if k.startswith("backbone.")}
    if carried:
        backbone.model.load_state_dict(carried)
        backbone.weights, backbone.weights_hash = described["weights"], described["weights_hash"]
    if backbone.weights_hash != described["weights_hash"]:
        raise ArtifactError(
            f"The model in {folder} was made with {backbone.name} of weights {described['weights_hash']}, but the "
            f"weights found here are {backbone.weights_hash}. Install the package or weights it was made with."
        )
    return backbone
