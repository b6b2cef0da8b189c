from __future__ import annotations

import subprocess
import sys

import pytest

import partdisc


@pytest.mark.parametrize("name", partdisc.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(partdisc, name)
    assert name in dir(partdisc)
    assert isinstance(value, str) or (value.__doc__ or "").strip()


def test_every_method_is_public_by_its_class():
    from partdisc.discovery import METHODS

    assert {cls.__name__ for name, cls in METHODS.items() if name != "foreground"} <= set(partdisc.__all__)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'magic'"):
        _ = partdisc.magic


def test_importing_partdisc_and_asking_for_help_load_no_network():
    code = (
        "import sys, partdisc\n"
        "from partdisc.cli.main import build_parser, COMMANDS\n"
        "build_parser('discover')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
