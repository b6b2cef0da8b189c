from __future__ import annotations

import json

import numpy as np
import pytest

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.parts import PartMaps
from partdisc.store.levels import PartTree, level_folder, read_tree, write_tree

TREE = PartTree(6, {3: (1, 2, 2, 3, 1, 3), 2: (1, 2, 2, 1, 1, 1)})


def test_levels_rise_and_each_part_knows_what_it_is_made_of_and_lies_within():
    assert list(TREE.levels) == [2, 3]
    assert TREE.finest(2) == ((1, 4, 5, 6), (2, 3))
    assert TREE.finest(6) == ((1,), (2,), (3,), (4,), (5,), (6,))
    assert TREE.within(3) == (1, 2, 1)
    assert TREE.within(6) == TREE.levels[3]
    assert TREE.within(2) is None


def test_labels_are_nested_and_keep_background_and_ignored():
    labels = np.random.default_rng(0).integers(0, 8, (20, 30)).astype(np.uint8)
    labels[labels == 7] = 255
    coarse, middle = TREE.labels_at(2, labels), TREE.labels_at(3, labels)
    np.testing.assert_array_equal(TREE.labels_at(6, labels), labels)
    for kept in (0, 255):
        np.testing.assert_array_equal(coarse == kept, labels == kept)
    for part, owner in enumerate(TREE.within(3), start=1):
        assert set(coarse[middle == part]) == {owner}


def test_maps_are_sums():
    maps = np.random.default_rng(0).random((7, 4, 5), dtype=np.float32)
    found = TREE.maps_at(3, PartMaps(maps, (40, 50), (3.5, 5), "a"))
    assert (found.size, found.content, found.image_id) == ((40, 50), (3.5, 5), "a")
    np.testing.assert_array_equal(found.maps[0], maps[0])
    np.testing.assert_allclose(found.maps[1], maps[1] + maps[5], rtol=1e-6)
    np.testing.assert_allclose(found.maps.sum(0), maps.sum(0), rtol=1e-5)


def test_renumbered_parts_have_the_same_families():
    order = [3, 0, 5, 1, 4, 2]
    found = TREE.renumbered(order)
    for level in (2, 3):
        families = {frozenset(order[p - 1] + 1 for p in parts) for parts in found.finest(level)}
        assert families == {frozenset(parts) for parts in TREE.finest(level)}
        assert [parts[0] for parts in found.finest(level)] == sorted(
            parts[0] for parts in found.finest(level)
        )


def test_a_tree_on_disk_is_the_same_again(tmp_path):
    write_tree(tmp_path, TREE)
    assert read_tree(tmp_path) == TREE
    data = json.loads((tmp_path / "levels" / "tree.json").read_text())
    assert (data["schema"], data["version"]) == ("partdisc/levels", 1)
    assert [level["num_parts"] for level in data["levels"]] == [2, 3]
    assert level_folder(tmp_path, 3) == tmp_path / "levels" / "3"


@pytest.mark.parametrize(
    "change",
    [
        {"num_parts": 5},
        {"levels": [{"num_parts": 2}]},
        {"levels": [{"num_parts": 2, "parts": [[1, 2], [3, 4, 5]]}]},
        {"levels": 3},
        {"num_parts": "six"},
    ],
)
def test_a_damaged_tree_is_told(tmp_path, change):
    write_tree(tmp_path, TREE)
    path = tmp_path / "levels" / "tree.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtifactError, match="tree of parts is damaged"):
        read_tree(tmp_path)


def test_levels_that_are_not_nested_or_leave_parts_empty_are_refused():
    with pytest.raises(DataError, match="some are split"):
        PartTree(4, {2: (1, 1, 2, 2), 3: (1, 2, 2, 3)})
    with pytest.raises(DataError, match=r"use each of 1\.\.3"):
        PartTree(4, {3: (1, 1, 2, 2)})
    with pytest.raises(DataError, match="Expected 4 numbers"):
        PartTree(4, {2: (1, 2, 2)})


def test_a_level_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match="a level of 2, 3, 6 parts, but got 4"):
        TREE.labels_at(4, np.zeros((2, 2), np.uint8))
