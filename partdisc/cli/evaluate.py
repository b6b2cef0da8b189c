"""Score part masks against an annotation.

RUN is a run directory, or any folder of masks in the layout of a run's parts/. RUN/evaluation gets metrics.json,
matching.json, confusion.csv, per_part.csv, per_image.csv and report.md; stdout gets one line for each run, and a
table where there are several. Every score stands beside controls that know nothing of parts.

  partdisc evaluate RUN --annotations annotations.json
  partdisc evaluate RUN --annotations masks/ --labels labels.json --groups groups.json --split splits.json:test
  partdisc evaluate A B --annotations test.json          # compares
  partdisc evaluate A --annotations test.json --against B   # is A better than B?
  partdisc evaluate --protocol list
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from partdisc.cli.options import add_common
from partdisc.errors import ConfigError

PLAN_OPTIONS = (
    "protocol", "assignment", "by", "scope", "background", "ignore_unlabelled", "partial_annotation", "controls",
    "bootstrap", "unit", "seed", "limit",
)  # fmt: skip
READ_OPTIONS = ("format", "images", "groups", "labels", "split", "overlap")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="run directories, or folders of masks")
    parser.add_argument("--annotations", metavar="PATH", help="annotation file or folder of an annotated set")
    parser.add_argument("--out", metavar="DIR", help="where results go (RUN/evaluation)")
    reading = parser.add_argument_group("annotation")
    reading.add_argument("--format", metavar="NAME", help="its format (auto)")
    reading.add_argument("--images", metavar="DIR", help="its images, for the colour control")
    reading.add_argument("--groups", metavar="FILE", help="JSON map that merges parts")
    reading.add_argument("--labels", metavar="FILE", help="names of the labels of a mask folder")
    reading.add_argument("--split", metavar="NAME|FILE:NAME", help="only the images of this split")
    reading.add_argument(
        "--overlap", metavar="RULE", help="how overlapping parts are painted (the protocol's)"
    )
    reading.add_argument(
        "--ignore-unlabelled", action="store_true", help="leave out pixels without a part label"
    )
    reading.add_argument(
        "--partial-annotation",
        action="store_true",
        help="the parts do not cover the object: no foreground IoU",
    )
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument(
        "--protocol", metavar="NAME|list", help="rules to score by (partdisc); list explains them"
    )
    scoring.add_argument("--assignment", metavar="NAME", help="one-to-one or many-to-one (the protocol's)")
    scoring.add_argument("--by", metavar="NAME", help="match by iou or pixels (the protocol's)")
    scoring.add_argument(
        "--scope",
        metavar="NAME",
        help="one matching for the dataset, each category (super-category, else class), class or image",
    )
    scoring.add_argument("--matching", metavar="FILE", help="use a matching.json fitted on another split")
    scoring.add_argument(
        "--background",
        metavar="auto|none|largest|PART",
        help="for runs without label 0: which part is background",
    )
    scoring.add_argument(
        "--together", action="store_true", help="several RUNs, one for each category, are one prediction"
    )
    scoring.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    doubt = parser.add_argument_group("controls and doubt")
    doubt.add_argument("--no-controls", action="store_true", help="score the run alone")
    doubt.add_argument("--against", metavar="RUN2", help="paired bootstrap: is RUN better than RUN2?")
    doubt.add_argument("--bootstrap", type=int, metavar="N", help="draws for intervals (1000); 0 for none")
    doubt.add_argument("--unit", metavar="declared|image", help="what is drawn (declared units, else images)")
    doubt.add_argument("--seed", type=int, help="of controls and bootstrap (0)")
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command."""
    if options.get("protocol") == "list":
        from partdisc.metrics.protocols import describe_protocols

        print(describe_protocols())
        return
    if not options.get("runs") or "annotations" not in options:
        raise ConfigError(
            "Expected RUN and --annotations PATH, for example: evaluate RUN --annotations test.json."
        )
    from partdisc.cli.evaluation.runs import (
        evaluate_runs,
    )  # torch takes seconds to import; --help need not wait

    _check(options)
    options["controls"] = not options.pop("no_controls", False)
    for line in evaluate_runs(
        [Path(folder) for folder in options["runs"]],
        options["annotations"],
        plan={k: options[k] for k in PLAN_OPTIONS if k in options},
        reading={k: options[k] for k in READ_OPTIONS if k in options},
        matching=options.get("matching"),
        against=options.get("against"),
        together=options.get("together", False),
        out=options.get("out"),
        command=shlex.join(command),
        verbosity=options.get("verbosity", 1),
    ):
        print(line)


def _check(options: dict[str, Any]) -> None:
    background = str(options.get("background", "auto"))
    if background.isdigit():
        options["background"] = int(background)
    elif background not in ("auto", "none", "largest"):
        raise ConfigError(
            f"Expected --background auto, none, largest or a part number, but got {background!r}."
        )
    if options.get("unit", "declared") not in ("declared", "image"):
        raise ConfigError(f"Expected --unit declared or image, but got {options['unit']!r}.")
    for name, lowest in (("bootstrap", 0), ("limit", 1), ("seed", 0)):
        value = options.get(name)
        if value is not None and (not isinstance(value, int) or value < lowest):
            raise ConfigError(f"Expected --{name} of at least {lowest}, but got {value!r}.")
    if options.get("together") and len(options["runs"]) < 2:
        raise ConfigError("Expected several RUNs with --together, one for each category, but got one.")
    if options.get("together") and "out" not in options:
        raise ConfigError("Expected --out DIR with --together: the scores belong to no single run.")
    if options.get("against") and options.get("matching"):
        raise ConfigError("Expected --against without --matching: both runs are matched in every draw.")
    if options.get("against") and len(options["runs"]) > 1:
        raise ConfigError("Expected one RUN with --against; several runs are compared without it.")
