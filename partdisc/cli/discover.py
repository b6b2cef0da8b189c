"""Discover object parts in a folder of images, without labels.

IMAGES is a folder (walked recursively), a glob in quotes, a text list of paths, or one file. RUN becomes a
directory with part masks (palette PNGs of each image's size), soft maps, the model, overlays and a contact
sheet. The same colour is the same part in every image.

  partdisc discover photos/ --out RUN --num-parts 8
  partdisc discover more/ --out RUN2 --apply RUN        # label new images with what was learnt
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from partdisc.cli.options import add_common
from partdisc.errors import ConfigError

RUN_OPTIONS = ("resume", "overwrite", "device", "workers", "storage", "verbosity", "max_memory")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("images", nargs="?", metavar="IMAGES", help="folder, glob, text list or file")
    parser.add_argument("--out", metavar="RUN", help="the run directory to write")
    parser.add_argument("--num-parts", type=int, metavar="K", help="how many parts to discover")
    parser.add_argument(
        "--method", help="dff (Deep Feature Factorization, the default), kmeans, two-stage or scops"
    )
    parser.add_argument("--backbone", metavar="NAME", help="a timm name or torchvision/NAME")
    parser.add_argument(
        "--layer", dest="layers", metavar="L[,L...]", help="layers: index, name, strideN, relu5_4"
    )
    parser.add_argument("--weights", metavar="auto|random|FILE", help="weights of the backbone")
    parser.add_argument("--image-size", type=int, metavar="N", help="long side images are resized to (448)")
    parser.add_argument(
        "--foreground",
        metavar="auto|none|NAME",
        help="none (default): K parts of the whole image; auto finds the objects first, without labels, and "
        "parts lie inside them: look at the contact sheet whether it found yours",
    )
    parser.add_argument("--refine", metavar="auto|colour|none", help="refine masks by each image's colours")
    parser.add_argument(
        "--apply", metavar="RUN|MODEL", help="label images with a saved model instead of learning"
    )
    parser.add_argument("--like", metavar="RUN", help="number parts like those of another run")
    parser.add_argument("--seed", type=int, help="of all random numbers (0)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument("--strict", action="store_true", help="an unreadable image is an error")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="remove the run that is there")
    output = parser.add_argument_group("output")
    output.add_argument("--no-maps", action="store_true", help="write no soft maps")
    output.add_argument("--overlays", metavar="N|all", help="how many images get an overlay picture (48)")
    output.add_argument("--keep-features", action="store_true", help="keep the features in RUN/features")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", help="auto, cpu, cuda or mps")
    machine.add_argument("--workers", type=int, metavar="N", help="processes that decode images ahead")
    machine.add_argument("--features", dest="storage", help="where features are kept: auto, memory or disk")
    machine.add_argument(
        "--max-memory",
        type=float,
        metavar="GIB",
        help="what features may take before they go to disk (a quarter)",
    )
    machine.add_argument("--feature-dtype", help="float16 (default), bfloat16 or float32")
    machine.add_argument("--batch-size", type=int, metavar="N", help="images of one batch (8)")
    method = parser.add_argument_group("method options")
    method.add_argument("--signed", help="dff: features below zero: auto, split, relu or error")
    method.add_argument("--solver", help="dff: hals or mu")
    method.add_argument("--init", help="dff: compressed (default), nndsvda, nndsvd or random")
    method.add_argument("--max-iter", type=int, metavar="N", help="iterations at most")
    method.add_argument("--tol", type=float, help="dff: when the solver stops")
    method.add_argument(
        "--restarts", type=int, metavar="N", help="number of starts, of which the best counts"
    )
    method.add_argument("--steps", type=int, metavar="N", help="scops: steps of training")
    method.add_argument(
        "--training", metavar="NAME|FILE", help="scops: fast (default), gpu, paper or a JSON file"
    )
    add_common(parser)


METHOD_OPTIONS = ("signed", "solver", "init", "max_iter", "tol", "restarts", "steps", "training")


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command; prints the run directory and where the contact sheet is."""
    images, out = options.pop("images", None), options.pop("out", None)
    if images is None or out is None:
        raise ConfigError(
            "Expected IMAGES and --out RUN, for example: discover photos/ --out RUN --num-parts 8."
        )
    settings = _settings(options)
    from partdisc.discovery.pipeline import discover  # torch takes seconds to import; --help need not wait

    try:
        found = discover(images, out, command=command, **settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Go on with: {_resume_command()}") from None
    if int(os.environ.get("RANK", "0")) > 0:
        return  # the first process of torchrun reports
    counts = found.info["counts"]
    print(
        f"{out}: {found.info['num_parts']} parts in {counts['images']} images, {counts['skipped']} skipped; "
        f"see {Path(out) / 'figures' / 'contact_sheet.jpg'}"
    )


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    method = {k: options.pop(k) for k in METHOD_OPTIONS if k in options}
    if options.pop("no_maps", False):
        options["maps"] = False
    overlays = options.pop("overlays", None)
    if overlays is not None:
        if str(overlays) != "all" and not str(overlays).isdigit():
            raise ConfigError(f"Expected --overlays as a whole number or all, but got {overlays!r}.")
        options["overlays"] = None if str(overlays) == "all" else int(overlays)
    options.setdefault("verbosity", 1)
    return {**options, "options": method}


def _resume_command() -> str:
    program, words = Path(sys.argv[0]), sys.argv[1:]
    start = ["python", "-m", "partdisc"] if program.name == "__main__.py" else [str(program)]
    if program.suffix == ".py" and program.name != "__main__.py":
        start = ["python", *start]
    words = [word for word in words if word not in ("--overwrite", "--resume")]
    return shlex.join([*start, *words, "--resume"])
