"""What decides the result of a run, and what only decides how it is made."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

from partdisc.checks import check_count
from partdisc.discovery.choosing import parse_num_parts
from partdisc.discovery.inside import ALPHA, check_foreground, names_masks
from partdisc.discovery.levels import check_levels
from partdisc.discovery.models import check_options
from partdisc.errors import ConfigError
from partdisc.features import DEFAULT_BACKBONE
from partdisc.processes import on_this_machine

REFINEMENTS = ("auto", "colour", "none")
STORAGE = ("auto", "memory", "disk")
# settings that an applied model brings, as the command line calls them
OF_THE_MODEL = {
    "levels": "--levels",
    "method": "--method",
    "foreground": "--foreground",
    "backbone": "--backbone",
    "layers": "--layer",
    "weights": "--weights",
    "options": "method options",
}


@dataclass(frozen=True)
class DiscoverSettings:
    """Settings of a run; a resumed run must have the same.

    Attributes:
        num_parts: K, "auto" or "auto:2-16"; required unless `apply` names a model.
        levels: numbers of coarser parts, within which the K lie; see `partdisc.discovery.nesting`.
        method: "two-stage", "dff", "semi-nmf", "convex-nmf", "kmeans" or "scops".
        foreground: "auto" (parts lie inside the objects), "none", one estimator of `partdisc.foreground`, or where
            masks are: "alpha", a folder, a COCO file; see `partdisc.foreground.open_masks`.
        refine: how masks are refined to pixels: "colour", "none", or "auto": by colour where there is a foreground.
        backbone, layers, weights, feature_dtype, batch_size, seed: see `partdisc.discovery.PartDiscoverer`.
        image_size: long side in pixels; None means the method's default, or what an applied model was made with.
        apply: a model or run whose parts are applied to the images; nothing is learnt then.
        like: a run, or a level of one, whose numbering of parts is taken over, as far as parts agree.
        maps: whether soft maps are written.
        overlays: how many images get an overlay picture, evenly chosen; None means all.
        keep_features: whether features stay on disk.
        limit: at most this many images.
        strict: whether an unreadable image, or one without a mask where masks are given, is an error.
        options: options of the method.
    """

    num_parts: int | str | None = None
    levels: Sequence[int] | None = None
    method: str = "two-stage"
    foreground: str = "auto"
    refine: str = "auto"
    backbone: str = DEFAULT_BACKBONE
    layers: str | None = None
    weights: str = "auto"
    image_size: int | None = None
    feature_dtype: str = "float16"
    batch_size: int = 8
    seed: int = 0
    apply: str | None = None
    like: str | None = None
    maps: bool = True
    overlays: int | None = 48
    keep_features: bool = False
    limit: int | None = None
    strict: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Find what cannot work before anything long begins.

        Raises:
            ConfigError: naming the setting.
        """
        if self.apply is None and self.num_parts is None:
            raise ConfigError(
                "Expected --num-parts K (how many parts to discover), --num-parts auto, or --apply MODEL."
            )
        if self.apply is not None and self.num_parts is not None:
            raise ConfigError(
                "Expected --num-parts or --apply, not both: an applied model has its number of parts."
            )
        if self.num_parts is not None:
            parse_num_parts(self.num_parts)
        if self.apply is not None:
            self._check_apply()
        elif self.levels is not None:
            object.__setattr__(self, "levels", check_levels(self.levels, self.num_parts))
        for name in ("image_size", "batch_size", "seed", "overlays", "limit"):
            if (value := getattr(self, name)) is not None:
                check_count(f"--{name.replace('_', '-')}", value, None)
        check_foreground(self.foreground)
        if not isinstance(self.options, Mapping):
            raise ConfigError(f"Expected options as the method's settings by name, but got {self.options!r}.")
        if self.refine not in REFINEMENTS:
            raise ConfigError(f"Expected --refine of {', '.join(REFINEMENTS)}, but got {self.refine!r}.")
        if self.overlays is not None and self.overlays < 0:
            raise ConfigError(f"Expected --overlays of at least 0, but got {self.overlays}.")
        if self.seed is None or not 0 <= self.seed < 2**31:
            raise ConfigError(f"Expected --seed within 0..2147483647, but got {self.seed}.")

    def _check_apply(self) -> None:
        usual = DiscoverSettings()
        given = [words for name, words in OF_THE_MODEL.items() if getattr(self, name) != getattr(usual, name)]
        if names_masks(self.foreground):  # of the images to apply it to
            given.remove("--foreground")
        if given:
            raise ConfigError(f"Expected no {' or '.join(given)} beside --apply: the model has its own.")


@dataclass(frozen=True)
class Runtime:
    """How a run is made; none of it changes the result.

    Attributes:
        device: "auto", "cpu", "cuda", "mps".
        workers: processes that decode images ahead; None means one for each two cores beside the
            first, at most 8: on two cores a decoder of its own takes more from the backbone than it gives.
        storage: where features are kept: "memory", "disk", or "auto" by their size.
        verbosity: 0 says nothing, 1 reports progress.
        max_memory: GiB that features may take in this process before they are kept on disk; None means a quarter of
            what is free.
    """

    device: str = "auto"
    workers: int | None = None
    storage: str = "auto"
    verbosity: int = 1
    max_memory: float | None = None

    def check(self) -> None:
        """Raise a ConfigError for values that cannot work."""
        if self.storage not in STORAGE:
            raise ConfigError(f"Expected --features of {', '.join(STORAGE)}, but got {self.storage!r}.")
        if self.workers is not None:
            check_count("--workers", self.workers, 0)
        if self.max_memory is not None and not (
            isinstance(self.max_memory, Real) and 0 < self.max_memory < math.inf
        ):
            raise ConfigError(f"Expected --max-memory as GiB above 0, but got {self.max_memory!r}.")

    @property
    def num_workers(self) -> int:
        """Processes that decode."""
        if self.workers is not None:
            return self.workers
        return max(0, min(8, ((os.cpu_count() or 1) // on_this_machine() - 1) // 2))

    @property
    def budget(self) -> int | None:
        """`max_memory` in bytes."""
        return None if self.max_memory is None else int(self.max_memory * 2**30)


def resolve_settings(
    num_parts: int | str | None, settings: Mapping[str, Any], runtime: Runtime
) -> DiscoverSettings:
    """The settings of a call, their paths made absolute, checked together with its runtime.

    Raises:
        ConfigError: naming the setting that cannot work.
    """
    paths = {name: absolute(settings.get(name)) for name in ("apply", "like")}
    if "foreground" in settings:
        paths["foreground"] = absolute_foreground(settings["foreground"])
    known = [f.name for f in fields(DiscoverSettings)]
    if unknown := sorted(settings.keys() - known):
        raise ConfigError(f"There is no setting {', '.join(unknown)}. There are {', '.join(known)}.")
    chosen = DiscoverSettings(num_parts=num_parts, **{**settings, **paths})
    chosen.check()
    runtime.check()
    if chosen.apply is None:
        check_options(chosen.method, chosen.options)
    return chosen


def absolute(path: str | os.PathLike[str] | None) -> str | None:
    """A path that means the same from any folder."""
    return None if path is None else str(Path(path).absolute())


def absolute_foreground(foreground: str | os.PathLike[str]) -> str:
    """A foreground whose masks are found from any folder; names stay."""
    name = str(foreground)
    return str(Path(name).absolute()) if names_masks(name) and name != ALPHA else name
