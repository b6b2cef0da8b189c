"""How sure a score is: the bootstrap over images or sampling units, and the paired bootstrap of two runs.

Each draw takes as many units as there are, with replacement, adds up their tables and fits the matching again
(Efron and Tibshirani, 1993, chapters 13 and 16). Only the sparse tables of single images are needed, so a draw
costs one product of small matrices and one matching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from partdisc.checks import check_count
from partdisc.errors import DataError
from partdisc.metrics.evaluator import PartEvaluator
from partdisc.metrics.grouping import group_images, select_matchings
from partdisc.metrics.matching import Matching, match_parts
from partdisc.metrics.scoring import mean_over_groups, score_tables, targets_of
from partdisc.metrics.tables import membership

CHUNK = 100  # draws whose dense tables are held at once
LEVEL = 0.95


@dataclass(frozen=True)
class Bootstrap:
    """Scores of every draw.

    Attributes:
        scores: score -> float64 (draws,); NaN where a draw left it undefined.
        num_units: how many units were drawn from.
        by: "image", or "unit" where units were declared.
    """

    scores: dict[str, np.ndarray]
    num_units: int
    by: str

    def intervals(self, level: float = LEVEL) -> dict[str, tuple[float, float]]:
        """Percentile interval of every score; scores undefined in every draw are left out."""
        tails = [(1 - level) / 2, (1 + level) / 2]
        found = {}
        for name, values in self.scores.items():
            defined = values[~np.isnan(values)]
            if defined.size:
                low, high = np.quantile(defined, tails)
                found[name] = (float(low), float(high))
        return found


@dataclass(frozen=True)
class PairedDifference:
    """One score of run A minus that of run B, over the same draws.

    Attributes:
        difference: on the images as they are.
        low, high: percentile interval of the difference.
        share_better: share of the draws in which A scores higher; ties count half.
    """

    difference: float
    low: float
    high: float
    share_better: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def bootstrap(
    evaluator: PartEvaluator,
    draws: int = 1000,
    *,
    seed: int = 0,
    by_unit: bool = True,
    matchings: Mapping[str, Matching] | None = None,
) -> Bootstrap:
    """Score `draws` resamples of the images that an evaluator has counted.

    Args:
        evaluator: with at least two units.
        draws: how many resamples.
        seed: of the resampling.
        by_unit: draw the units that were declared; images without one are units of their own.
        matchings: use these in every draw (a matching from another split); default: fitted again in each.

    Raises:
        ConfigError: if `draws` is no whole number of at least 1, or `seed` none of at least 0.
        DataError: if there are fewer than two units.
    """
    check_count("bootstrap draws", draws)
    check_count("seed", seed, 0)
    names, units = _units(evaluator, by_unit)
    if len(names) < 2:
        raise DataError(f"Expected at least two units to draw from, but got {len(names)}: no interval.")
    score = _ImageScorer if evaluator.scope == "image" else _GroupScorer
    scorer = score(evaluator, units, len(names), matchings)
    parts = [scorer(weights) for weights in _weights(len(names), draws, seed)]
    declared = by_unit and any(unit is not None for unit in evaluator.tables.units)
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Bootstrap(scores, len(names), "unit" if declared else "image")


def paired_bootstrap(
    first: PartEvaluator, second: PartEvaluator, draws: int = 1000, *, seed: int = 0, by_unit: bool = True
) -> dict[str, PairedDifference]:
    """Is the first better than the second? Both are scored on the same draws of the same images.

    Raises:
        DataError: if the two did not count the same images.
    """
    if sorted(map(str, first.tables.ids)) != sorted(map(str, second.tables.ids)):
        raise DataError(
            f"Expected two runs on the same images for a paired comparison, but they share "
            f"{len(set(first.tables.ids) & set(second.tables.ids))} of {len(first.tables)} and "
            f"{len(second.tables)} images."
        )
    ours, theirs = (bootstrap(e, draws, seed=seed, by_unit=by_unit).scores for e in (first, second))
    points = first.compute().scores, second.compute().scores
    found = {}
    for name in ours:
        gains = ours[name] - theirs[name]
        gains = gains[~np.isnan(gains)]
        if gains.size and name in points[0] and name in points[1]:
            low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            better = float((gains > 0).mean() + (gains == 0).mean() / 2)
            found[name] = PairedDifference(points[0][name] - points[1][name], float(low), float(high), better)
    return found


def _units(evaluator: PartEvaluator, by_unit: bool) -> tuple[list[str], np.ndarray]:
    """Names of the units, sorted so that two runs draw alike, and the unit of every image."""
    tables = evaluator.tables
    units = tables.units if by_unit else [None] * len(tables)
    labels = [
        f"unit {unit}" if unit is not None else f"image {image_id if image_id is not None else n}"
        for n, (image_id, unit) in enumerate(zip(tables.ids, units, strict=True))
    ]
    names, index = np.unique(np.array(labels, str), return_inverse=True)
    return names.tolist(), index


def _weights(num_units: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each unit is drawn, int64 (up to CHUNK, num_units), until there are `draws` rows."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        yield rng.multinomial(num_units, np.full(num_units, 1 / num_units), size=size)


class _GroupScorer:
    """Scores draws whose groups (the data set, or its categories) add up tables and match them again."""

    def __init__(
        self,
        evaluator: PartEvaluator,
        units: np.ndarray,
        num_units: int,
        matchings: Mapping[str, Matching] | None,
    ) -> None:
        names, groups = group_images(evaluator.tables, evaluator.scope)
        matrix = evaluator.tables.matrix()
        self.shape, self.scores = evaluator.tables.shape, evaluator.score_names
        self.rule = evaluator.resolved_rule()
        self.fixed = None if matchings is None else select_matchings(matchings, names, self.shape)
        self.names = names
        self.by_group = [
            (membership(units[groups == g], num_units) @ matrix[np.flatnonzero(groups == g)]).T.tocsr()
            for g in range(len(names))
        ]

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        per_group = []
        for name, cells_by_unit in zip(self.names, self.by_group, strict=True):
            tables = (cells_by_unit @ weights.T).T.reshape(-1, *self.shape)
            per_group.append(score_tables(tables, self._targets(name, tables), self.scores))
        stacked = {name: np.stack([scores[name] for scores in per_group], -1) for name in per_group[0]}
        return mean_over_groups(stacked)

    def _targets(self, name: str, tables: np.ndarray) -> np.ndarray:
        if self.fixed is not None:
            return np.broadcast_to(self.fixed[name].targets, tables.shape[:2])
        return targets_of([match_parts(table, rule=self.rule) for table in tables])


class _ImageScorer:
    """Scores draws where every image is matched on its own: nothing is refitted, means are weighted."""

    def __init__(
        self,
        evaluator: PartEvaluator,
        units: np.ndarray,
        num_units: int,
        matchings: Mapping[str, Matching] | None,
    ) -> None:
        scores = evaluator.score(matchings)[2].scores
        adder = membership(units, num_units)
        self.sums = {name: adder @ np.nan_to_num(values) for name, values in scores.items()}
        self.counts = {name: adder @ (~np.isnan(values)).astype(float) for name, values in scores.items()}

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            return {name: (weights @ self.sums[name]) / (weights @ self.counts[name]) for name in self.sums}
