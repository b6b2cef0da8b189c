"""A few of many, evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def evenly(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most so many items, evenly spaced and in their order, the first among them.

    >>> evenly("abcdef", 3)
    ['a', 'c', 'e']
    """
    count = len(items)
    return items if count <= most else [items[i * count // most] for i in range(most)]
