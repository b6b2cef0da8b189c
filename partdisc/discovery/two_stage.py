"""Discovery in two stages: first the objects, then parts within them, by fine clusters that are merged.

Plain clustering of dense features makes parts of the background. Here parts lie inside a foreground, and many fine
clusters are merged to K parts by their features and by how unlike their colours are where they meet in an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.parts_within import FINE_CLUSTERS, PartsWithin, fit_parts_within

SAMPLE_IMAGES = 256  # parts are learnt from at most so many, evenly spaced


@dataclass(eq=False, repr=False)
class TwoStageClustering(PartDiscoverer):
    """Parts as merged clusters of the features within the foreground.

    Without a foreground stage every cell counts as inside. Soft maps are a softmax over minus the squared distances
    to the fine clusters, summed over those of a part.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `PartDiscoverer`.
        fine_clusters: how many clusters are merged to K parts; at least K are used.

    Attributes:
        parts_: the learnt parts, see `PartsWithin`.
    """

    method: ClassVar[str] = "two-stage"

    fine_clusters: int = FINE_CLUSTERS

    def _fit_features(self, features: RowsInside) -> None:
        total, pictures = len(features.features), features.pictures
        count = min(total, SAMPLE_IMAGES)
        chosen = [i * total // count for i in range(count)]
        self.parts_ = self.processes.from_first(
            lambda: fit_parts_within(
                [features.features[i] for i in chosen],
                [_inside(features, i) for i in chosen],
                self.num_parts,
                images=None if pictures is None else lambda i: pictures(chosen[i]),
                layer_channels=features.key.get("backbone", {}).get("channels"),
                fine_clusters=self.fine_clusters,
                seed=self.seed,
            )
        )

    def _part_scores(self, rows: Tensor) -> Tensor:
        return self.parts_(rows)

    def _state(self) -> dict[str, Tensor]:
        return self.parts_.state()

    def _set_state(self, state: dict[str, Tensor]) -> None:
        self.parts_ = PartsWithin(**state)

    def _reorder(self, order: Tensor) -> None:
        self.parts_ = self.parts_.renumbered(order)

    def _basis(self) -> Tensor:
        return self.parts_.part_centers()


def _inside(features: RowsInside, index: int) -> Tensor:
    found = features.foreground_of(index)
    return torch.ones(features.features.entries[index].grid) if found is None else found
