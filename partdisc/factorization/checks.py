"""Checks that the factorizations share; every message says what to do."""

from __future__ import annotations

import math
from typing import Any

from partdisc.checks import check_count, check_number, check_seed
from partdisc.errors import DataError


def check_descent(max_iter: Any, tol: Any, seed: Any) -> None:
    """Check what every solver is asked for.

    Raises:
        ConfigError: for a value of the wrong kind or out of its range.
    """
    check_count("max_iter", max_iter)
    check_number("tol", tol)
    check_seed(seed)


def check_finite(square: float, name: str = "X") -> None:
    """Refuse data whose sum of squares is not finite.

    Raises:
        DataError: if `square` is NaN or infinite.
    """
    if not math.isfinite(square):
        raise DataError(
            f"Expected finite values in {name}, but it holds NaN or infinity (or values whose squares overflow). "
            "Leave out the rows concerned, or extract the features in float32."
        )


def check_non_negative(smallest: float, name: str = "X") -> None:
    """Refuse data with a negative entry.

    Raises:
        DataError: if `smallest` is below zero.
    """
    if smallest < 0:
        raise DataError(
            f"Expected {name} >= 0 for a non-negative factorization, but its smallest value is {smallest:.4g}. "
            "Choose a layer after its ReLU; or, for signed features such as a ViT's, signed='split' (positive and "
            "negative halves side by side) or SemiNMF."
        )
