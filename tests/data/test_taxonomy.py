from __future__ import annotations

import pytest

from partdisc.data import taxonomy
from partdisc.errors import ConfigError


def test_forty_parts_numbered_without_a_gap():
    categories = taxonomy.coco_categories()
    assert [c["id"] for c in categories] == list(range(40))
    assert categories[0] == {"id": 0, "name": "Quadruped Head", "supercategory": "Quadruped"}
    assert categories[39]["name"] == "Bottle Mouth"


def test_158_classes_and_none_in_two_splits_or_super_categories():
    classes = [s for c in taxonomy.super_categories() for split in taxonomy.SPLITS for s in c.classes[split]]
    assert len(classes) == len(set(classes)) == 158
    counts = {
        split: sum(len(c.classes[split]) for c in taxonomy.super_categories()) for split in taxonomy.SPLITS
    }
    assert counts == {"train": 109, "val": 19, "test": 30}


def test_names_are_found_in_any_case():
    assert (
        taxonomy.super_category("AEROplane").part_id("Engine")
        == taxonomy.super_category("Aeroplane").first_id + 2
    )


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"quadruped, biped.*but got 'horse'"):
        taxonomy.super_category("horse")
