"""What PartImageNet annotates: 11 super-categories, their 40 parts, and the classes of each split.

The table lies beside this module (`partimagenet.json`). Published lists disagree on the order of a few parts, so
readers of real annotations take the names from the annotation file; this order is for sets partdisc writes itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from partdisc.errors import ConfigError
from partdisc.store import files

SPLITS = ("train", "val", "test")
TABLE = Path(__file__).with_name("partimagenet.json")


@dataclass(frozen=True)
class SuperCategory:
    """One super-category.

    Attributes:
        name: as PartImageNet spells it, "Quadruped".
        rigid: whether its objects keep their shape.
        parts: names of its parts, "Head"; "Tier" is the dataset's spelling of tyre.
        first_id: COCO category id of its first part; the others follow in order.
        classes: ImageNet synsets of each split; no class is in two splits.
    """

    name: str
    rigid: bool
    parts: tuple[str, ...]
    first_id: int
    classes: dict[str, tuple[str, ...]]

    def part_id(self, part: str) -> int:
        """The COCO category id, 0..39, of one of its parts."""
        return self.first_id + self.parts.index(part)


@lru_cache(maxsize=1)
def super_categories() -> tuple[SuperCategory, ...]:
    """All super-categories in PartImageNet's order.

    >>> [category.name for category in super_categories()][:3]
    ['Quadruped', 'Biped', 'Fish']
    >>> sum(len(category.parts) for category in super_categories())
    40
    """
    table = files.read_json(TABLE, schema="partdisc/taxonomy")
    categories: list[SuperCategory] = []
    first_id = 0
    for row in table["super_categories"]:
        classes = {split: tuple(row["classes"][split]) for split in SPLITS}
        categories.append(SuperCategory(row["name"], row["rigid"], tuple(row["parts"]), first_id, classes))
        first_id += len(row["parts"])
    return tuple(categories)


def super_category(name: str) -> SuperCategory:
    """A super-category by its name, upper or lower case.

    Raises:
        ConfigError: if there is none of that name.

    >>> super_category("car").parts
    ('Body', 'Tier', 'Side Mirror')
    """
    for category in super_categories():
        if category.name.lower() == name.lower():
            return category
    known = ", ".join(category.name.lower() for category in super_categories())
    raise ConfigError(f"Expected a super-category of PartImageNet ({known}), but got {name!r}.")


def coco_categories() -> list[dict[str, object]]:
    """The 40 parts as COCO categories.

    >>> coco_categories()[24]
    {'id': 24, 'name': 'Car Body', 'supercategory': 'Car'}
    """
    return [
        {"id": category.part_id(part), "name": f"{category.name} {part}", "supercategory": category.name}
        for category in super_categories()
        for part in category.parts
    ]
