"""A learnt method as files, and back: config.json and weights.safetensors."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

from partdisc.discovery.predicting import CoarserLevel
from partdisc.errors import ArtifactError, DataError
from partdisc.features import Backbone, create_backbone
from partdisc.foreground import LinearForeground
from partdisc.processes import ALONE, Processes
from partdisc.store.levels import PartTree
from partdisc.store.model import read_model, tensors_below, write_model

if TYPE_CHECKING:
    from partdisc.discovery.base import PartDiscoverer

# weights that anybody can fetch again; others travel with the model
FETCHABLE = ("embedded", "hub")


def save_model(discoverer: PartDiscoverer, folder: str | os.PathLike[str]) -> None:
    """Write everything that `take_over` and `load_backbone` need."""
    backbone = discoverer.get_backbone()
    params = discoverer._saved_params() | {"backbone": backbone.name, "num_parts": discoverer.num_parts_}
    params |= {"layers": [layer.name for layer in backbone.layers], "weights": "auto"}
    params |= {"device": "auto", "workers": 0}  # of this machine, not of the model
    tensors = {f"method.{k}": v for k, v in discoverer._state().items()} | {"areas": discoverer.areas_}
    if discoverer.foreground_ is not None:
        tensors |= {f"foreground.{k}": v for k, v in discoverer.foreground_.state().items()}
    if backbone.weights not in FETCHABLE:
        params["weights"] = "random"
        tensors |= {f"backbone.{k}": v for k, v in backbone.model.state_dict().items()}
    config = {"method": discoverer.method, "params": params, "num_channels": discoverer.num_channels_}
    if discoverer.tree_ is not None:
        config["tree"] = discoverer.tree_.to_json()
    for level in discoverer.coarser_:
        tensors |= {f"{_level(level.method)}{k}": v for k, v in level.method._state().items()}
        tensors[f"owners.{level.method.num_parts_}"] = level.owners
    write_model(folder, {**config, "backbone": backbone.describe()}, tensors)


def save_and_reload(
    discoverer: PartDiscoverer, folder: str | os.PathLike[str], processes: Processes = ALONE
) -> None:
    """Save the first process's model; all take over what was written, the very bytes a resumed run goes on with."""

    def written() -> tuple[dict[str, Any], dict[str, Any]]:
        discoverer.save(folder)
        return read_model(folder)

    take_over(discoverer, *processes.from_first(written))


def take_over(discoverer: PartDiscoverer, config: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Make a method what it was when it was saved, but for its backbone."""
    discoverer._set_state(tensors_below("method.", tensors))
    inside: dict[str, Any] = tensors_below("foreground.", tensors)
    discoverer.foreground_ = LinearForeground(**inside) if inside else None
    discoverer.areas_ = tensors["areas"]
    discoverer.num_channels_ = config["num_channels"]
    discoverer.num_parts_ = config["params"]["num_parts"]
    discoverer.tree_ = PartTree.from_json(config["tree"]) if "tree" in config else None
    owners = {int(k): v for k, v in tensors_below("owners.", tensors).items()}
    levels = sorted(owners)
    _check_owners(discoverer.num_parts_, {k: owners[k].tolist() for k in levels})
    discoverer.coarser_ = tuple(CoarserLevel(_coarser(discoverer, k, tensors), owners[k]) for k in levels)


def _check_owners(num_parts: int, owners: dict[int, list[int]]) -> None:
    """Check that levels, the coarsest first, lie within each other.

    Raises:
        ArtifactError: if they do not.
    """
    try:
        nested = PartTree.from_owners(num_parts, list(owners.values()))
    except DataError as error:
        raise ArtifactError(f"The levels of the model are damaged: {error}") from error
    if list(nested.levels) != list(owners) or any(set(owners[k]) != set(range(k)) for k in owners):
        raise ArtifactError(f"The levels of the model are damaged: they are not of {list(owners)} parts.")


def _level(method: PartDiscoverer) -> str:
    """How names of the tensors of a coarser level begin."""
    return f"level.{method.num_parts_}."


def _coarser(discoverer: PartDiscoverer, num_parts: int, tensors: dict[str, Any]) -> PartDiscoverer:
    """The same method with so many parts, as they were saved."""
    found = copy.copy(discoverer)
    found.num_parts_ = num_parts
    found._set_state(tensors_below(_level(found), tensors))
    return found


def load_backbone(config: dict[str, Any], tensors: dict[str, Any], folder: str) -> Backbone:
    """The backbone of a saved model.

    Raises:
        ArtifactError: if its weights are not those that the model was made with.
    """
    params, described = config["params"], config["backbone"]
    backbone = create_backbone(
        params["backbone"], layers=params["layers"], weights=params["weights"], norm=described["norm"]
    )
    if carried := tensors_below("backbone.", tensors):
        backbone.model.load_state_dict(carried)
        backbone.weights, backbone.weights_hash = described["weights"], described["weights_hash"]
    if backbone.weights_hash != described["weights_hash"]:
        raise ArtifactError(
            f"The model in {folder} was made with {backbone.name} of weights {described['weights_hash']}, but the "
            f"weights found here are {backbone.weights_hash}. Install the package or weights it was made with."
        )
    return backbone
