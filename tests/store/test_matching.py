from __future__ import annotations

import json

import pytest

from partdisc.errors import ArtifactError
from partdisc.store.matching import GroupMatching, MatchingRecord, read_matching, write_matching

RECORD = MatchingRecord(
    assignment="one-to-one",
    matched_by="iou",
    scope="category",
    num_parts=2,
    annotated_names=("head", "tail", "wing"),
    groups={"bird": GroupMatching((0, 3, -1)), "fish": GroupMatching((0, 0, 1), background=1)},
    fitted_on="train",
)


def test_what_was_written_is_read(tmp_path):
    write_matching(tmp_path / "matching.json", RECORD)
    assert read_matching(tmp_path / "matching.json") == RECORD


@pytest.mark.parametrize(
    "spoil",
    [
        {"groups": None},
        {"groups": {"bird": {"targets": [0, 1]}}},
        {"groups": {"bird": {"targets": [0, 1, 4]}}},
        {"groups": {"bird": {"targets": [0, 1, "x"]}}},
        {"groups": {"bird": {}}},
        {"num_parts": "many"},
        {"annotated_names": None},
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, spoil):
    path = tmp_path / "matching.json"
    write_matching(path, RECORD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **spoil}))
    with pytest.raises(ArtifactError, match=r"matching\.json is damaged"):
        read_matching(path)
