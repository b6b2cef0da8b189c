"""Describe, validate or convert an annotated set.

describe   super-categories, splits, classes, annotations an image, parts, and everything unusual
validate   every broken entry, with the image it is in
convert    write the set as COCO, as a mask folder, or in PartImageNet's OOD layout
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from partdisc.cli.options import add_common
from partdisc.data import dataset_tool
from partdisc.data.annotations import OVERLAP_RULES, AnnotationSet, read_annotations
from partdisc.data.annotations.detect import FORMATS
from partdisc.data.dataset_tool.convert import WAYS
from partdisc.errors import ConfigError, DataError
from partdisc.store import files

READING = ("format", "images", "groups", "labels", "split", "overlap")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three subcommands; what is left out falls to the library's defaults."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    describe = actions.add_parser(
        "describe", help="what is in the set", description="Describe an annotated set."
    )
    describe.add_argument("--out", metavar="DIR", help="also write description.json and plots to DIR")
    validate = actions.add_parser("validate", help="what is broken", description="Find broken entries.")
    validate.add_argument("--out", metavar="FILE", help="also write all findings as JSON to FILE")
    validate.add_argument("--quick", action="store_true", help="read only the headers of the images")
    validate.add_argument("--strict", action="store_true", help="exit with status 2 if anything is broken")
    convert = actions.add_parser("convert", help="write another format", description="Write another format.")
    convert.add_argument("--to", choices=tuple(dataset_tool.TARGETS), help="format to write")
    convert.add_argument("--out", metavar="DIR", help="new or empty folder for the set")
    convert.add_argument("--files", choices=WAYS, help="what becomes of the image files (copy)")
    for action in (describe, validate, convert):
        _add_reading(action)
        action.add_argument("--limit", type=int, metavar="N", help="only the first N images")
        action.add_argument("--json", action="store_true", help="the result as JSON on stdout")
        add_common(action)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="annotation file or folder of the set")
    parser.add_argument("--format", choices=("auto", *FORMATS), help="format of PATH (auto: recognise it)")
    parser.add_argument(
        "--images", metavar="DIR", help="folder of the images, if not where the format has it"
    )
    parser.add_argument("--groups", metavar="FILE", help="JSON map that merges parts")
    parser.add_argument("--labels", metavar="FILE", help='names of mask labels, {"1": "head"}')
    parser.add_argument("--split", metavar="[FILE:]NAME", help="a split of the set, or a list in a JSON file")
    parser.add_argument("--overlap", choices=OVERLAP_RULES, help="how overlapping parts are painted")


def run(options: dict[str, Any], command: list[str]) -> None:
    """Read the set and do what was asked."""
    action = options["action"]
    needed = ("path", "to", "out") if action == "convert" else ("path",)
    if any(name not in options for name in needed):
        usage = "convert PATH --to FORMAT --out DIR" if action == "convert" else f"{action} PATH"
        raise ConfigError(f"Expected dataset {usage}.")
    reading = {name: options[name] for name in READING if name in options}
    common = {"limit": options.get("limit"), "verbosity": options.get("verbosity", 1)}
    ACTIONS[action](read_annotations(options["path"], **reading), options, common)


def _describe(annotations: AnnotationSet, options: dict[str, Any], common: dict[str, Any]) -> None:
    description = dataset_tool.describe(annotations, **common)
    if "out" in options:
        path = Path(options["out"]) / "description.json"
        files.write_json(path, description, schema="partdisc/dataset-description")
        dataset_tool.write_plots(description, options["out"])
    print(_json(description) if options.get("json") else dataset_tool.description_text(description))


def _validate(annotations: AnnotationSet, options: dict[str, Any], common: dict[str, Any]) -> None:
    result = dataset_tool.validate(annotations, quick=options.get("quick", False), **common)
    if "out" in options:
        files.write_json(options["out"], result, schema="partdisc/dataset-findings")
    print(_json(result) if options.get("json") else dataset_tool.validation_text(result))
    if options.get("strict") and result["num_broken"]:
        raise DataError(
            f"{options['path']} has {result['num_broken']} broken entries, listed on stdout; mend them."
        )


def _convert(annotations: AnnotationSet, options: dict[str, Any], common: dict[str, Any]) -> None:
    ways = {"files_by": options["files"]} if "files" in options else {}
    result = dataset_tool.convert(annotations, options["out"], to=options["to"], **ways, **common)
    text = f"{result['out']}: {result['num_images']} images as {result['format']}, {result['num_files']} image files"
    print(_json(result) if options.get("json") else text)


def _json(result: dict[str, Any]) -> str:
    return json.dumps(files.to_json(result), indent=1, ensure_ascii=False)


ACTIONS = {"describe": _describe, "validate": _validate, "convert": _convert}
