"""Draw a synthetic set of objects with exact part masks, in the layout of PartImageNet's OOD split.

Textured, shaded, articulated creatures and things of PartImageNet's 11 super-categories with all of their 40
parts, before cluttered backgrounds and partly hidden by other things. OUT gets train.json, val.json and test.json
(COCO polygons that rasterise to the exact masks) and {split}/<synset>/<synset>_<n>.JPEG; no class is in two
splits. The same options give the same bytes, with any number of workers.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from partdisc.cli.options import add_common
from partdisc.data import taxonomy
from partdisc.data.synthetic import make_synthetic
from partdisc.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; what is left out falls to `make_synthetic`'s defaults."""
    parser.add_argument("out", metavar="OUT", help="folder for the set; must be empty or new")
    parser.add_argument("--num-images", type=int, metavar="N", help="images in all splits together (1000)")
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="PX", help="side of the images, or height and width (256)"
    )
    parser.add_argument("--splits", nargs="+", choices=taxonomy.SPLITS, help="splits to draw (all three)")
    parser.add_argument(
        "--super-categories", nargs="+", metavar="NAME", help="such as: car quadruped (all eleven)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="another seed gives other images (0)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that draw (one for each CPU)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier synthetic set in OUT")
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Draw the set and print how many images each split got."""
    out = options.pop("out")
    if "size" in options:
        options["size"] = _size(options["size"])
    try:
        counts = make_synthetic(out, **{"workers": os.cpu_count() or 1, "verbosity": 1, **options})
    except KeyboardInterrupt as error:
        raise type(error)(f"{out} is incomplete: the same command with --overwrite draws it anew.") from error
    for split, count in counts.items():
        print(f"{os.path.join(out, split)}.json: {count} images")


def _size(sides: int | list[int]) -> int | tuple[int, int]:
    sides = [sides] if isinstance(sides, int) else sides
    if len(sides) > 2:
        raise ConfigError(f"Expected --size with one number or two (height width), but got {sides}.")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])
