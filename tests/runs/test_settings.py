from __future__ import annotations

import json

import numpy as np
import pytest

from partdisc.errors import ConfigError
from partdisc.runs.settings import Runtime, resolve_settings
from partdisc.store.files import to_json


@pytest.mark.parametrize("name", ["image_size", "batch_size", "seed", "overlays", "limit"])
@pytest.mark.parametrize("value", ["2", 2.5, True])
def test_what_is_no_whole_number_is_told_by_its_option(name, value):
    option = "--" + name.replace("_", "-")
    with pytest.raises(ConfigError, match=f"Expected {option} to be a whole number, but got {value!r}"):
        resolve_settings(3, {name: value}, Runtime())


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({"workers": "2"}, "--workers to be a whole number"),
        ({"workers": -1}, "--workers to be a whole number of at least 0"),
        ({"max_memory": "4"}, "--max-memory as GiB above 0, but got '4'"),
        ({"max_memory": 0}, "--max-memory"),
        ({"storage": "tape"}, "--features of auto"),
    ],
)
def test_unusable_runtimes_are_told(runtime, words):
    with pytest.raises(ConfigError, match=words):
        resolve_settings(3, {}, Runtime(**runtime))


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("dff", {"solver": "foo"}, "solver to be one of hals, mu, but got 'foo'"),
        ("dff", {"signed": "foo"}, "signed to be one of"),
        ("semi-nmf", {"init": "foo"}, "init to be one of"),
        ("convex-nmf", {"num_anchors": 0}, "num_anchors to be a whole number"),
        ("kmeans", {"max_iter": 0}, "max_iter to be a whole number"),
        ("two-stage", {"votes": 0}, "votes to be a whole number"),
        ("scops", {"training": "foo"}, "configuration of fast, gpu, paper"),
        ("scops", {"steps": 0}, "steps to be a whole number"),
        ("dff", {"votes": 3}, "does not take votes"),
        ("foo", {}, "Expected a method of dff"),
    ],
)
def test_options_of_a_method_are_refused_before_anything_begins(method, options, words):
    with pytest.raises(ConfigError, match=words):
        resolve_settings(3, {"method": method, "options": options}, Runtime())


def test_options_that_a_method_can_work_with_are_left_as_they_are():
    options = {
        "solver": "mu",
        "signed": "error",
        "max_iter": 10**9,
        "tol": 0,
        "restarts": 500,
        "max_cells": 10**6,
    }
    assert resolve_settings(3, {"method": "dff", "options": options}, Runtime()).options == options


def test_a_setting_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(ConfigError, match=r"no setting numparts, sead\. There are num_parts, .*seed"):
        resolve_settings(3, {"numparts": 3, "sead": 1}, Runtime())


def test_numbers_of_numpy_are_numbers():
    found = resolve_settings(np.int64(3), {"seed": np.int32(1), "limit": np.uint8(2)}, Runtime())
    plain = resolve_settings(3, {"seed": 1, "limit": 2}, Runtime())
    assert found == plain
    assert json.dumps(to_json(vars(found))) == json.dumps(to_json(vars(plain)))
