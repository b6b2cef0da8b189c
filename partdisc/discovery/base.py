"""The contract every discovery method keeps.

A discoverer owns its backbone. `fit` learns parts from images, `predict` gives their part maps in new images, `save`
and `load_discoverer` carry the model elsewhere; `fit_features` and `predict_features` do the same for those who
bring features. Parts are numbered in a canonical order: largest total area first, ties by basis.
"""

from __future__ import annotations

import copy
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from partdisc.allocator import freed_memory_kept
from partdisc.checks import check_array
from partdisc.data import ImageList, list_images
from partdisc.discovery.choosing import PartsChoice, RowSample
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.fitting import count_cells, learn_parts
from partdisc.discovery.inside import Masks, Pictures, RowsInside
from partdisc.discovery.predicting import CoarserLevel, as_feature_set, check_channels, predict_maps
from partdisc.discovery.recurrence import PartSupport
from partdisc.discovery.saving import save_model
from partdisc.errors import ConfigError, NotFittedError, PartSupportWarning
from partdisc.factorization.contract import Estimator
from partdisc.features import (
    DEFAULT_BACKBONE,
    DEFAULT_IMAGE_SIZE,
    Backbone,
    create_backbone,
    extract_features,
)
from partdisc.foreground import LinearForeground
from partdisc.parts import PartMaps
from partdisc.processes import ALONE, Processes
from partdisc.progress import ProgressMaker
from partdisc.store.features import FeatureSet
from partdisc.store.levels import PartTree
from partdisc.threads import one_thread

Self = TypeVar("Self", bound="PartDiscoverer")


@dataclass(eq=False, repr=False)
class PartDiscoverer(Estimator, ABC):
    """Base of all discovery methods; scikit-learn's contract for estimators.

    Args:
        num_parts: K; "auto", or "auto:2-16", chooses it: see `partdisc.discovery.choosing`.
        backbone: a name for `create_backbone`, or a `Backbone`.
        layers: layers of the backbone; see `Backbone`.
        weights: weights of the backbone: "auto", "random", or a file.
        image_size: long side in pixels to which images are resized.
        foreground: "auto" first learns from the images which cells belong to the objects, and parts lie inside them
            (with features alone it is "none"); "none" does not, and every cell belongs to a part; a single
            estimator of `partdisc.foreground` by its name; or where
            masks are (see `partdisc.foreground.open_masks`), from which a foreground for other images is learnt.
        feature_dtype: dtype in which features are kept.
        batch_size: images of one batch.
        workers: processes that decode images ahead.
        device: where the backbone and the solvers run.
        seed: of all random numbers.

    Attributes:
        num_parts_: K as learnt.
        num_channels_: C of the features it was learnt from.
        foreground_: the learnt foreground, or None.
        choice_: how K was chosen, or None where it was given.
        support_: what the images say to the parts, or None where nobody asked them.
        areas_: (K,) share of grid cells that each part takes in the images it was learnt from, by a sample.
        tree_: which parts make up which coarser ones, or None; see `nest_parts` and `merge_parts`.
        coarser_: the levels that parts lie within, coarsest first.
    """

    method: ClassVar[str]
    part_names: ClassVar[tuple[str, ...] | None] = None  # where a method knows them
    chooses: ClassVar[bool] = True  # whether num_parts may be "auto"

    num_parts: int | str
    _: KW_ONLY
    backbone: str | Backbone = DEFAULT_BACKBONE
    layers: Sequence[str | int] | str | None = None
    weights: str = "auto"
    image_size: int = DEFAULT_IMAGE_SIZE
    foreground: str = "auto"
    feature_dtype: str = "float16"
    batch_size: int = 8
    workers: int = 0
    device: str | torch.device = "auto"
    seed: int = 0

    processes: Processes = field(default=ALONE, init=False, repr=False)  # those that learn together
    budget: int | None = field(default=None, init=False, repr=False)  # bytes; see `fits_in_memory`
    num_parts_: int = field(init=False, repr=False)
    num_channels_: int = field(init=False, repr=False)
    areas_: Tensor = field(init=False, repr=False)
    choice_: PartsChoice | None = field(default=None, init=False, repr=False)
    support_: PartSupport | None = field(default=None, init=False, repr=False)
    foreground_: LinearForeground | None = field(default=None, init=False, repr=False)
    tree_: PartTree | None = field(default=None, init=False, repr=False)
    coarser_: tuple[CoarserLevel, ...] = field(default=(), init=False, repr=False)

    # -- what a method provides ----------------------------------------------------------------------------------

    @abstractmethod
    def _fit_features(self, features: Any) -> None:
        """Learn `num_parts_` parts, in any order, from `RowsInside` (or what else `learn` or `_trials` passes).

        Processes that learn together all call this. What is a sum over rows they add up; what is learnt from a sample
        of images, which each of them can read, the first one learns for all (`Processes.from_first`).
        """

    @abstractmethod
    def _part_scores(self, rows: Tensor) -> Tensor:
        """Scores (m, K) >= 0 of feature rows (m, C); the largest decides the part, each row sums to 1."""

    def _trials(
        self, features: RowsInside, sample: RowSample, counts: Sequence[int]
    ) -> Iterator[PartDiscoverer]:
        """This method with each of `counts` parts, learnt from a sample where that is quicker."""
        for num_parts in counts:
            trial = copy.copy(self)
            trial.num_parts_ = num_parts
            trial._fit_features(sample)
            yield trial

    @abstractmethod
    def _state(self) -> dict[str, Tensor]:
        """Everything learnt, as tensors by name."""

    @abstractmethod
    def _set_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `_state` gave."""

    @abstractmethod
    def _reorder(self, order: Tensor) -> None:
        """Renumber the parts: new part i is the old `order[i]`."""

    @abstractmethod
    def _basis(self) -> Tensor:
        """(K, ...) what identifies each part, to break ties in the canonical order."""

    # -- the contract ----------------------------------------------------------------------------------------------

    def fit(self: Self, images: Any, foreground: Masks | None = None) -> Self:
        """Learn parts from images: anything that `partdisc.data.list_images` takes.

        `foreground` may hold masks (H, W) in [0, 1] of any size by image id, in place of the attribute `foreground`.
        """
        listed = images if isinstance(images, ImageList) else list_images(images)
        self.learn(listed, self.extract(listed), foreground=foreground)
        return self

    def predict(self, images: Any, foreground: Masks | None = None) -> list[PartMaps]:
        """Part maps of images, in the order of the images; unreadable ones are left out.

        `foreground` may hold masks by image id, as in `fit`; other images have the foreground that was learnt.
        """
        self._check_fitted()
        listed = images if isinstance(images, ImageList) else list_images(images)
        found = self.iter_maps(self.extract(listed), images=listed, foreground=foreground)
        maps = {m.image_id: m for m in found}
        return [maps[record.id] for record in listed.records if record.id in maps]

    def extract(self, images: Any) -> FeatureSet:
        """The features this method works on."""
        return extract_features(
            self.get_backbone(),
            images,
            image_size=self.image_size,
            dtype=self.feature_dtype,
            batch_size=self.batch_size,
            workers=self.workers,
            device=resolve_device(self.device),
        )

    def fit_features(self: Self, features: FeatureSet | Sequence[Tensor | np.ndarray]) -> Self:
        """Learn parts from features: a `FeatureSet`, or one (h, w, C) map an image."""
        self._learn_parts(as_feature_set(features), None)
        return self

    def learn(
        self,
        images: ImageList,
        features: FeatureSet,
        *,
        folder: Path | None = None,
        progress: ProgressMaker | None = None,
        foreground: Masks | None = None,
        pictures: Pictures | None = None,
    ) -> FeatureSet:
        """Learn parts from images whose features are known already: what a run calls.

        Args:
            images: the images.
            features: as `extract` gives them.
            folder: for what a method that trains needs to go on where it stopped.
            progress: makes the progress of a stage with so many items.
            foreground: masks by image id, as in `fit`.
            pictures: the `small_images` of these images, where others need them too.

        Returns:
            The features on which `iter_maps` works; others than given where learning changed the backbone.
        """
        self._learn_parts(features, images, foreground, pictures)
        return features

    def _learn_parts(
        self,
        features: FeatureSet,
        images: ImageList | None,
        masks: Masks | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        with one_thread(), freed_memory_kept():  # all that takes long is spread over threads
            learn_parts(self, features, images, masks, pictures)
        for complaint in self.support_.complaints(self.areas_) if self.support_ else ():
            warnings.warn(complaint, PartSupportWarning, stacklevel=4)

    def predict_features(self, features: FeatureSet | Sequence[Tensor | np.ndarray]) -> list[PartMaps]:
        """Part maps for features, in the order of their entries."""
        return list(self.iter_maps(as_feature_set(features)))

    def iter_maps(
        self,
        features: FeatureSet,
        indices: Iterable[int] | None = None,
        *,
        images: ImageList | None = None,
        foreground: Masks | None = None,
    ) -> Iterator[PartMaps]:
        """Part maps one by one, of all images or those at `indices`, in constant memory.

        `images` are for methods that look at them again; features suffice. `foreground` may hold masks by image id,
        as in `fit`.
        """
        self._check_fitted()
        check_channels(self, features)
        wanted = range(len(features)) if indices is None else indices
        yield from predict_maps(self, features, wanted, foreground)

    @property
    def has_background(self) -> bool:
        """Whether channel 0 of the maps is used."""
        return self.foreground_ is not None

    def get_backbone(self) -> Backbone:
        """The backbone, created when first asked for."""
        if isinstance(self.backbone, Backbone):
            return self.backbone
        asked = self.backbone, self.layers, self.weights, self.seed
        known = getattr(self, "_made", None)
        if known is None or known[0] != asked:
            made = create_backbone(self.backbone, layers=self.layers, weights=self.weights, seed=self.seed)
            self._made = known = asked, made
        return known[1]

    def reorder(self, order: Sequence[int]) -> None:
        """Renumber the parts: new part i + 1 is the old `order[i] + 1`.

        Raises:
            ConfigError: if `order` is no permutation of 0..K-1.
        """
        self._check_fitted()
        index = torch.as_tensor(check_array("an order of the parts", order, "(K,)"))
        if index.is_floating_point() or sorted(index.tolist()) != list(range(self.num_parts_)):
            raise ConfigError(f"Expected a permutation of 0..{self.num_parts_ - 1}, but got {list(order)}.")
        self._reorder(index)
        self.areas_ = self.areas_[index]
        if self.support_ is not None:
            self.support_ = self.support_.renumbered(order)
        if self.tree_ is not None:
            self.tree_ = self.tree_.renumbered(order)
        if self.coarser_:
            *above, last = self.coarser_
            self.coarser_ = (*above, replace(last, owners=last.owners[index]))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as config.json and weights.safetensors; `load_discoverer` reads it."""
        self._check_fitted()
        save_model(self, folder)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _count_cells(self, features: FeatureSet | RowsInside) -> Tensor:
        """(K,) how many cells belong to each part, which decides their order."""
        return count_cells(self, features)

    def _saved_params(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return self.get_params()

    def _check_fitted(self, attribute: str = "num_channels_") -> None:
        if not hasattr(self, attribute):
            name = type(self).__name__
            raise NotFittedError(
                f"This {name} is not fitted yet. Call fit, or load one with load_discoverer."
            )

    def __repr__(self) -> str:
        backbone = self.backbone.name if isinstance(self.backbone, Backbone) else self.backbone
        return f"{type(self).__name__}(num_parts={self.num_parts}, backbone={backbone!r}, seed={self.seed})"
