from __future__ import annotations

import numpy as np
import pytest

from partdisc.data.annotations import read_annotations
from partdisc.errors import ConfigError
from tests.data.annotations.makers import (
    box,
    coco_data,
    entry,
    make_coco,
    make_mask_folder,
    make_ood,
    save_json,
)


def three_parts():
    data = coco_data()
    data["categories"].append({"id": 9, "name": "tail"})
    data["annotations"].append(entry(14, 9, [[20, 3, 26, 3, 26, 8, 20, 8]]))
    return data


def group(name, *members, **more):
    return {"name": name, "members": list(members), **more}


def test_members_by_id_by_name_or_both(tmp_path):
    root = make_coco(tmp_path, three_parts())
    for members in ([3, 7], ["head", "body"], [(3, "head"), (7, "body")]):
        named = [
            {"id": m} if isinstance(m, int) else m if isinstance(m, str) else {"id": m[0], "name": m[1]}
            for m in members
        ]
        file = save_json(
            tmp_path / "groups.json", {"groups": [group("front", *named), group("rear", "tail", id=2)]}
        )
        found = read_annotations(root, groups=file)
        assert list(found.part_names) == ["front", "rear"]
        assert np.array_equal(found.labels(found.images[0]), box(1, 2, 16, 12) + 2 * box(20, 3, 6, 5))


def test_left_out_parts_hide_nothing(tmp_path):
    """A part in no group is as good as not annotated, even where it lies on another part."""
    root = make_coco(tmp_path, three_parts())
    file = save_json(tmp_path / "groups.json", {"groups": [group("rest", "body", "tail")]})
    found = read_annotations(root, groups=file)
    assert np.array_equal(found.labels(found.images[0]), box(1, 2, 16, 12) | box(20, 3, 6, 5))
    assert list(found.report.items("not in the map")) == [("", "head", "")]


def test_groups_of_mask_labels(tmp_path):
    root = make_mask_folder(tmp_path / "set")
    file = save_json(tmp_path / "groups.json", {"groups": [group("end", {"id": 9})]})
    found = read_annotations(root, groups=file)
    assert np.array_equal(found.labels(found.images[0]), box(20, 3, 6, 5))


def test_groups_keep_super_categories(tmp_path):
    root = make_ood(tmp_path / "set")
    heads = group("head", "Quadruped Head", "Bottle Mouth")
    file = save_json(tmp_path / "groups.json", {"groups": [heads, group("car", {"id": 24}, {"id": 25})]})
    found = read_annotations(root, groups=file)
    assert found.super_parts == {"Quadruped": (1,), "Car": (2,), "Bottle": (1,)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "to hold groups"),
        ({"groups": []}, "to hold groups"),
        ({"groups": [{"name": "a"}]}, "to have a list of members"),
        ({"groups": [group("a", "head", id=2)]}, "numbered 1, 2, ..., but got 2"),
        ({"groups": [group("", "head")]}, "group 1 has ''"),
        ({"groups": [group("a", "nose")]}, "names .*'nose'.*know only: head, body, tail"),
        ({"groups": [group("a", {"id": 5})]}, "names .*5.*know only"),
        ({"groups": [group("a", {"id": 3, "name": "body"})]}, "id and name do not belong together"),
        ({"groups": [group("a", "head"), group("b", "head")]}, "puts 'head' in two groups"),
        ({"groups": [group("a", 3)]}, "members by name or id"),
        ({"groups": [group("a", {"what": 3})]}, "members by name or id"),
        ({"groups": [group("a", {"name": ["head"]})]}, "members by name or id"),
        ({"groups": [group("a")]}, "No part of .* is in a group"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(tmp_path, data, words):
    root = make_coco(tmp_path / "set", three_parts())
    file = save_json(tmp_path / "groups.json", data)
    with pytest.raises(ConfigError, match=words):
        read_annotations(root, groups=file)
    with pytest.raises(ConfigError, match=r"no such file"):
        read_annotations(root, groups=tmp_path / "none.json")
