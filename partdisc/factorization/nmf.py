"""Non-negative matrix factorization X ≈ W H under the Frobenius norm, as a function.

X (M, C) holds one row for each location, W (M, K) the activations, H (K, C) the basis, all non-negative. (In the
literature the names are often the other way round.) Minimised is the loss ½ ‖X − W H‖².
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.checks import check_choice, check_count, check_number
from partdisc.factorization.compressed import compressed_start
from partdisc.factorization.engine import Factorization, Rule, iterate
from partdisc.factorization.initialization import INITS, Start, given_start, start_factors
from partdisc.factorization.survey import Survey, survey
from partdisc.factorization.updates import hals_sweep, multiplicative_step
from partdisc.threads import one_thread

SOLVERS = ("hals", "mu")
COMPRESSED = "compressed"
MOMENTUM = 0.7
GAIN_SHARE = 0.2  # an iteration that gains a fifth of `tol` counts as rest
MU_CHECK_EVERY = 10  # iterations between two looks at the error, as in the paper


@one_thread()
def non_negative_factorization(
    X: Any,
    num_components: int,
    *,
    init: str | tuple[Any, Any] = "compressed",
    solver: str = "hals",
    max_iter: int = 200,
    tol: float = 1e-4,
    seed: int = 0,
    restarts: int = 1,
    inner_sweeps: int = 3,
    block_rows: int | None = None,
    device: torch.device | str | None = None,
) -> Factorization:
    """Factorize X ≈ W H with W, H >= 0.

    Args:
        X: array or tensor of shape (M, C), or a `RowBlocks` that is read block by block; >= 0 and finite. float64 is
            computed in float64, every other dtype in float32.
        num_components: K.
        init: "compressed" searches for a good optimum on a small copy of X (see `compressed`), which costs about as
            much as ten iterations and saves most of them; or "nndsvda", "nndsvd", "random" (see `start_factors`), or
            a pair (W, H) of shapes (M, K) and (K, C).
        solver: "hals", or "mu" for Lee and Seung's multiplicative updates, the reference of Collins et al. (2018).
        max_iter: iterations at most.
        tol: "hals" stops once the projected gradient has fallen to `tol` of its first norm (Lin 2007), or an
            iteration lowers the loss by less than `tol` / 5 of itself; "mu" once ten iterations gain less than
            `tol` of the first error ‖X − WH‖.
        seed: of all random numbers; the same seed gives the same result.
        restarts: how many starts are tried, the best is kept; those after the first are random,
            or compressed with another seed.
        inner_sweeps: coordinate sweeps for each read of X ("hals").
        block_rows: rows of X handled at once; None chooses by cache and C.
        device: where to compute; None means where X lies.

    Returns:
        A `Factorization`; W and H are numpy arrays for a numpy X, else tensors on the device of X.

    Raises:
        DataError: if X is negative somewhere, not finite, empty or not a matrix.
        ConfigError: if an argument is out of its range.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((20, 3)) @ np.random.default_rng(1).random((3, 6))
    >>> found = non_negative_factorization(X, 3, max_iter=2000, tol=1e-8)
    >>> found.W.shape, found.H.shape, found.relative_error < 1e-3
    ((20, 3), (3, 6), True)
    """
    check_count("num_components", num_components)
    check_choice("solver", solver, SOLVERS)
    check_count("restarts", restarts)
    check_count("max_iter", max_iter)
    check_count("inner_sweeps", inner_sweeps)
    check_number("tol", tol)
    reader = open_blocks(X, block_rows=block_rows, device=device)
    facts = survey(reader)
    rule = _rule(solver, inner_sweeps)
    best: Factorization | None = None
    for attempt in range(restarts):
        chosen = "random" if attempt and init != COMPRESSED else init
        W, H = _start(reader, num_components, chosen, facts, seed + attempt)
        found = iterate(reader, W, H, rule, square=facts.square, max_iter=max_iter, tol=tol)
        if best is None or found.loss < best.loss:
            best = found
    assert best is not None  # restarts >= 1
    return replace(best, W=reader.restore(best.W), H=reader.restore(best.H))


def _start(reader: BlockReader, num_components: int, init: Any, facts: Survey, seed: int) -> Start:
    if isinstance(init, str):
        check_choice("init", init, (COMPRESSED, *INITS))
        if init == COMPRESSED:
            return compressed_start(reader, num_components, seed)
        return start_factors(reader, num_components, init, facts.mean, seed)
    return given_start(reader, num_components, init)


def _rule(solver: str, inner_sweeps: int) -> Rule:
    if solver == "mu":
        return Rule(multiplicative_step, multiplicative_step, _error_stalled)
    sweep = partial(hals_sweep, sweeps=inner_sweeps)
    return Rule(sweep, sweep, gradient_fell, momentum=MOMENTUM)


def gradient_fell(history: list[float], gradients: list[float], tol: float) -> bool:
    """Whether the projected gradient has fallen to `tol` of its first norm, or the loss to rest at that scale."""
    gain = history[-2] - history[-1]
    return gradients[-1] <= tol * gradients[0] or gain < tol * GAIN_SHARE * history[-1]


def _error_stalled(history: list[float], gradients: list[float], tol: float) -> bool:
    if len(gradients) % MU_CHECK_EVERY:
        return False
    errors = [loss**0.5 for loss in (history[0], history[-1 - MU_CHECK_EVERY], history[-1])]
    return errors[1] - errors[2] < tol * errors[0]
