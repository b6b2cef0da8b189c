"""Options that several commands share, `--config FILE`, and `--print-config`.

Options default to None: what is not given is not passed on, so the library owns the defaults.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from partdisc.errors import ConfigError
from partdisc.store.files import read_user_json

VERBOSE = 2


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options every command has."""
    group = parser.add_argument_group("common")
    group.add_argument(
        "--config", metavar="FILE", type=Path, help="JSON file of options; the command line wins"
    )
    group.add_argument("--print-config", action="store_true", help="print all options given and exit")
    group.add_argument(
        "-v",
        "--verbose",
        action="store_const",
        const=VERBOSE,
        dest="verbosity",
        help="report progress, and of an error where it arose",
    )
    group.add_argument(
        "-q", "--quiet", action="store_const", const=0, dest="verbosity", help="report no progress"
    )


def spelt(parser: argparse.ArgumentParser) -> dict[str, str]:
    """{option as the command line spells it, with underscores: name of its value}, of options that take a value."""
    actions = parser._option_string_actions.items()
    return {_underscored(option.strip("-")): action.dest for option, action in actions if action.nargs != 0}


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, the config file's, spelt as on the command line, below the command line's.

    Raises:
        ConfigError: if the config file cannot be read or names an option that does not exist.
    """
    known = {k for k in vars(arguments) if not k.startswith("_")} - {"config", "print_config"}
    from_line = {
        k: v
        for k, v in vars(arguments).items()
        if v is not None and v is not False and v != [] and k in known
    }
    if arguments.config is None:
        return from_line
    from_file = read_user_json(arguments.config, what="a JSON object of options")
    if not isinstance(from_file, dict):
        raise ConfigError(
            f"Expected {arguments.config} to hold a JSON object of options, got {type(from_file).__name__}."
        )
    names = getattr(arguments, "_spelt", {})
    from_file = {names.get(_underscored(k), _underscored(k)): v for k, v in from_file.items()}
    unknown = sorted(from_file.keys() - known)
    if unknown:
        raise ConfigError(
            f"{arguments.config} names unknown options: {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    return {**from_file, **from_line}


def _underscored(option: str) -> str:
    return option.replace("-", "_")


def print_config(options: dict[str, Any]) -> None:
    """Print options as JSON that `--config` reads."""
    print(
        json.dumps(
            {k: v for k, v in options.items() if k != "verbosity"}, indent=1, default=str, sort_keys=True
        )
    )
