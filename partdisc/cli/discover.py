"""Discover object parts in a folder of images, without labels.

IMAGES is a folder (walked recursively), a glob in quotes, a text list of paths, one file, or a URL. RUN becomes a
directory with part masks (palette PNGs of each image's size), soft maps, the model, overlays and a contact
sheet. The same colour is the same part in every image.

  partdisc discover photos/ --out RUN --num-parts 8
  partdisc discover more/ --out RUN2 --apply RUN        # label new images with what was learnt
  partdisc discover photos/ --out RUN --num-parts 8 --by-folder   # a model for each sub-folder: RUN/cats, RUN/dogs
  torchrun --nproc-per-node 8 -m partdisc discover photos/ --out RUN --num-parts 8   # eight processes share it
"""

from __future__ import annotations

import argparse
from typing import Any

from partdisc.cli.run_options import add_output, add_places, add_run, write_run

USAGE = "IMAGES --out RUN --num-parts K [options]"
METHOD_OPTIONS = (
    "fine_clusters",
    "votes",
    "signed",
    "solver",
    "init",
    "num_anchors",
    "max_iter",
    "max_cells",
    "tol",
    "restarts",
    "steps",
    "training",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_places(parser)
    parser.add_argument(
        "--num-parts",
        type=_number_or_auto,
        metavar="K|auto",
        help="how many parts; auto, or auto:A-B, chooses: the usual 4, or a few more or fewer if the images say so",
    )
    parser.add_argument(
        "--levels",
        type=int,
        nargs="+",
        metavar="K",
        help="also coarser levels of so many parts, within which the --num-parts lie: --num-parts 16 --levels 4 8",
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        help="two-stage (default: clusterings within the objects vote), dff (Deep Feature Factorization), semi-nmf "
        "or convex-nmf (the same for signed features), kmeans or scops",
    )
    parser.add_argument(
        "--foreground",
        metavar="auto|none|NAME|DIR|FILE|alpha",
        help="auto (default): the objects are found first, without labels, and parts lie inside them; none: K parts "
        "of the whole image; your own masks: a folder of PNGs, a COCO file, or alpha, the images' own; NAME: one "
        "estimator alone (docs/foreground.md)",
    )
    parser.add_argument(
        "--by-folder",
        action="store_true",
        help="one model for each direct sub-folder of IMAGES, in RUN/FOLDER; --apply and --like take such a RUN",
    )
    parser.add_argument(
        "--like", metavar="RUN", help="number parts like those of another run, or of a level of one"
    )
    add_run(parser)
    method = parser.add_argument_group("method options")
    method.add_argument(
        "--fine-clusters", type=int, metavar="N", help="two-stage: clusters before merging (48)"
    )
    method.add_argument("--votes", type=int, metavar="N", help="two-stage: clusterings that vote (25)")
    method.add_argument(
        "--signed", metavar="RULE", help="dff: features below zero: auto, split, relu or error (auto)"
    )
    method.add_argument("--solver", metavar="NAME", help="dff: hals or mu (hals)")
    method.add_argument(
        "--init",
        metavar="NAME",
        help="dff: compressed (default), nndsvda, nndsvd or random; semi-nmf: kmeans (default), svd or random",
    )
    method.add_argument(
        "--num-anchors", type=int, metavar="N", help="convex-nmf: fine clusters that parts are means of (64)"
    )
    method.add_argument(
        "--max-iter",
        type=int,
        metavar="N",
        help="dff, semi-nmf, convex-nmf (200), kmeans (100): iterations at most",
    )
    method.add_argument(
        "--max-cells",
        type=int,
        metavar="N",
        help="dff, semi-nmf, convex-nmf: cells the parts are learnt from, drawn evenly where there are more (32768)",
    )
    method.add_argument(
        "--tol", type=float, metavar="X", help="dff, semi-nmf, convex-nmf: when the solver stops (1e-4)"
    )
    method.add_argument(
        "--restarts",
        type=int,
        metavar="N",
        help="dff (1), kmeans (2): number of starts, of which the best counts",
    )
    method.add_argument("--steps", type=int, metavar="N", help="scops: steps of training")
    method.add_argument(
        "--training", metavar="NAME|FILE", help="scops: fast (default), gpu, paper or a JSON file"
    )
    add_output(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command; prints the run directory and where the contact sheet is."""
    method = {k: options.pop(k) for k in METHOD_OPTIONS if k in options}
    by_folder = options.pop("by_folder", False)
    example = "discover photos/ --out RUN --num-parts 8"
    write_run({**options, "options": method}, command, example=example, by_folder=by_folder)


def _number_or_auto(text: str) -> int | str:
    return int(text) if text.isdigit() else text  # what is neither is refused where all settings are checked
