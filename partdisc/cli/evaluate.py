"""Score part masks against an annotation.

RUN is a run directory, or any folder of masks in the layout of a run's parts/. RUN/evaluation gets metrics.json,
matching.json, confusion.csv, per_part.csv, per_image.csv and report.md; stdout gets one line for each run, and a
table where there are several; a RUN made with --by-folder has a line and a row for each folder, and their mean.
Every score stands beside controls that know nothing of parts.

  partdisc evaluate RUN --annotations annotations.json
  partdisc evaluate RUN --annotations masks/ --labels labels.json --groups groups.json --split splits.json:test
  partdisc evaluate A B --annotations test.json          # compares
  partdisc evaluate A --annotations test.json --against B   # is A better than B?
  partdisc evaluate RUN --equivariance           # do parts stay with the object? Needs the run's model and images
  partdisc evaluate --protocol list
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from partdisc.cli.options import FORMAT_HELP, OVERLAP_HELP, add_common
from partdisc.errors import ConfigError

USAGE = "RUN [RUN ...] --annotations PATH [options]"
PLAN_OPTIONS = (
    "protocol", "assignment", "by", "scope", "background", "ignore_unlabelled", "partial_annotation", "controls",
    "bootstrap", "unit", "seed", "limit",
)  # fmt: skip
VIEW_OPTIONS = ("sample", "seed", "device")
READ_OPTIONS = ("format", "images", "groups", "labels", "split", "overlap")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="run directories, or folders of masks")
    parser.add_argument("--annotations", metavar="PATH", help="annotation file or folder of an annotated set")
    parser.add_argument("--out", metavar="DIR", help="where results go (RUN/evaluation)")
    reading = parser.add_argument_group("annotation")
    reading.add_argument("--format", metavar="NAME", help=FORMAT_HELP)
    reading.add_argument("--images", metavar="DIR", help="the images, where they are now")
    reading.add_argument("--groups", metavar="FILE", help="JSON map that merges parts")
    reading.add_argument("--labels", metavar="FILE", help="names of the labels of a mask folder")
    reading.add_argument("--split", metavar="NAME|FILE:NAME", help="only the images of this split")
    reading.add_argument("--overlap", metavar="RULE", help=f"{OVERLAP_HELP} (as --protocol has it)")
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
    scoring.add_argument(
        "--assignment", metavar="NAME", help="one-to-one or many-to-one (as --protocol has it)"
    )
    scoring.add_argument("--by", metavar="NAME", help="match by iou or pixels (as --protocol has it)")
    scoring.add_argument(
        "--scope",
        metavar="NAME",
        help="one matching for the dataset, or for each category (super-category, else class), class or image",
    )
    scoring.add_argument("--matching", metavar="FILE", help="use a matching.json fitted on another split")
    scoring.add_argument(
        "--background",
        metavar="auto|none|largest|PART",
        help="for runs without label 0: which part is background",
    )
    scoring.add_argument(
        "--together",
        action="store_true",
        help="several RUNs, or those of --by-folder, one for each category, are one prediction",
    )
    scoring.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    doubt = parser.add_argument_group("controls and doubt")
    doubt.add_argument("--no-controls", action="store_true", help="score the run alone")
    doubt.add_argument("--against", metavar="RUN2", help="paired bootstrap: is RUN better than RUN2?")
    doubt.add_argument("--bootstrap", type=int, metavar="N", help="draws for intervals (1000); 0 for none")
    doubt.add_argument("--unit", metavar="declared|image", help="what is drawn (declared units, else images)")
    doubt.add_argument("--seed", type=int, metavar="N", help="of controls and bootstrap (0)")
    views = parser.add_argument_group("equivariance")
    views.add_argument(
        "--equivariance",
        action="store_true",
        help="how many pixels change their part when images are mirrored, resized or cropped",
    )
    views.add_argument("--sample", type=int, metavar="N", help="images looked at, drawn by --seed (100)")
    views.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command."""
    if options.get("protocol") == "list":
        from partdisc.metrics.protocols import describe_protocols

        print(describe_protocols())
        return
    if not options.get("runs") or not {"annotations", "equivariance"} & options.keys():
        raise ConfigError(
            "Expected RUN and --annotations PATH, for example: evaluate RUN --annotations test.json; or RUN and "
            "--equivariance."
        )
    _check(options)
    if options.get("equivariance"):
        for line in _equivariance(options, command):
            print(line)
    if "annotations" in options:
        for line in _scores(options, command):
            print(line)


def _equivariance(options: dict[str, Any], command: list[str]) -> Iterator[str]:
    # torch takes seconds to import; --help need not wait
    from partdisc.cli.evaluation.equivariance import evaluate_equivariance
    from partdisc.cli.evaluation.runs import places_of
    from partdisc.store.collection import members_of

    runs = members_of([Path(folder) for folder in options["runs"]])
    for folder, place in zip(runs, places_of(runs, options.get("out")), strict=True):
        yield evaluate_equivariance(
            folder,
            place,
            images=Path(options["images"]) if "images" in options else None,
            command=shlex.join(command),
            verbosity=options.get("verbosity", 1),
            **{k: options[k] for k in VIEW_OPTIONS if k in options},
        )


def _scores(options: dict[str, Any], command: list[str]) -> Iterator[str]:
    # torch takes seconds to import; --help need not wait
    from partdisc.cli.evaluation.runs import evaluate_runs

    options["controls"] = not options.pop("no_controls", False)
    yield from evaluate_runs(
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
    )


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
    for name, lowest in (("bootstrap", 0), ("limit", 1), ("seed", 0), ("sample", 1)):
        value = options.get(name)
        if value is not None and (not isinstance(value, int) or value < lowest):
            raise ConfigError(f"Expected --{name} of at least {lowest}, but got {value!r}.")
    _check_views(options)
    if len({Path(folder) for folder in options["runs"]}) < len(options["runs"]):
        raise ConfigError("Expected every RUN once, but one is named twice.")
    if options.get("against") and options.get("matching"):
        raise ConfigError("Expected --against without --matching: both runs are matched in every draw.")
    if options.get("against") and len(options["runs"]) > 1:
        raise ConfigError("Expected one RUN with --against; several runs are compared without it.")


def _check_views(options: dict[str, Any]) -> None:
    if options.get("equivariance") and options.get("together"):
        raise ConfigError("Expected --equivariance without --together: each run has a model of its own.")
    if not options.get("equivariance") and options.keys() & {"sample", "device"}:
        raise ConfigError("Expected --sample and --device with --equivariance, which looks at images.")
    if "annotations" not in options:
        known = {"runs", "equivariance", "out", "images", "verbosity", *VIEW_OPTIONS}
        unused = [f"--{name.replace('_', '-')}" for name in options if name not in known]
        if unused:
            raise ConfigError(f"Expected --annotations PATH with {', '.join(unused)}.")
