"""From features to a trained head: where it starts, what it is taught by, the network and the loop over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partdisc.data import ImageRecord
from partdisc.discovery.inside import Masks, Pictures
from partdisc.discovery.scaling import FeatureScaling, channel_statistics, non_negative_scaling
from partdisc.discovery.scops.batches import Labels, TrainingData
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.labels import start_labels
from partdisc.discovery.scops.network import AtrousHead, Segmenter, trainable_encoder
from partdisc.discovery.scops.objective import Objective
from partdisc.discovery.scops.start import Start, find_start
from partdisc.discovery.scops.trainer import Trainer
from partdisc.features import Backbone
from partdisc.features.planning import resized_size
from partdisc.features.registry import hash_weights
from partdisc.progress import ProgressMaker
from partdisc.store.features import FeatureSet


@dataclass(frozen=True)
class SeenImages:
    """The images that features were made of.

    Attributes:
        records: in the order of the features.
        backbone: made the features, and stays as it is.
        image_size: long side in pixels to which images are resized.
        pictures: the `small_images` of these; None where nobody needs them.
    """

    records: Sequence[ImageRecord]
    backbone: Backbone
    image_size: int
    pictures: Pictures | None = None

    def encoder(self, config: ScopsConfig, device: torch.device) -> Backbone:
        """What sees the images in training: the backbone itself, or a copy that can be trained."""
        encoder = self.backbone
        if config.train_encoder:
            encoder = trainable_encoder(encoder, config.output_stride)
        return encoder.to(device)

    def canvas(self) -> tuple[int, int]:
        """(H, W) that holds every image; a dilated network's stride divides it too, as it divides the backbone's."""
        sizes = [resized_size(r.height, r.width, self.image_size) for r in self.records]
        return self.backbone.padded_size(max(h for h, _ in sizes), max(w for _, w in sizes))


@dataclass(frozen=True)
class Lesson:
    """What a network is taught by.

    Attributes:
        features: of the images, which the parts are to rebuild.
        foreground: (h, w) maps in [0, 1] by image id, on grids of any size; None has no background.
        images: the images; None where features are all there is.
    """

    features: FeatureSet
    foreground: Masks | None = None
    images: SeenImages | None = None

    def scaling(self) -> FeatureScaling:
        """Makes the features non-negative and of mean square 1."""
        layers = self.features.key.get("backbone", {}).get("channels")
        return non_negative_scaling(channel_statistics(self.features), layers)

    def data(
        self, scaling: FeatureScaling, encoder: Backbone | None, labels: Labels | None, inputs: str
    ) -> TrainingData:
        """What batches are made of; see `TrainingData`."""
        if self.images is None or encoder is None:
            return TrainingData(self.features, scaling, foreground=self.foreground, labels=labels)
        return TrainingData(
            self.features,
            scaling,
            records=self.images.records,
            canvas=self.images.canvas(),
            stride=self.images.backbone.stride,
            image_size=self.images.image_size,
            output_stride=encoder.stride,
            foreground=self.foreground,
            labels=labels,
            inputs=inputs,
        )


@dataclass(frozen=True)
class Taught:
    """What training leaves.

    Attributes:
        head: on the CPU; its first map is the background where the lesson had a foreground.
        basis: (K, C') part vectors.
        history: lines of the training log.
        encoder: the trained one, or None where the backbone stayed as it was.
    """

    head: AtrousHead
    basis: Tensor
    history: list[dict[str, Any]]
    encoder: Backbone | None


def teach(
    lesson: Lesson,
    num_parts: int,
    config: ScopsConfig,
    *,
    seed: int,
    device: torch.device,
    workers: int = 0,
    folder: Path | None = None,
    progress: ProgressMaker | None = None,
) -> Taught:
    """Train a network from the start that the configuration names; settings as in `Trainer`."""
    features, images, background = lesson.features, lesson.images, lesson.foreground is not None
    scaling = lesson.scaling()
    encoder = None if images is None else images.encoder(config, device)
    start = _start(lesson, scaling, num_parts, config, seed)
    data = lesson.data(scaling, encoder, _labels(lesson, start, config), config.warped)
    head = _first_head(start, features.num_channels, num_parts + background, config, seed)
    segmenter = Segmenter(head, encoder if config.warped == "images" else None, config.train_encoder)
    trainer = Trainer(
        Objective(segmenter, start.basis, config, background=background, seed=seed),
        data,
        config,
        seed=seed,
        device=device,
        folder=folder,
        made_with={"features": features.key, "num_parts": num_parts, "background": background},
        workers=workers,
        progress=progress,
    )
    basis = trainer.run().basis.detach().cpu()
    trained = encoder if segmenter.train_encoder else None
    if trained is not None:
        trained.requires_grad_(False).weights_hash = hash_weights(trained.model)
    return Taught(head.cpu().eval(), basis, trainer.history, trained)


def _start(lesson: Lesson, scaling: FeatureScaling, num_parts: int, config: ScopsConfig, seed: int) -> Start:
    return find_start(
        lesson.features,
        scaling,
        num_parts,
        method=config.start,
        seed=seed,
        foreground=lesson.foreground,
        pictures=None if lesson.images is None else lesson.images.pictures,
    )


def _labels(lesson: Lesson, start: Start, config: ScopsConfig) -> Labels | None:
    """Labels to keep to, where the configuration weighs them; pictures correct them inside a foreground only."""
    if not config.labels:
        return None
    images = None if lesson.foreground is None else lesson.images
    return start_labels(lesson.features, start, None if images is None else images.pictures)


def _first_head(start: Start, channels: int, num_maps: int, config: ScopsConfig, seed: int) -> AtrousHead:
    head = AtrousHead(channels, num_maps, config.rates, seed)
    head.standardize(start.mean, start.scale)
    if start.weight is not None and start.bias is not None:
        head.start_from(start.weight, start.bias)
    return head
