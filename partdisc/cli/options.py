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
# said here, because --help does not wait for the imports that know it
FORMAT_HELP = (
    "its format (recognised): partimagenet-ood, partimagenet-seg, coco, pascal-part, mask-folder, cub, celeba, "
    "celebamask-hq or keypoint-json"
)
OVERLAP_HELP = "where parts overlap: largest-first, smallest-id, file-order or most"
# what a file may hold for an option of a type; the command line takes a number for text, too
KINDS: dict[Any, tuple[str, Any]] = {
    bool: ("true or false", bool),
    int: ("a whole number", int),
    float: ("a number", (int, float)),
    str: ("text", (str, int, float)),
}


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


def spelt(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options by their names, and by the command line's, with underscores; of those that take a value."""
    named = {action.dest: action for action in parser._actions}
    actions = parser._option_string_actions.items()
    return named | {_underscored(name.strip("-")): action for name, action in actions if action.nargs != 0}


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, the config file's, spelt as on the command line, below the command line's.

    Raises:
        ConfigError: if the config file cannot be read, names an option that does not exist, or gives it a value of
            the wrong kind.
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
    actions = getattr(arguments, "_spelt", {})
    from_file = dict(_as_typed(name, value, actions) for name, value in from_file.items())
    unknown = sorted(from_file.keys() - known)
    if unknown:
        raise ConfigError(
            f"{arguments.config} names unknown options: {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    return {**from_file, **from_line}


def _as_typed(name: str, value: Any, actions: dict[str, argparse.Action]) -> tuple[str, Any]:
    """An option of a file and its value as the command line would have them."""
    action = actions.get(_underscored(name))
    if action is None or value is None:
        return _underscored(name), value
    kind = bool if action.nargs == 0 and action.const is True else action.type or str
    several = isinstance(value, list) and (action.nargs in ("+", "*") or kind is str)
    if kind in KINDS and action.dest != "verbosity":
        told, known = KINDS[kind]
        for one in value if several else [value]:
            if not isinstance(one, known) or (isinstance(one, bool) and kind is not bool):
                raise ConfigError(f"Expected {told} for the option {name!r}, but got {value!r}.")
        if kind is str:
            value = [str(one) for one in value] if several else str(value)
    return action.dest, value


def _underscored(option: str) -> str:
    return option.replace("-", "_")


def print_config(options: dict[str, Any]) -> None:
    """Print options as JSON that `--config` reads."""
    print(
        json.dumps(
            {k: v for k, v in options.items() if k != "verbosity"}, indent=1, default=str, sort_keys=True
        )
    )
