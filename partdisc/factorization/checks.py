"""Checks of arguments and data shared by the factorizations; every message says what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from partdisc.errors import ConfigError, DataError


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`.

    Raises:
        ConfigError: if it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise ConfigError(f"Expected {name} to be a whole number of at least {minimum}, but got {value!r}.")
    return int(value)


def check_number(name: str, value: Any, minimum: float = 0.0) -> float:
    """Return `value` as a finite float of at least `minimum`.

    Raises:
        ConfigError: if it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not minimum <= float(value) < math.inf:
        raise ConfigError(f"Expected {name} to be a finite number of at least {minimum}, but got {value!r}.")
    return float(value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        ConfigError: if it is not.
    """
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"Expected {name} to be one of {', '.join(choices)}, but got {value!r}.")
    return value


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
