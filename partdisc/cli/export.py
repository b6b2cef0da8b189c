"""Write a run's part masks in the format of another tool.

  coco           COCO instances, run lengths or --polygons
  label-studio   pre-annotations (polygons) and the labelling interface
  cvat           CVAT for images 1.1, masks or --polygons
  fiftyone       FiftyOne's image segmentation folder, with the images
  png            grey PNG masks and the parts' names; `evaluate --annotations` reads it, too

  partdisc export RUN --to coco
  partdisc export RUN --to label-studio --url-prefix "/data/local-files/?d=images/"

stdout names what was written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from partdisc.cli.options import add_common
from partdisc.errors import ConfigError

FORMATS = ("coco", "label-studio", "cvat", "fiftyone", "png")
OPTIONS = ("polygons", "url_prefix", "images", "files_by")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", nargs="?", help="run directory, or a folder of masks")
    parser.add_argument("--to", "--format", dest="to", choices=FORMATS, help="format to write")
    parser.add_argument("--out", metavar="PATH", help="where to (RUN/exports/...)")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--polygons", action="store_true", help="polygons, not masks (coco, cvat)")
    parser.add_argument("--url-prefix", metavar="TEXT", help="before each image's name (label-studio)")
    parser.add_argument("--images", metavar="DIR", help="where the images are now (fiftyone)")
    parser.add_argument(
        "--files-by", choices=("copy", "link"), help="what becomes of the images (fiftyone: copy)"
    )
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command."""
    if "run" not in options or "to" not in options:
        raise ConfigError(f"Expected RUN and --to {'|'.join(FORMATS)}, for example: export RUN --to coco.")
    from partdisc.store.exports import EXPORTS, export_masks  # torch takes seconds; --help need not wait
    from partdisc.store.masks import read_masks

    if options["to"] not in EXPORTS:
        raise ConfigError(f"Expected --to among {', '.join(FORMATS)}, but got {options['to']!r}.")
    folder = Path(options["run"])
    out = Path(options["out"]) if "out" in options else folder / "exports" / EXPORTS[options["to"]].name
    extra = {k: options[k] for k in OPTIONS if k in options}
    if "images" in extra:
        extra["images"] = Path(extra["images"])
    overwrite = options.get("overwrite", False)
    print(export_masks(read_masks(folder), options["to"], out, overwrite=overwrite, **extra))
