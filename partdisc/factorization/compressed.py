"""A start found on a small copy of X, where iterations are nearly free.

X is compressed twice: to a few thousand rows drawn evenly, and to their coordinates Y = S Vᵀ in the leading right
singular directions V (L, C) of that sample S, L = 3 K. As V has orthonormal rows, S Hᵀ ≈ Y (H Vᵀ)ᵀ and
Wᵀ S ≈ (Wᵀ Y) V, so coordinate sweeps run on Y while H stays non-negative in all C columns (the two-sided
compression of Tepper and Sapiro 2016; Zhou, Cichocki and Xie 2012 for the low-rank half).

What is saved buys a better optimum. NMF has many local minima, and most are of one kind: one part is described
twice while two others share a component. Descent cannot leave them. So the search takes the better of two starts
from the singular vectors: K components that descend for long, and half as many more, of which those that are missed
least are taken out, one at a time. Then it grows the factorization by up to four, each addition what the basis leaves
of a row that it explains badly, descends, and takes out as many again; the result replaces the best so far if it
explains more than a trifle more. Each cycle tries two such additions, and both pairs run on two threads. A few
cycles, until two running bring nothing, find what dozens of restarts do not. Last, the sampled rows themselves are
descended on, nearly to rest: an iteration there costs a fraction of one on X, and few of those remain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.engine import MOMENTUM, Descent, Rule, descend, gradient_fell
from partdisc.factorization.initialization import Start, start_factors, truncated_svd
from partdisc.factorization.sampling import sample_rows
from partdisc.factorization.survey import survey
from partdisc.factorization.updates import hals_sweep
from partdisc.threads import spread

SAMPLE_ROWS, SAMPLE_ROWS_PER_COMPONENT = 4096, 256
WIDTH_PER_COMPONENT = 3
STARTS = ((1.0, 80), (1.5, 12))  # components at first, times K, and for how many iterations they descend
CYCLES, PATIENCE = 12, 2
TRIES = 2  # additions of each cycle, side by side
MOST_ADDED = 4
WORTHWHILE = 1e-4  # a cycle that explains less than this share more counts as nothing
AFTER_GROWTH, AFTER_REMOVAL, SETTLING = 8, 1, 4  # iterations at each stage
SWEEPS = 2
ON_ROWS, ROWS_TOL = 20, 2e-5  # iterations on the sampled rows at most, and how far they go


@dataclass(frozen=True)
class Sketch:
    """A sample of rows, and what stands for it in the cheap iterations.

    Attributes:
        rows: S of shape (m, C).
        coordinates: Y of shape (m, L), with S ≈ Y V.
        directions: V of shape (L, C) with orthonormal rows, or None where Y is S itself.
    """

    rows: torch.Tensor
    coordinates: torch.Tensor
    directions: torch.Tensor | None


@dataclass(frozen=True)
class _Candidate:
    W: torch.Tensor  # (K, m)
    H: torch.Tensor  # (K, C)
    loss: float  # up to a constant of the sketch


def compressed_start(
    reader: BlockReader, num_components: int, seed: int, max_rows: int | None = None
) -> Start:
    """Search on a sketch of X, descend on its rows exactly, and hand on the basis.

    Returns:
        W of zeros (K, M), which the first exact pass fills, and H (K, C).
    """
    generator = torch.Generator().manual_seed(seed)
    sketch = make_sketch(reader, num_components, generator, max_rows)
    rows = reader.over(sketch.rows)
    facts = survey(rows)
    starts = _singular_starts(rows, num_components, facts.mean, generator)
    best = _search(sketch, starts, num_components, generator)
    return reader.columns(num_components), _descend_on_rows(rows, best, facts.square)


def make_sketch(
    reader: BlockReader, num_components: int, generator: torch.Generator, max_rows: int | None = None
) -> Sketch:
    """Draw rows, at most `max_rows` of them, and find their leading directions."""
    limit = max(SAMPLE_ROWS, SAMPLE_ROWS_PER_COMPONENT * num_components)
    limit = limit if max_rows is None else min(limit, max_rows)
    rows = sample_rows(reader, limit, generator)
    width = WIDTH_PER_COMPONENT * num_components
    if width >= rows.shape[1]:
        return Sketch(rows, rows, None)
    directions = truncated_svd(reader.over(rows), width, generator, passes=1)[2]
    return Sketch(rows, rows @ directions.T, directions)


def _singular_starts(
    rows: BlockReader, num_components: int, mean: float, generator: torch.Generator
) -> list[tuple[Start, int]]:
    """The two starts, and how long each descends; the fewer components are the first of the more."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    ranks = [int(share * num_components) for share, _ in STARTS]
    W, H = start_factors(rows, max(ranks), "nndsvda", mean, seed)
    return [((W[:rank], H[:rank]), iterations) for rank, (_, iterations) in zip(ranks, STARTS, strict=True)]


def _search(
    sketch: Sketch, starts: list[tuple[Start, int]], num_components: int, generator: torch.Generator
) -> _Candidate:
    count = max(1, min(num_components // 4, MOST_ADDED))
    best = _best(sketch, partial(_settle, sketch, num_components), starts)
    idle = 0
    for _ in range(CYCLES):
        additions = [_left_over(sketch, best, count, generator) for _ in range(TRIES)]
        found = _best(sketch, partial(_regrow, sketch, best), additions)
        if best.loss - found.loss > WORTHWHILE * abs(best.loss):
            best, idle = found, 0
        else:
            idle += 1
        if idle == PATIENCE:
            break
    return best


def _best(sketch: Sketch, find: Callable[[Any], _Candidate], trials: list[Any]) -> _Candidate:
    return min(spread(find, trials, sketch.rows.device), key=lambda candidate: candidate.loss)


def _settle(sketch: Sketch, num_components: int, start: tuple[Start, int]) -> _Candidate:
    (W, H), iterations = start
    return _prune(sketch, _descend(sketch, W, H, iterations), num_components)


def _left_over(sketch: Sketch, found: _Candidate, count: int, generator: torch.Generator) -> Start:
    """Components to add: what the basis leaves of rows drawn by their squared error; activations of zero."""
    basis = found.H if sketch.directions is None else found.H @ sketch.directions.T
    errors = (sketch.coordinates - found.W.T @ basis).square().sum(dim=1).double().cpu()
    chances = errors + torch.finfo(errors.dtype).tiny  # where nothing is left, any row
    chosen = torch.multinomial(chances, count, replacement=True, generator=generator).to(found.H.device)
    rest = (sketch.rows[chosen] - found.W[:, chosen].T @ found.H).clamp_(min=0)
    return torch.zeros(count, len(errors), dtype=rest.dtype, device=rest.device), rest


def _regrow(sketch: Sketch, found: _Candidate, addition: Start) -> _Candidate:
    """Add components, descend, and take out as many again."""
    W, H = (torch.cat(pair) for pair in zip((found.W, found.H), addition, strict=True))
    return _prune(sketch, _descend(sketch, W, H, AFTER_GROWTH), len(found.H))


def _prune(sketch: Sketch, found: _Candidate, num_components: int) -> _Candidate:
    while len(found.H) > num_components:
        least = int(_removal_costs(sketch, found).argmin())
        kept = torch.arange(len(found.H), device=found.H.device) != least
        found = _descend(sketch, found.W[kept], found.H[kept], AFTER_REMOVAL)
    return _descend(sketch, found.W, found.H, SETTLING)


def _removal_costs(sketch: Sketch, found: _Candidate) -> torch.Tensor:
    """By how much the loss (doubled) rises if component k is set to zero: 2 ⟨R, w h⟩ + ‖w‖² ‖h‖². Shape (K,)."""
    gram = found.H @ found.H.T
    along = _project(sketch, found.H) - gram @ found.W
    return 2 * (along * found.W).sum(dim=1) + found.W.square().sum(dim=1) * gram.diagonal()


def _descend(sketch: Sketch, W: torch.Tensor, H: torch.Tensor, iterations: int) -> _Candidate:
    W, H = W.clone(), H.clone()
    for _ in range(iterations):
        hals_sweep(W, H @ H.T, _project(sketch, H), SWEEPS)
        gram, product = W @ W.T, W @ sketch.coordinates
        if sketch.directions is not None:
            product = product @ sketch.directions
        hals_sweep(H, gram, product, SWEEPS)
    cross, model = (product * H).double().sum(), (gram * (H @ H.T)).double().sum()
    return _Candidate(W, H, (0.5 * model - cross).item())


def _descend_on_rows(rows: BlockReader, found: _Candidate, square: float) -> torch.Tensor:
    """H after some exact iterations on the sampled rows."""
    sweep = partial(hals_sweep, sweeps=SWEEPS)
    rule = Rule(sweep, sweep, partial(gradient_fell, tol=ROWS_TOL), ON_ROWS, MOMENTUM)
    descend(rows, [Descent(rows, found.W, found.H, rule, square)])
    return found.H


def _project(sketch: Sketch, H: torch.Tensor) -> torch.Tensor:
    """H Sᵀ as the sketch has it, (K, m)."""
    basis = H if sketch.directions is None else H @ sketch.directions.T
    return basis @ sketch.coordinates.T
