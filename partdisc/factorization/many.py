"""Many factorizations at once: restarts, numbers of components, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from partdisc.checks import check_seed
from partdisc.errors import ConfigError
from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.engine import Factorization
from partdisc.factorization.nmf import Options, solve
from partdisc.threads import one_thread, spread


@dataclass(frozen=True, eq=False)
class Problem:
    """One factorization that is asked for.

    Attributes:
        X: (M, C), as `non_negative_factorization` takes it.
        num_components: K.
        seed: of its random numbers.
    """

    X: Any
    num_components: int
    seed: int = 0


@one_thread()
def factorize_many(problems: Sequence[Problem], **options: Any) -> list[Factorization]:
    """Solve many non-negative factorizations together.

    Those of one X (the same object) share every read of it and one product: several restarts, or several K to
    choose from, cost little more reading than one. Different X (one for each class, say) are worked on side by
    side, each on one thread.

    Args:
        problems: what is asked for.
        options: `init`, `solver`, `max_iter`, `tol`, `inner_sweeps`, `block_rows`, `max_seconds` (for all
            together), `max_memory` (for each X), `precision` and `device`, as in `non_negative_factorization`.

    Returns:
        One `Factorization` for each problem, in their order; up to rounding each is what
        `non_negative_factorization` gives alone.

    Raises:
        DataError, ConfigError: as `non_negative_factorization`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((40, 6))
    >>> found = factorize_many([Problem(X, K) for K in (1, 2, 3)])
    >>> [f.H.shape for f in found], found[2].relative_error < found[0].relative_error
    ([(1, 6), (2, 6), (3, 6)], True)
    """
    if unknown := sorted(set(options) - set(Options.__dataclass_fields__)):
        raise ConfigError(
            f"Expected options among {', '.join(Options.__dataclass_fields__)}, but got {unknown}."
        )
    problems = list(problems)
    for problem in problems:
        if not isinstance(problem, Problem):
            raise ConfigError(f"Expected a sequence of Problem, but got {type(problem).__name__} in it.")
        check_seed(problem.seed)
    chosen = Options(**options)
    groups: dict[int, list[int]] = {}
    for number, problem in enumerate(problems):
        groups.setdefault(id(problem.X), []).append(number)
    deadline = chosen.deadline()
    readers = [chosen.open(problems[numbers[0]].X) for numbers in groups.values()]

    def work(item: tuple[BlockReader, list[int]]) -> list[Factorization]:
        reader, numbers = item
        starts = [(problems[n].num_components, chosen.init, problems[n].seed) for n in numbers]
        return list(solve(reader, starts, chosen, deadline))

    items = list(zip(readers, groups.values(), strict=True))
    alone = all(reader.processes.world == 1 for reader in readers)
    solved = spread(work, items, readers[0].device) if items and alone else map(work, items)
    found = {
        n: one
        for numbers, ones in zip(groups.values(), solved, strict=True)
        for n, one in zip(numbers, ones, strict=True)
    }
    return [found[n] for n in range(len(problems))]
