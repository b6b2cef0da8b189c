"""Find the objects in a folder of images, without labels: foreground masks alone.

RUN becomes a run of one part, the object: RUN/foreground holds soft masks (8-bit grey PNG, probability x 255),
RUN/parts/masks binary ones, both of each image's size, and a contact sheet shows whether it found yours. Another
command takes the masks, soft where they are, as they are or after you mended some in a paint program:

  partdisc foreground photos/ --out FG
  partdisc discover photos/ --out RUN --num-parts 8 --foreground FG
  partdisc foreground more/ --out FG2 --apply FG              # the same for new images
  partdisc foreground photos/ --out FG3 --foreground masks/   # learns from masks of some of the images
"""

from __future__ import annotations

import argparse
from typing import Any

from partdisc.cli.run_options import add_output, add_places, add_run, write_run
from partdisc.errors import ConfigError

USAGE = "IMAGES --out RUN [options]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_places(parser)
    parser.add_argument(
        "--foreground",
        metavar="auto|NAME|DIR|FILE|alpha",
        help="auto (default), a single estimator, or masks of some images to learn from: a folder of PNGs, a COCO "
        "file, or the images' alpha channel",
    )
    add_run(parser)
    add_output(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command; prints the run directory and where the contact sheet is."""
    if options.get("foreground") == "none":
        raise ConfigError("Expected another --foreground than none: it finds no object.")
    if "apply" not in options:
        options = {"foreground": "auto", **options, "num_parts": 1, "method": "foreground"}
    write_run(options, command, example="foreground photos/ --out FG")
