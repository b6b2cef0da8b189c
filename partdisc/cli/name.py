"""Name discovered parts: names flow into figures, reports and exports.

partdisc name RUN 3=wheel 1="front door"
partdisc name RUN 3=                        # takes the name away
"""

from __future__ import annotations

import argparse
from typing import Any

from partdisc.cli.options import add_common
from partdisc.errors import ConfigError
from partdisc.store.run import name_parts

USAGE = "RUN [PART=NAME ...] [options]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="the run whose parts are named")
    parser.add_argument("names", nargs="*", metavar="PART=NAME", help="part number and its name")
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command; prints all parts with their names."""
    if "run" not in options:
        raise ConfigError("Expected RUN, for example: name RUN 3=wheel.")
    names = {}
    for item in options.get("names", []):
        part, equals, name = item.partition("=")
        if not equals or not part.strip().isdigit():
            raise ConfigError(f"Expected PART=NAME such as 3=wheel, but got {item!r}.")
        names[int(part)] = name
    masks = name_parts(options["run"], names)
    for number, name in enumerate(masks.names, start=1):
        print(f"{number}\t{name}")
