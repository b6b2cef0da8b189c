"""Non-negative matrix factorization X ≈ W H under the Frobenius norm, as a function.

X (M, C) holds one row for each location, W (M, K) the activations, H (K, C) the basis, all non-negative. (In the
literature the names are often the other way round.) Minimised is the loss ½ ‖X − W H‖².
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from partdisc.checks import check_choice, check_count, check_number, check_seed
from partdisc.errors import ConfigError
from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.budgets import Deadline, plan_memory
from partdisc.factorization.compressed import compressed_start
from partdisc.factorization.engine import MOMENTUM, Descent, Factorization, Rule, descend, gradient_fell
from partdisc.factorization.initialization import INITS, Start, given_start, start_factors
from partdisc.factorization.precision import PRECISIONS, tensor_cores
from partdisc.factorization.survey import Survey, survey
from partdisc.factorization.updates import hals_sweep, multiplicative_step
from partdisc.threads import one_thread, thread_count

SOLVERS = ("hals", "mu")
COMPRESSED = "compressed"
MU_CHECK_EVERY = 10  # iterations between two looks at the error, as in the paper


@dataclass(frozen=True)
class Options:
    """How factorizations are found; see `non_negative_factorization`."""

    init: str | tuple[Any, Any] = COMPRESSED
    solver: str = "hals"
    max_iter: int = 200
    tol: float = 1e-4
    inner_sweeps: int = 3
    block_rows: int | None = None
    max_seconds: float | None = None
    max_memory: float | None = None
    precision: str = "full"
    device: torch.device | str | None = None

    def __post_init__(self) -> None:
        """Raise a ConfigError for a value out of its range."""
        check_choice("solver", self.solver, SOLVERS)
        check_count("max_iter", self.max_iter)
        check_count("inner_sweeps", self.inner_sweeps)
        check_number("tol", self.tol)
        check_choice("precision", self.precision, PRECISIONS)
        if isinstance(self.init, str):
            check_choice("init", self.init, (COMPRESSED, *INITS))
        elif not isinstance(self.init, Sequence) or len(self.init) != 2:
            known = ", ".join((COMPRESSED, *INITS))
            raise ConfigError(f"Expected init to be one of {known}, or a pair (W, H), but got {self.init!r}.")
        for name in ("max_seconds", "max_memory"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name))

    def open(self, X: Any) -> BlockReader:
        """X readable in blocks, in the precision asked for."""
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        if self.precision != "full" and reader.dtype == torch.float64:
            raise ConfigError(
                f"Expected X of less than float64 for precision={self.precision!r}. Convert it, or take 'full'."
            )
        return replace(reader, precision=self.precision)

    def rule(self) -> Rule:
        """The solver's steps and when it stops."""
        if self.solver == "mu":
            stalled = partial(_error_stalled, tol=self.tol)
            return Rule(multiplicative_step, multiplicative_step, stalled, self.max_iter)
        sweep = partial(hals_sweep, sweeps=self.inner_sweeps)
        return Rule(sweep, sweep, partial(gradient_fell, tol=self.tol), self.max_iter, MOMENTUM)

    def deadline(self) -> Deadline | None:
        """The end of the time, which begins now."""
        return None if self.max_seconds is None else Deadline(self.max_seconds)


@one_thread()
def non_negative_factorization(
    X: Any,
    num_components: int,
    *,
    init: str | tuple[Any, Any] = COMPRESSED,
    solver: str = "hals",
    max_iter: int = 200,
    tol: float = 1e-4,
    seed: int = 0,
    restarts: int = 1,
    inner_sweeps: int = 3,
    block_rows: int | None = None,
    max_seconds: float | None = None,
    max_memory: float | None = None,
    precision: str = "full",
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
            iteration lowers the loss by less than half of `tol` of itself; "mu" once ten iterations gain less than
            `tol` of the first error ‖X − WH‖.
        seed: of all random numbers; the same seed gives the same result.
        restarts: how many starts are tried, the best is kept; those after the first are random,
            or compressed with another seed. All share each read of X.
        inner_sweeps: coordinate sweeps for each read of X ("hals").
        block_rows: rows of X handled at once; None chooses by cache and C.
        max_seconds: seconds from the call after which no further iteration begins. The start and one iteration are
            always finished; what is found then depends on the machine's speed.
        max_memory: bytes held at most beside X itself, the result counted. Blocks and the sample of "compressed"
            shrink to it, and restarts go one after the other where they do not fit together.
        precision: of the products with X. "full" is that of the dtype; "tf32" lets a GPU round their operands to
            TF32, "bfloat16" rounds them to bfloat16, both adding up in float32: the error ends some
            hundred-thousandths higher. On a CPU they save nothing.
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
    check_count("restarts", restarts)
    seed = check_seed(seed)
    options = Options(
        init, solver, max_iter, tol, inner_sweeps, block_rows, max_seconds, max_memory, precision, device
    )
    deadline = options.deadline()
    starts = [
        (num_components, init if not attempt or init == COMPRESSED else "random", seed + attempt)
        for attempt in range(restarts)
    ]
    return min(solve(options.open(X), starts, options, deadline), key=lambda found: found.loss)


def solve(
    reader: BlockReader, starts: Sequence[tuple[int, Any, int]], options: Options, deadline: Deadline | None
) -> Iterator[Factorization]:
    """Factorizations of one X from starts (K, init, seed), all in the same passes where memory allows.

    One that the time ends before it was begun still gets one iteration.
    """
    ranks = [check_count("num_components", K) for K, _, _ in starts]
    together, sample_rows = len(starts), None
    if options.max_memory is not None:
        plan = plan_memory(options.max_memory, reader, ranks, str(starts[0][1]), thread_count())
        together, sample_rows = plan.together, plan.sample_rows
        reader = replace(reader, block_rows=plan.block_rows)
    facts, rule = survey(reader), options.rule()
    for first in range(0, len(starts), together):
        descents = [
            Descent(reader, *_start(reader, K, init, facts, seed, sample_rows), rule, facts.square)
            for K, init, seed in starts[first : first + together]
        ]
        with tensor_cores(options.precision):
            results = descend(reader, descents, deadline)
        del descents
        while results:
            found = results.pop(0)
            yield replace(found, W=reader.restore(found.W), H=reader.restore(found.H))


def _start(
    reader: BlockReader, num_components: int, init: Any, facts: Survey, seed: int, sample_rows: int | None
) -> Start:
    if not isinstance(init, str):
        return given_start(reader, num_components, init)
    if init == COMPRESSED:
        return compressed_start(reader, num_components, seed, sample_rows)
    return start_factors(reader, num_components, init, facts.mean, seed)


def _error_stalled(history: list[float], gradients: list[float], tol: float) -> bool:
    if len(gradients) % MU_CHECK_EVERY:
        return False
    errors = [loss**0.5 for loss in (history[0], history[-1 - MU_CHECK_EVERY], history[-1])]
    return errors[1] - errors[2] < tol * errors[0]
