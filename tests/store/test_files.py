from __future__ import annotations

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from partdisc.errors import ArtifactError, ConfigError
from partdisc.store import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "x.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_path(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.json"]


def test_what_an_interrupted_writer_left_is_removed(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".partial-abc.png").write_text("")
    (tmp_path / "kept.png").write_text("")
    files.remove_partial_files(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["kept.png"]


def test_written_files_are_as_readable_as_others(tmp_path):
    files.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_json_reads_back_and_says_what_it_is(tmp_path):
    path = tmp_path / "a.json"
    values = {"x": np.float32(0.5), "n": np.int64(3), "a": np.arange(2), "bad": float("nan"), "näme": "ü"}
    files.write_json(path, values, schema="partdisc/test")
    assert files.read_json(path, schema="partdisc/test") == {
        "schema": "partdisc/test", "version": 1, "x": 0.5, "n": 3, "a": [0, 1], "bad": None, "näme": "ü",
    }  # fmt: skip
    assert list(json.loads(path.read_text()))[:2] == ["schema", "version"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "as JSON"),
        ("[]", "partdisc/test"),
        ('{"schema": "partdisc/other", "version": 1}', "partdisc/other"),
        ('{"schema": "partdisc/test", "version": 2}', "newer partdisc"),
        ('{"schema": "partdisc/test"}', "version None"),
    ],
)
def test_json_of_something_else_is_refused(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ArtifactError, match=words):
        files.read_json(tmp_path / "a.json", schema="partdisc/test")


def test_missing_json_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        files.read_json(tmp_path / "a.json", schema="partdisc/test")
    with pytest.raises(ConfigError, match="groups at .*no such file"):
        files.read_user_json(tmp_path / "g.json", what="groups")


def test_a_full_disk_is_told_before_the_work_begins(tmp_path):
    files.check_free_space(tmp_path / "not" / "there", 1, what="Features")
    with pytest.raises(ConfigError, match="Features needs about .* GiB"):
        files.check_free_space(tmp_path, 2**60, what="Features")


def test_little_space_is_told_in_mib(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda place: SimpleNamespace(free=3 << 19))
    with pytest.raises(ConfigError, match=r"needs about 2.0 MiB .* but only 1.5 MiB are free"):
        files.check_free_space(tmp_path, 2 << 20, what="The run")
