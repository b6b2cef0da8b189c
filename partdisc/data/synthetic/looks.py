"""What each of PartImageNet's classes looks like: colours, pattern, proportions (`looks.json` beside this module)."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from partdisc.data.synthetic.layers import Color
from partdisc.store import files

TABLE = Path(__file__).with_name("looks.json")
Look = dict[str, Any]
Plan = TypeVar("Plan")


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return files.read_json(TABLE, schema="partdisc/looks")


def look(super_category: str, synset: str) -> Look:
    """All that is known of a class: its own row, on top of the proportions of its build.

    >>> look("Quadruped", "n02129604")["name"], look("Quadruped", "n02129604")["pattern"]
    ('tiger', 'stripes')
    """
    table = _table()
    row = table["classes"][synset]
    return {**table["builds"].get(super_category, {}).get(row.get("build"), {}), **row}


def proportions(
    plan: type[Plan], look: Look, class_rng: np.random.Generator, rng: np.random.Generator
) -> Plan:
    """The proportions of one animal: those of its build, somewhat changed for the class and for the animal."""
    values = {}
    for field in fields(plan):  # type: ignore[arg-type]
        value = look[field.name]
        if isinstance(value, float):
            value *= class_rng.uniform(0.93, 1.07) * rng.uniform(0.95, 1.05)
        values[field.name] = value
    return plan(**values)


def color(values: Any) -> Color:
    """Three numbers of the table as a colour."""
    r, g, b = values
    return float(r), float(g), float(b)
