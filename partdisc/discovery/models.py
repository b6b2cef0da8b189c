"""Discovery methods by name: made anew, or loaded."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.object import ObjectForeground
from partdisc.discovery.saving import load_backbone, take_over
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.signed_factors import ConvexFeatureFactorization, SemiFeatureFactorization
from partdisc.discovery.two_stage import TwoStageClustering
from partdisc.errors import ArtifactError, ConfigError
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

    Args:
        method: "two-stage", "dff", "semi-nmf", "convex-nmf", "kmeans" or "scops", as on the command line; or
            "foreground", which finds the objects alone.
        num_parts: K, or "auto".
        params: other parameters of the method's class.

    Raises:
        ConfigError: if there is no such method or it has no such parameter.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ConfigError(f"Expected a method of {', '.join(METHODS)}, but got {method!r}.")
    cls = METHODS[method]
    known = {f.name for f in fields(cls) if f.init}
    if unknown := sorted(params.keys() - known):
        own = sorted(known - {f.name for f in fields(PartDiscoverer)})
        raise ConfigError(
            f"The method {method} does not take {', '.join(unknown)}; its own options are {', '.join(own) or 'none'}."
        )
    return cls(num_parts, **params)


def check_options(method: str, options: Mapping[str, Any]) -> None:
    """Refuse what `fit` would refuse of a method's own options, before anything long begins.

    They are tried on a handful of numbers, large counts among them made small.

    Raises:
        ConfigError: if the method has no such option, or cannot work with its value.
    """
    few = {name: min(value, 4) if type(value) is int else value for name, value in options.items()}
    trial = create_discoverer(method, 2, **{"foreground": "none", "device": "cpu", **few})
    if isinstance(trial, CoPartSegmentation):
        trial._settings()
    elif options:
        numbers = np.random.default_rng(0).random((8, 8, 6), dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial.fit_features([numbers])


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
        discoverer.backbone = load_backbone(config, tensors, os.fspath(folder))
        take_over(discoverer, config, tensors)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"The model in {os.fspath(folder)} is damaged: {error!r}.") from error
    return discoverer
