"""Everything that decides a training run, as one frozen value that is saved with it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from partdisc.checks import check_choice, check_count, check_number
from partdisc.errors import ConfigError
from partdisc.store.files import read_user_json

CONFIGS = Path(__file__).parent / "configs"
CHOICES = {
    "start": ("two-stage", "kmeans", "dff", "random"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("cosine", "poly", "constant"),
    "precision": ("float32", "bfloat16", "float16"),
    "mask_rule": ("argmax", "published"),
    "warped": ("images", "features"),
}
STRIDES = (0, 8, 16)
LEAST = {"steps": 1, "batch_size": 1, "accumulate": 1, "log_every": 1, "checkpoint_every": 1}
LEAST |= {"bend_points": 2, "warmup": 0, "picture_every": 0}
TERMS = ("concentration", "equivariance", "centroids", "semantic", "orthonormality", "foreground", "labels")
RATES = ("learning_rate", "head_factor", "basis_learning_rate", "weight_decay", "clip")
WARPS = ("rotation", "shift", "bend")
FLAGS = ("train_encoder", "view_flip", "stop_on_collapse", "tensorboard")


@dataclass(frozen=True)
class ScopsConfig:
    """Settings of co-part segmentation. Loss weights go with the reductions of `losses`, not with the published ones.

    Attributes:
        start: what head and basis start from: the parts of "two-stage", "kmeans" or "dff" in the same features, or
            "random" as published.
        train_encoder: whether the backbone is trained too; else only the head and the basis are.
        warped: what is warped for equivariance: "images", as published, or "features" of a frozen encoder, which
            saves a pass through it in every step.
        output_stride: stride to which a trained backbone is dilated (8 or 16); 0 leaves it.
        rates: atrous rates of the head's summed convolutions.
        mask_rule: "argmax" of the probabilities; "published": each part over its maximum in the image, against a
            background of 0.1.
        view_scales: factors on the image size: the views whose probabilities are averaged at inference.
        view_flip: whether each view is also seen mirrored.
        steps: optimiser steps.
        batch_size: images of one forward pass, in each process.
        accumulate: forward passes of one step.
        optimizer: "adamw", or "sgd" with momentum 0.9 as published.
        learning_rate: of the encoder.
        head_factor: the head's learning rate over the encoder's.
        basis_learning_rate: of the part basis.
        weight_decay: of encoder and head.
        schedule: "cosine", "poly" (power 0.9, as published) or "constant".
        warmup: steps over which the learning rates rise from 0.
        clip: largest norm of the gradient; 0 does not clip.
        precision: "float32", or mixed "bfloat16" or "float16" (CUDA only).
        ema: decay of the moving average of weights that becomes the result; 0 takes the last weights.
        concentration: weight of that loss.
        equivariance: weight of the divergence of maps.
        centroids: weight of the distance of centroids.
        semantic: weight of semantic consistency.
        orthonormality: weight of that loss.
        foreground: weight of the agreement with the given foreground (not in the paper; 0 there).
        labels: weight of the agreement with the parts that training starts from (not in the paper; 0 there).
        rotation: largest angle of a warp in degrees.
        scale: smallest and largest scale of a warp.
        shift: largest shift along each axis, in half long sides.
        bend_points: control points of the thin-plate spline along each side.
        bend: largest displacement of a control point along each axis, in half long sides; 0 does not bend.
        jitter: largest relative change of brightness, contrast and saturation, and of hue in half turns.
        stop_on_collapse: whether training ends with an error when a part vanishes or swallows all.
        log_every: steps between two lines of the log.
        checkpoint_every: steps between two checkpoints.
        picture_every: steps between two pictures of the same few images with their parts; 0 draws none.
        tensorboard: whether the log and the pictures are written for TensorBoard too.
    """

    start: str = "two-stage"
    train_encoder: bool = False
    warped: str = "images"
    output_stride: int = 0
    rates: tuple[int, ...] = (1, 2, 3, 4)
    mask_rule: str = "argmax"
    view_scales: tuple[float, ...] = (1.0,)
    view_flip: bool = False

    steps: int = 600
    batch_size: int = 8
    accumulate: int = 1
    optimizer: str = "adamw"
    learning_rate: float = 1e-5
    head_factor: float = 1.0
    basis_learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warmup: int = 20
    clip: float = 5.0
    precision: str = "float32"
    ema: float = 0.99

    concentration: float = 0.01
    equivariance: float = 0.1
    centroids: float = 0.1
    semantic: float = 1.0
    orthonormality: float = 0.02
    foreground: float = 1.0
    labels: float = 10.0

    rotation: float = 60.0
    scale: tuple[float, float] = (0.5, 1.43)
    shift: float = 0.1
    bend_points: int = 5
    bend: float = 0.01
    jitter: tuple[float, float, float, float] = (0.3, 0.3, 0.2, 0.2)

    stop_on_collapse: bool = True
    log_every: int = 10
    checkpoint_every: int = 100
    picture_every: int = 100
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("rates", "view_scales", "scale", "jitter"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_choices(self)
        _check_numbers(self)
        _check_ranges(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, where: str = "the configuration") -> ScopsConfig:
        """A configuration from plain data; what is not named keeps its default.

        Raises:
            ConfigError: naming settings that do not exist, or a value that cannot be.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(values.keys() - known)
        if unknown:
            raise ConfigError(
                f"{where} names unknown settings: {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{where} holds a value of the wrong type: {error}.") from error


def load_config(source: ScopsConfig | dict[str, Any] | str | os.PathLike[str]) -> ScopsConfig:
    """A configuration from a shipped name ("fast", "paper", "gpu"), a JSON file, plain data, or itself.

    Raises:
        ConfigError: if there is no such configuration or a setting in it is unusable.

    >>> load_config("paper").steps, load_config({"steps": 5}).steps
    (100000, 5)
    """
    if isinstance(source, ScopsConfig):
        return source
    if isinstance(source, dict):
        return ScopsConfig.from_dict(source)
    if not isinstance(source, (str, os.PathLike)):
        raise ConfigError(f"Expected a configuration by name, as a file or as settings, but got {source!r}.")
    name = os.fspath(source)
    shipped = sorted(path.stem for path in CONFIGS.glob("*.json"))
    if name not in shipped and not name.endswith(".json"):
        raise ConfigError(
            f"Expected a configuration of {', '.join(shipped)}, or a .json file, but got {name!r}."
        )
    path = CONFIGS / f"{name}.json" if name in shipped else Path(name)
    values = read_user_json(path, what="a SCOPS configuration")
    if not isinstance(values, dict):
        raise ConfigError(f"Expected {path} to hold a JSON object of settings, got {type(values).__name__}.")
    about = {k: v for k, v in values.items() if k != "about"}  # prose for whoever opens the file
    return ScopsConfig.from_dict(about, where=str(path))


def _check_choices(config: ScopsConfig) -> None:
    for name, choices in CHOICES.items():
        check_choice(name, getattr(config, name), choices)
    if config.output_stride not in STRIDES:
        known = ", ".join(map(str, STRIDES))
        raise ConfigError(f"Expected output_stride to be one of {known}, but got {config.output_stride!r}.")
    if config.train_encoder and config.warped == "features":
        raise ConfigError("Expected warped images where the encoder is trained, but got warped features.")
    if config.output_stride and not config.train_encoder:
        raise ConfigError(
            "Expected output_stride 0 for a frozen encoder: dilation only makes sense where it is trained. "
            "Set train_encoder."
        )


def _check_numbers(config: ScopsConfig) -> None:
    for name, least in LEAST.items():
        check_count(name, getattr(config, name), least)
    for name in (*TERMS, *RATES, *WARPS):
        check_number(name, getattr(config, name))
    for name in FLAGS:
        if not isinstance(getattr(config, name), bool):
            raise ConfigError(f"Expected {name} as true or false, but got {getattr(config, name)!r}.")
    if not 0 <= config.ema < 1:
        raise ConfigError(f"Expected ema within 0 and 1, 1 excluded, but got {config.ema!r}.")


def _check_ranges(config: ScopsConfig) -> None:
    if len(config.scale) != 2 or not 0 < config.scale[0] <= config.scale[1]:
        raise ConfigError(f"Expected scale as two numbers, 0 < low <= high, but got {config.scale!r}.")
    if len(config.jitter) != 4 or not all(0 <= j < 1 for j in config.jitter):
        raise ConfigError(f"Expected jitter as four numbers within 0 and 1, but got {config.jitter!r}.")
    if not config.view_scales or not all(0.1 <= s <= 10 for s in config.view_scales):
        raise ConfigError(
            f"Expected view_scales as factors within 0.1 and 10, but got {config.view_scales!r}."
        )
    if not config.rates or not all(isinstance(r, int) and r >= 1 for r in config.rates):
        raise ConfigError(f"Expected rates as whole numbers of at least 1, but got {config.rates!r}.")
