"""Checks of what a caller passes, shared by all: each says what was expected, what came, and what it is of.

What comes back is of one kind, whatever kind of number, list or array came in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from partdisc.errors import ConfigError, DataError, PartdiscError


def check_count(name: str, value: Any, minimum: int | None = 1) -> int:
    """Return `value` as an int of at least `minimum`; None leaves any whole number.

    Raises:
        ConfigError: if it is anything else.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or (minimum is not None and value < minimum):
        least = "" if minimum is None else f" of at least {minimum}"
        raise ConfigError(f"Expected {name} to be a whole number{least}, but got {value!r}.")
    return int(value)


def check_seed(value: Any) -> int:
    """Return a seed as an int.

    Raises:
        ConfigError: if it is no whole number.
    """
    return check_count("seed", value, minimum=None)


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


def check_size(name: str, value: Any, error: type[PartdiscError] = ConfigError) -> tuple[int, int]:
    """Return a size (H, W) in pixels as two ints of at least 1.

    Raises:
        ConfigError: or what `error` says, if it is anything else.
    """
    sides = list(value) if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else []
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side >= 1 for side in sides):
        raise error(f"Expected {name} (H, W) of at least 1 x 1 pixels, but got {value!r}.")
    return int(sides[0]), int(sides[1])


def check_device(device: str | torch.device, known: str = "cpu, cuda, mps") -> torch.device:
    """The device of this machine that a name stands for; `known` names some that may be asked for.

    Raises:
        ConfigError: if this machine has no such device.
    """
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise ConfigError(f"Expected a device of this machine ({known}), but got {device!r}.") from error
    return found


def check_array(name: str, value: Any, axes: str, *, hint: str = "") -> np.ndarray:
    """Return numbers as an array; it is no copy where none is needed.

    Args:
        name: of the array, for the message.
        value: an array, a tensor on any device, or nested lists.
        axes: its shape in words; "..." at the front stands for any number of axes.
        hint: a sentence that says what to do.

    Raises:
        DataError: if it holds anything but real numbers, or has other axes.

    >>> check_array("a table", [[1, 2], [3, 4]], "(..., K + 1, P + 1)").shape
    (2, 2)
    """
    try:
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths, or a tensor that numpy knows no kind for
        array = np.empty(0, object)
    sides = [side.strip() for side in axes.strip("()").split(",") if side.strip()]
    fits = array.ndim >= len(sides) - 1 if sides[0] == "..." else array.ndim == len(sides)
    if array.dtype.kind not in "biuf" or not fits:
        came = f"{array.dtype} of shape {array.shape}" if array.dtype.kind != "O" else type(value).__name__
        raise DataError(f"Expected {name} as numbers of shape {axes}, but got {came}.{hint and f' {hint}'}")
    return array
