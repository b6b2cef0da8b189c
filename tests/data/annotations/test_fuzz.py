"""Any value anywhere in a file: the set is read, or refused with a PartdiscError; nothing else is raised."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partdisc.data.annotations import read_annotations
from partdisc.data.dataset_tool import describe, validate
from partdisc.errors import PartdiscError
from tests.data.annotations.makers import make_coco, make_keypoint_json, make_mask_folder, make_ood, save_json

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from(
        [10**30, -(10**9), 0.5, float("nan"), float("inf"), "", "..", "\0", "a.jpg", "7", [], {}, [[]], [{}]]
    ),
    st.lists(st.floats(-9, 60), max_size=8),
    st.dictionaries(st.sampled_from(["id", "name", "counts", "size", "x"]), st.integers(0, 9), max_size=2),
)
GROUPS = {
    "groups": [{"id": 1, "name": "all", "members": [{"id": 3, "name": "head"}, "body"]}],
    "left_out": [],
}
FILES = {
    "coco": (make_coco, "annotations.json"),
    "partimagenet-ood": (make_ood, "train.json"),
    "keypoint-json": (make_keypoint_json, "joints.json"),
    "mask-folder": (make_mask_folder, "parts.json"),
}


def paths(value, path=()):
    """The places of all values inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


def replaced(data, path, junk):
    if not path:
        return junk
    data = copy.deepcopy(data)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = junk
    return data


def refusal(action):
    """What a PartdiscError says, or nothing if there was none."""
    try:
        action()
    except PartdiscError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("format", FILES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_junk_anywhere_is_counted_or_refused(tmp_path, format, data):
    make, name = FILES[format]
    root = tmp_path / "set"
    if not root.exists():
        make(root)
        (root / name).rename(tmp_path / name)
    good = json.loads((tmp_path / name).read_text())
    save_json(root / name, replaced(good, data.draw(st.sampled_from(list(paths(good)))), data.draw(JUNK)))
    for tool in (describe, validate):
        assert "\n" not in refusal(lambda tool=tool: tool(read_annotations(root, format=format)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(list(paths(GROUPS))), junk=JUNK)
def test_junk_anywhere_in_a_map_of_groups(tmp_path, path, junk):
    if not (tmp_path / "set").exists():
        make_coco(tmp_path / "set")
    file = save_json(tmp_path / "groups.json", replaced(GROUPS, path, junk))
    assert "\n" not in refusal(lambda: describe(read_annotations(tmp_path / "set", groups=file)))
