"""Discovery in two stages: first the objects, then parts within them, by several clusterings that vote.

Plain clustering of dense features makes parts of the background, and other parts from every start. Here parts lie
inside a foreground; many fine clusters are merged to K parts by their features and by how unlike their colours are
where they meet in an image; this is done from several starts, and a linear classifier learns what they agree on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor

from partdisc.checks import check_count
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.choosing import RowSample
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.object_cells import (
    FineClusters,
    ObjectCells,
    collect_cells,
    find_fine_clusters,
    leading_coordinates,
)
from partdisc.discovery.recurrence import measure_support
from partdisc.discovery.voting import LinearParts, fit_softmax, mean_vote, sharpened
from partdisc.errors import DataError
from partdisc.threads import spread

VOTERS = 10_000  # cells, from whose votes the classifier learns
SHOWN = 0.6  # share of the parts that an object has to show on average
EXCLUSIONS = (0.3, 0.45, 0.6, 0.75, 0.9)  # that are tried where it shows less; see `merge_clusters`


@dataclass(eq=False, repr=False)
class TwoStageClustering(PartDiscoverer):
    """Parts by a vote of merged clusterings within the foreground.

    Without a foreground stage every cell counts as inside. Soft maps are the probabilities of a linear classifier of
    cells that has learnt the votes.

    Args:
        num_parts: K.
        backbone, layers, weights, image_size, foreground: see `partdisc.discovery.PartDiscoverer`.
        feature_dtype, batch_size, workers, device, seed: see `partdisc.discovery.PartDiscoverer`.
        fine_clusters: how many clusters are merged to K parts; at least K are used.
        votes: number of clusterings, each from a start of its own.

    Attributes:
        parts_: the classifier.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> maps = [rng.random((6, 5, 8), dtype=np.float32) for _ in range(2)]
    >>> method = TwoStageClustering(num_parts=3, votes=5).fit_features(maps)
    >>> method.predict_features(maps)[0].maps.shape
    (4, 6, 5)
    """

    method: ClassVar[str] = "two-stage"

    fine_clusters: int = 48
    votes: int = 25

    def _fit_features(self, features: RowsInside) -> None:
        def learn() -> LinearParts:
            cells, voters, found = self._cluster(features, self.num_parts_)
            votes = most_shown(list(found), cells.owners()[voters], self.num_parts_)
            return taught(cells, voters, votes)

        self.parts_ = self.processes.from_first(learn)

    def _trials(
        self, features: RowsInside, sample: RowSample, counts: Sequence[int]
    ) -> Iterator[PartDiscoverer]:
        cells, voters, found = self._cluster(features, max(counts))
        clusterings = list(found)
        for num_parts in counts:
            trial = copy.copy(self)
            trial.num_parts_ = num_parts
            # nothing excluded: that is chosen by what objects show, which would then say nothing of K
            trial.parts_ = taught(cells, voters, agreed(clusterings, num_parts))
            yield trial

    def _cluster(
        self, features: RowsInside, num_parts: int
    ) -> tuple[ObjectCells, Tensor, Iterator[FineClusters]]:
        """The cells inside objects, which of them vote, and the clusterings, found while they are taken."""
        for name in ("fine_clusters", "votes"):
            check_count(name, getattr(self, name))
        cells = collect_cells(features)
        if len(cells.rows) < num_parts:
            raise DataError(
                f"Expected at least {num_parts} cells inside objects for {num_parts} parts, but got "
                f"{len(cells.rows)}. Use more images, or no foreground."
            )
        count = max(self.fine_clusters, num_parts)
        seeds = range(self.seed * self.votes, (self.seed + 1) * self.votes)
        generator = torch.Generator().manual_seed(self.seed)
        voters = torch.randperm(len(cells.rows), generator=generator)[:VOTERS]
        work = partial(find_fine_clusters, cells, leading_coordinates(cells), voters, count)
        return cells, voters, spread(work, seeds)

    def _part_scores(self, rows: Tensor) -> Tensor:
        return self.parts_(rows)

    def _state(self) -> dict[str, Tensor]:
        return self.parts_.state()

    def _set_state(self, state: dict[str, Tensor]) -> None:
        self.parts_ = LinearParts(**state)

    def _reorder(self, order: Tensor) -> None:
        self.parts_ = self.parts_.renumbered(order)

    def _basis(self) -> Tensor:
        return self.parts_.weight.T


def taught(cells: ObjectCells, voters: Tensor, votes: Tensor) -> LinearParts:
    """The classifier that has learnt the votes (m, K) of the m cells that vote."""
    weight, bias = fit_softmax(cells.rows[voters], votes)
    return LinearParts(cells.mean, cells.scale, weight, bias)


def agreed(clusterings: Sequence[FineClusters], num_parts: int, exclusion: float = 0.0) -> Tensor:
    """What clusterings of the same m voting cells agree on: (m, K) votes, rows summing to 1."""
    merged = spread(lambda fine: fine.merged(num_parts, exclusion), clusterings)
    return sharpened(mean_vote(chain.from_iterable(merged)))


def most_shown(clusterings: Sequence[FineClusters], owners: Tensor, num_parts: int) -> Tensor:
    """What clusterings agree on, such that objects show most of the parts.

    Features tell kinds of objects apart as well as parts: a part may be one kind as a whole. Where an object shows
    too few of K parts on average, clusters that never meet in an image merge the more readily, by as much as makes
    objects show most parts.

    Args:
        clusterings: of the same m voting cells.
        owners: (m,) number of the image of each.
        num_parts: K.

    Returns:
        (m, K) votes, rows summing to 1.
    """

    def tried(exclusion: float) -> tuple[float, Tensor]:
        votes = agreed(clusterings, num_parts, exclusion)
        return measure_support(votes, owners).effective, votes

    found = [tried(0.0)]
    if found[0][0] < SHOWN * num_parts:
        found += map(tried, EXCLUSIONS)
    return max(found, key=lambda pair: pair[0])[1]
