"""docs/datasets.md says what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from partdisc.cli.main import run_command
from partdisc.data.annotations.detect import FORMATS
from partdisc.data.annotations.pascal_part import merge_maps
from partdisc.data.annotations.quirks import BROKEN, HANDLED

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_every_quirk_is_told_as_the_code_tells_it():
    rows = re.findall(r"^\| (.+) \| (.+) \|$", TEXT[TEXT.index("| handled |") :], re.M)
    told = {kind: treatment for kind, treatment in rows if kind not in ("handled", "broken", "---")}
    assert told == {**HANDLED, **BROKEN}


def test_every_format_and_map_is_told():
    for name in (*FORMATS, *merge_maps()):
        assert f"| `{name}` |" in TEXT


@pytest.mark.real
def test_every_command_works(shared_data, tmp_path, monkeypatch, capsys):
    (tmp_path / "shared").symlink_to(shared_data.parent)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    commands = re.findall(r"^partdisc dataset (.+)$", TEXT, re.M)
    assert {command.split()[0] for command in commands} == {"describe", "validate", "convert"}
    outputs = []
    for command in commands:
        assert run_command("dataset", shlex.split(command)) == 0, command
        outputs.append(capsys.readouterr().out)
    shown = TEXT.split("```\n../shared/data/carparts")[1].split("```")[0]
    assert outputs[0].startswith("../shared/data/carparts" + shown.rstrip())
