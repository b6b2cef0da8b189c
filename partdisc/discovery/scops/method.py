"""Co-part segmentation in the manner of SCOPS (Hung et al., CVPR 2019), as a discovery method.

A network is trained, without labels, to segment K parts: they shall be compact, follow the image when it is
warped, and rebuild deep features from one vector each. See `losses` for the terms and docs/scops.md for settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from partdisc.checks import check_count
from partdisc.data import ImageList, ImageRecord
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.fitting import check_learnable, rows_inside, settle
from partdisc.discovery.inside import (
    Masks,
    Pictures,
    foreground_of,
    small_images,
)
from partdisc.discovery.predicting import check_channels
from partdisc.discovery.scops.config import ScopsConfig, load_config
from partdisc.discovery.scops.inference import averaged_views, head_probabilities, mask_maps
from partdisc.discovery.scops.network import AtrousHead, dilated
from partdisc.discovery.scops.training import Lesson, SeenImages, teach
from partdisc.features import Backbone
from partdisc.parts import PartMaps
from partdisc.progress import ProgressMaker
from partdisc.store.features import FeatureSet
from partdisc.store.model import tensors_below

Self = TypeVar("Self", bound="CoPartSegmentation")


@dataclass(eq=False, repr=False)
class CoPartSegmentation(PartDiscoverer):
    """Parts as a network learns to segment them by self-supervision.

    With a foreground, the K parts lie inside the object and channel 0 of the maps is the background; without one
    there are K maps, every one a part, and label 0 is not used.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`; `batch_size` is
            of the extraction, the training's stands in `training`.
        training: a `ScopsConfig`, its settings as a dictionary, a shipped name ("fast", "gpu", "paper") or a file.
        steps: number of training steps, in place of the configuration's.

    Attributes:
        head_: the trained head, on features of the backbone (which is trained too where the configuration says so).
        basis_: (K, C') part vectors.
        history_: lines of the training log.
        has_background_: whether maps have a background.

    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.random((6, 5, 8), dtype=np.float32) for _ in range(4)]
    >>> scops = CoPartSegmentation(num_parts=2, training={"batch_size": 2}, steps=3, foreground="none")
    >>> scops = scops.fit_features(maps)
    >>> scops.predict_features(maps)[0].maps.shape
    (3, 6, 5)
    """

    method: ClassVar[str] = "scops"
    chooses: ClassVar[bool] = False

    training: ScopsConfig | dict[str, Any] | str = "fast"
    steps: int | None = None

    def fit(self: Self, images: Any, foreground: Masks | None = None) -> Self:
        """Train on images, from the backbone as it was given; see `PartDiscoverer.fit`."""
        self.__dict__.pop("_trained", None)  # by an earlier fit
        return super().fit(images, foreground)

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
        """Train on images whose features are known already.

        Args:
            images: the images.
            features: of the images, as `extract` gives them.
            folder: of checkpoints, from which an interrupted training goes on; None keeps none.
            progress: makes the progress of a stage with so many items.
            foreground: masks by image id, as in `fit`; None does as the attribute `foreground` says.
            pictures: the `small_images` of these images, where others need them too.

        Returns:
            The features on which `iter_maps` works: new ones where the encoder was trained.
        """
        check_learnable(self, features)
        pictures = small_images(features, images) if pictures is None else pictures
        by_id = {record.id: record for record in images.records}
        records = tuple(by_id[entry.id] for entry in features.entries)
        known = self._known_foreground(features, images, foreground, pictures)
        seen = SeenImages(records, super().get_backbone(), self.image_size, pictures)
        self._train(Lesson(features, known, seen), folder, progress)
        if self._settings().train_encoder:
            features = self.extract(ImageList(images.root, records))
        settle(self, features)
        return features

    def iter_maps(
        self,
        features: FeatureSet,
        indices: Iterable[int] | None = None,
        *,
        images: ImageList | None = None,
        foreground: Masks | None = None,
    ) -> Iterator[PartMaps]:
        """Part maps one by one, of all images or those at `indices`, in constant memory.

        With `images`, maps are averaged over the configured views; without, they are of the features alone.
        """
        self._check_fitted()
        check_channels(self, features)
        rule = self._settings().mask_rule
        records = {} if images is None else {record.id: record for record in images.records}
        for index in range(len(features)) if indices is None else indices:
            entry = features.entries[index]
            found = self._seen(records.get(entry.id), features, index)
            inside = foreground_of(features, index, None, foreground)
            maps = mask_maps(found, rule, background=self.has_background_, inside=inside)
            yield PartMaps(maps, entry.size, entry.content, entry.id)

    @property
    def has_background(self) -> bool:
        """Whether channel 0 of the maps is used."""
        return self.has_background_

    def get_backbone(self) -> Backbone:
        """The backbone; once it was trained, the trained one."""
        return self._trained if getattr(self, "_trained", None) is not None else super().get_backbone()

    def _saved_params(self) -> dict[str, Any]:
        return self.get_params() | {"training": load_config(self.training).to_dict()}

    # -- inside -----------------------------------------------------------------------------------------------------

    def _settings(self) -> ScopsConfig:
        config = load_config(self.training)
        return config if self.steps is None else replace(config, steps=self.steps)

    def _learn_parts(
        self,
        features: FeatureSet,
        images: ImageList | None,
        masks: Masks | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        """What `fit_features` calls: there are no images."""
        check_learnable(self, features)
        self._train(Lesson(features, self._known_foreground(features, None, masks)))
        settle(self, features)

    def _known_foreground(
        self,
        features: FeatureSet,
        images: ImageList | None,
        masks: Masks | None,
        pictures: Pictures | None = None,
    ) -> Masks | None:
        """(h, w) probabilities of foreground of each image, which the network learns."""
        inside = rows_inside(self, features, images, masks, pictures)
        found = {entry.id: inside.foreground_of(i) for i, entry in enumerate(features.entries)}
        known = {image_id: m.numpy() for image_id, m in found.items() if m is not None}
        return known or None

    def _train(
        self, lesson: Lesson, folder: Path | None = None, progress: ProgressMaker | None = None
    ) -> None:
        self.num_parts_ = int(self.num_parts)
        taught = teach(
            lesson,
            self.num_parts_,
            self._settings(),
            seed=check_count("seed", self.seed, 0),  # numpy, which orders the images, takes no others
            device=resolve_device(self.device),
            workers=self.workers,
            folder=folder,
            progress=progress,
        )
        self.head_, self.basis_, self.history_ = taught.head, taught.basis, taught.history
        self.has_background_ = lesson.foreground is not None
        if taught.encoder is not None:
            self._trained = taught.encoder

    def _seen(self, record: ImageRecord | None, features: FeatureSet, index: int) -> Tensor:
        """(K', h, w) probabilities of an image: of its features, or of several views of it."""
        config = self._settings()
        if record is None or (config.view_scales == (1.0,) and not config.view_flip):
            return head_probabilities(self.head_, features[index].permute(2, 0, 1)[None])[0]
        backbone = self.get_backbone().to(resolve_device(self.device))
        return averaged_views(
            backbone,
            self.head_,
            record,
            features.entries[index],
            image_size=self.image_size,
            scales=config.view_scales,
            flip=config.view_flip,
        )

    # -- the base's contract ----------------------------------------------------------------------------------------

    def _fit_features(self, features: FeatureSet) -> None:
        """Nothing calls it: `_learn_parts` and `learn` train in one go."""
        raise NotImplementedError

    def _part_scores(self, rows: Tensor) -> Tensor:
        """Scores of rows seen alone, without their neighbours."""
        seen = head_probabilities(self.head_, rows[:, :, None, None])
        found = seen[:, int(self.has_background_) :, 0, 0]
        return found / found.sum(dim=1, keepdim=True)

    def _count_cells(self, features: Any) -> Tensor:
        """(K,) how many cells belong to each part: those of all images where no background prevails."""
        counts = np.zeros(self.num_parts_, dtype=np.int64)
        for maps in self.iter_maps(features):
            labels = maps.maps[1:].argmax(axis=0)
            inside = maps.maps[1:].max(axis=0) > maps.maps[0]
            counts += np.bincount(labels[inside], minlength=self.num_parts_)
        return torch.from_numpy(counts)

    def _state(self) -> dict[str, Tensor]:
        state = {f"head.{k}": v for k, v in self.head_.state_dict().items()}
        return state | {"basis": self.basis_, "background": torch.tensor(self.has_background_)}

    def _set_state(self, state: dict[str, Tensor]) -> None:
        config = self._settings()
        self.basis_, self.has_background_ = state["basis"], bool(state["background"])
        head = tensors_below("head.", state)
        num_maps, channels = head["branches.0.weight"].shape[:2]
        self.head_ = AtrousHead(channels, num_maps, config.rates).eval()
        self.head_.load_state_dict(head)
        if config.output_stride and isinstance(self.backbone, Backbone) and not hasattr(self, "_trained"):
            self.backbone = dilated(self.backbone, config.output_stride)

    def _reorder(self, order: Tensor) -> None:
        self.basis_ = self.basis_[order]
        if self.has_background_:
            order = torch.cat([order.new_zeros(1), order + 1])
        self.head_.reorder(order)

    def _basis(self) -> Tensor:
        return self.basis_
