"""From weak evidence to a foreground: guesses are added up, then a classifier learns from them and from its cuts.

1. Each estimator scores the cells of every image; scores are standardised and summed. How much of all images is
   object is what a linear classifier of cells, taught the sum, parts best (`share.object_share`).
2. A linear classifier of feature cells learns the sum over all images. What single guesses get wrong in one image
   and right in another averages out; it then learns from its own answers. The share is held, else each round would
   take a little more, or less, than the one before.
3. GrabCut snaps its answers to each image's colours and edges, and it learns once more from the cuts. The share
   follows the first cuts within bounds: evidence is blurred and takes a rim too much.

Whether there are objects to speak of shows in that evidence of place and of class agree (`share.support`).

The idea of a linear classifier trained on cut guesses is that of FOUND (Siméoni et al., CVPR 2023), the border as a
seed of the background that of Wei et al. (ECCV 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from partdisc.checks import check_seed
from partdisc.errors import ConfigError, DataError
from partdisc.foreground.border import border_clusters, border_contrast, centre_classifier, centre_prior
from partdisc.foreground.classes import class_certainty, class_evidence
from partdisc.foreground.cut import Cutter
from partdisc.foreground.grids import enlarge, pool_map, standardize
from partdisc.foreground.joint import first_factor, spectral_cut
from partdisc.foreground.logistic import LinearForeground, fit_logistic
from partdisc.foreground.share import object_share, support
from partdisc.rows import mean_and_deviation
from partdisc.spacing import evenly
from partdisc.store.features import FeatureSet
from partdisc.threads import one_thread, spread


class Estimator(Protocol):
    """Scores (h, w) of each image, larger on objects, from standardised features (h, w, C)."""

    def __call__(self, maps: Sequence[Tensor], seed: int = 0) -> list[Tensor]:
        """Score every image's cells."""


ESTIMATORS: dict[str, Estimator] = {
    "border": border_contrast,
    "clusters": border_clusters,
    "classifier": centre_classifier,
    "centre": centre_prior,
    "factor": first_factor,
    "spectral": spectral_cut,
}
CLASS_ESTIMATORS: dict[str, Callable[[Sequence[Tensor]], list[Tensor]]] = {
    "class": class_evidence,
    "certainty": class_certainty,
}
AUTO = ("border", "classifier", "class", "certainty")

TOGETHER = 8  # images of one piece of quick work
EVIDENCE_CELLS = 14  # long side of the grid on which evidence is weighed: the border is one cell wide
SAMPLE_IMAGES = 256  # the classifier is learnt from at most so many, evenly spaced
SAMPLE_ROWS = 16_384  # and from so many of their cells
FIRST_CUTS = 48  # images cut, roughly, before the last round, evenly spaced: what they teach is cut again
WARM_UP = 3  # rounds of learning from its own answers before the first cut
SURENESS = 2.0  # how steep the answers are made that it learns from
TRIAL_ROWS, TRIAL_STEPS = 4096, 10  # of learning what a share would lead to
LEAST, MOST = 0.7, 1.3  # of the share read off the evidence: how far cuts may move it


@one_thread()
def fit_foreground(
    features: FeatureSet,
    images: Sequence[np.ndarray] | Callable[[int], np.ndarray] | None = None,
    *,
    evidence: Sequence[str] = AUTO,
    logits: Callable[[Tensor], Tensor] | None = None,
    rounds: int = 2,
    seed: int = 0,
) -> LinearForeground:
    """Learn which cells belong to the objects, without labels.

    Args:
        features: of all images.
        images: the images on their grids (see `grid_image`), by index; None leaves the cuts out.
        evidence: names of `ESTIMATORS` and `CLASS_ESTIMATORS`; the latter are left out where there are no `logits`.
        logits: the backbone's classifier as a function of features, from `class_logits`.
        rounds: how often it learns from cuts.
        seed: of the sample of cells and of estimators that draw.

    Raises:
        ConfigError: if an estimator is not known, or none is left.
        DataError: if there are no features.
    """
    check_seed(seed)
    if not len(features):
        raise DataError("Expected features of at least one image, but got none.")
    chosen = evenly(range(len(features)), SAMPLE_IMAGES)
    maps = [features[i] for i in chosen]
    learner = _Learner(maps, seed)
    pooled = spread(lambda some: [pool_map(m, EVIDENCE_CELLS) for m in some], _in_batches(maps))
    cells = list(chain.from_iterable(pooled))
    found = gather_evidence(learner.scaled(cells), cells, evidence=evidence, logits=logits, seed=seed)
    table = {name: torch.cat([s.flatten() for s in scores]) for name, scores in found.items()}
    everywhere = range(len(maps))
    odds = learner.sampled(_sum_on_grids(found, [m.shape[:2] for m in maps]), everywhere)
    share = first_share = object_share(learner.trial(odds))
    for _ in range(WARM_UP):
        odds = learner.learn(_softening(odds, share, SURENESS)(odds), everywhere)
    if images is not None:
        load = images if callable(images) else images.__getitem__
        cutter = Cutter(spread(load, chosen))
        for number in range(1, rounds + 1):
            last = number == rounds
            cut = evenly(everywhere, SAMPLE_IMAGES if last else FIRST_CUTS)
            targets = learner.cuts(partial(cutter, rough=not last), cut, _softening(odds, share))
            odds = learner.learn(learner.sampled(targets, cut), cut)
            covered = float(torch.cat([t.flatten() for t in targets]).mean())
            share = min(max(covered, LEAST * first_share), MOST * first_share)
    return replace(learner.result(), support=support(table))


def gather_evidence(
    scaled: Sequence[Tensor],
    cells: Sequence[Tensor],
    *,
    evidence: Sequence[str] = AUTO,
    logits: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
) -> dict[str, list[Tensor]]:
    """The standardised scores of several estimators.

    Args:
        scaled: standardised features (h, w, C) of each image, on a grid of at most `EVIDENCE_CELLS` a side.
        cells: the same features as the backbone gave them, for `logits`.
        evidence: names of estimators.
        logits: see `fit_foreground`.
        seed: of estimators that draw.

    Returns:
        By estimator, (h, w) for each image, larger on objects.
    """
    unknown = [name for name in evidence if name not in ESTIMATORS and name not in CLASS_ESTIMATORS]
    if unknown:
        known = ", ".join([*ESTIMATORS, *CLASS_ESTIMATORS])
        raise ConfigError(f"Expected foreground estimators among {known}, but got {', '.join(unknown)}.")
    found = {name: ESTIMATORS[name](scaled, seed=seed) for name in evidence if name in ESTIMATORS}
    named = [name for name in evidence if name in CLASS_ESTIMATORS]
    if logits is not None and named:

        def of_classes(some: Sequence[Tensor]) -> list[list[Tensor]]:
            joined = logits(torch.cat([m.flatten(0, 1) for m in some])).split(
                [m[..., 0].numel() for m in some]
            )
            classes = [rows.unflatten(0, m.shape[:2]) for rows, m in zip(joined, some, strict=True)]
            return [CLASS_ESTIMATORS[name](classes) for name in named]

        scores = zip(*spread(of_classes, _in_batches(cells)), strict=True)
        found |= {name: list(chain.from_iterable(s)) for name, s in zip(named, scores, strict=True)}
    if not found:
        raise ConfigError(
            "Expected a foreground estimator that needs no classifier, for this backbone has none; "
            f"got {', '.join(evidence) or 'no name'}. Known: {', '.join(ESTIMATORS)}."
        )
    return {name: standardize(scores) for name, scores in found.items()}


def _in_batches(maps: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    return [maps[i : i + TOGETHER] for i in range(0, len(maps), TOGETHER)]


def _sum_on_grids(found: dict[str, list[Tensor]], grids: Sequence[Sequence[int]]) -> list[Tensor]:
    sums = [torch.stack(scores).sum(0) for scores in zip(*found.values(), strict=True)]
    return [enlarge(s, (grid[0], grid[1])) for s, grid in zip(sums, grids, strict=True)]


class _Learner:
    """A sample of the cells of all images, and the classifier learnt from them."""

    def __init__(self, maps: Sequence[Tensor], seed: int) -> None:
        self.maps = maps
        sizes = [m.shape[0] * m.shape[1] for m in maps]
        generator = torch.Generator().manual_seed(seed)
        picked = torch.zeros(sum(sizes), dtype=torch.bool)
        picked[torch.randperm(len(picked), generator=generator)[:SAMPLE_ROWS]] = True
        self.picked = picked.split(sizes)
        rows = self.sampled(maps, range(len(maps))).float()
        self.mean, deviation = mean_and_deviation(rows)
        self.scale = deviation.clamp(min=1e-6)
        self.rows = rows.sub_(self.mean).div_(self.scale)
        self.learnt: tuple[Tensor, Tensor] | None = None

    def sampled(self, maps: Sequence[Tensor], images: Sequence[int]) -> Tensor:
        """What (h, w, ...) maps of some images hold at the sampled cells, (n, ...)."""
        return torch.cat([m.flatten(0, 1)[self.picked[i]] for i, m in zip(images, maps, strict=True)])

    def scaled(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [(m - self.mean) / self.scale for m in maps]

    def learn(self, targets: Tensor, images: Sequence[int]) -> Tensor:
        """Learn targets (n,) in [0, 1] of the sampled cells of some images; the log odds (N,) of all sampled."""
        rows = self.rows
        if len(images) < len(self.maps):
            by_image = rows.split([int(p.sum()) for p in self.picked])
            rows = torch.cat([by_image[i] for i in images])
        self.learnt = weight, bias = fit_logistic(rows, targets)
        return self.rows @ weight + bias

    def trial(self, odds: Tensor) -> Callable[[float], Tensor]:
        """Gives the log odds that follow if a share of the sampled cells were object; nothing of it is kept."""
        every = -(-len(odds) // TRIAL_ROWS)
        rows, odds = self.rows[::every].contiguous(), odds[::every]

        def answers(share: float) -> Tensor:
            weight, bias = fit_logistic(rows, _softening(odds, share, SURENESS)(odds), steps=TRIAL_STEPS)
            return rows @ weight + bias

        return answers

    def cuts(
        self,
        cutter: Callable[[int, np.ndarray], np.ndarray],
        images: Sequence[int],
        soften: Callable[[Tensor], Tensor],
    ) -> list[Tensor]:
        """Of some images the share of each cell (h, w) that lies inside the cut of what was learnt."""
        model = self.result()

        def work(image: int) -> Tensor:
            return torch.from_numpy(cutter(image, soften(model.log_odds(self.maps[image])).numpy()))

        return list(spread(work, images))

    def result(self) -> LinearForeground:
        assert self.learnt is not None
        return LinearForeground(self.mean, self.scale, *self.learnt)


def _softening(odds: Tensor, share: float, sureness: float = 1.0) -> Callable[[Tensor], Tensor]:
    """Makes probabilities of scores of any scale; a `share` of `odds` ends above 0.5."""
    threshold = float(np.quantile(odds.numpy(), 1 - share))
    steepness = 2 * sureness / odds.std(correction=0).clamp(min=1e-6)
    return lambda scores: torch.sigmoid(steepness * (scores - threshold))
