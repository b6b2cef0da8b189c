from __future__ import annotations

import re
from pathlib import Path

from partdisc.metrics.controls import CONTROLS
from partdisc.metrics.protocols import PROTOCOLS
from partdisc.metrics.scoring import SCORES

TEXT = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_python_blocks_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert blocks
    for block in blocks:
        exec(block, {})
    assert capsys.readouterr().out.count("\n") == 4


def test_every_protocol_control_and_score_is_described():
    for name in (*PROTOCOLS, *CONTROLS, *SCORES):
        assert f"`{name}`" in TEXT, name


def test_every_option_in_the_docs_exists():
    from partdisc.cli.main import build_parser

    known = build_parser("evaluate").format_help() + build_parser("discover").format_help()
    for option in set(re.findall(r"--[a-z][a-z-]+", TEXT)):
        assert option in known, option
