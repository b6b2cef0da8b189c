"""Draw figures and an HTML report of a run.

RUN is a run directory, or any folder of masks in the layout of a run's parts/. Figures go to RUN/figures, the report
to RUN/report; stdout names every file written.

  partdisc render RUN                                       # all that the run has something for
  partdisc render RUN --only comparison --annotations test.json --compare RUN2 --save pdf,png
  partdisc render RUN --only sheets --score part_miou       # best, worst, median and random images
  partdisc render RUN --only overlays --part-labels         # every image

Of a RUN made with --by-folder every folder's run is drawn, and RUN/report/index.html leads to their reports.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from partdisc.cli.options import FORMAT_HELP, OVERLAP_HELP, add_common
from partdisc.errors import ConfigError
from partdisc.scores import SCORE_NAMES

USAGE = "RUN [options]"
FIGURES = ("comparison", "parts", "sheets", "heatmaps", "curves", "scores", "legend", "overlays", "report")
READ_OPTIONS = ("format", "groups", "labels", "split", "overlap")
DRAW_OPTIONS = (
    "choose", "count", "show", "score", "seed", "width", "dpi", "style", "overlay_format", "workers", "verbosity",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", nargs="?", help="run directory, or a folder of masks")
    parser.add_argument("--out", metavar="DIR", help="where everything goes (RUN/figures and RUN/report)")
    parser.add_argument("--only", metavar="NAME[,NAME]", help=f"what to draw: {', '.join(FIGURES)}")
    parser.add_argument("--compare", metavar="RUN2", nargs="+", help="further runs, each a column")
    parser.add_argument("--titles", metavar="TEXT", nargs="+", help="names of the runs, RUN first")
    parser.add_argument("--images", metavar="DIR", help="where the images are now, if they moved")
    reading = parser.add_argument_group("annotation")
    reading.add_argument(
        "--annotations", metavar="PATH", help="annotation file or folder of an annotated set"
    )
    reading.add_argument("--format", metavar="NAME", help=FORMAT_HELP)
    reading.add_argument("--groups", metavar="FILE", help="JSON map that merges parts")
    reading.add_argument("--labels", metavar="FILE", help="names of the labels of a mask folder")
    reading.add_argument("--split", metavar="NAME|FILE:NAME", help="only the images of this split")
    reading.add_argument("--overlap", metavar="RULE", help=f"{OVERLAP_HELP} (largest-first)")
    choice = parser.add_argument_group("which images")
    choice.add_argument(
        "--choose", metavar="HOW", help="first, random, best, worst, median or spread (random)"
    )
    choice.add_argument("--count", type=int, metavar="N", help="rows of a figure (6)")
    choice.add_argument("--show", metavar="IMAGE", nargs="+", help="these images, by id or end of it")
    choice.add_argument("--score", metavar="NAME", help="what to sort and plot by (part_miou)")
    choice.add_argument("--seed", type=int, metavar="N", help="of random choices (0)")
    look = parser.add_argument_group("look")
    look.add_argument("--save", metavar="FORMAT[,FORMAT]", help="png, pdf or svg (png)")
    look.add_argument("--width", type=float, metavar="MM", help="of a figure (170)")
    look.add_argument("--dpi", type=int, metavar="N", help="of a figure (300)")
    look.add_argument("--style", metavar="NAME|FILE", help="a matplotlib style")
    look.add_argument("--opacity", type=float, metavar="X", help="of the parts, 0 to 1 (0.5)")
    look.add_argument("--contours", type=int, metavar="PIXELS", help="width of the contours, 0 for none (1)")
    look.add_argument("--hatching", action="store_true", help="a pattern for each part, for print")
    look.add_argument("--masks-only", action="store_true", help="parts without the image")
    look.add_argument("--part-labels", action="store_true", help="write each part's name on it (overlays)")
    look.add_argument("--part-legend", action="store_true", help="a legend below each overlay")
    look.add_argument("--overlay-format", choices=("jpg", "png", "webp"), help="of the overlays (jpg)")
    parser.add_argument("--workers", type=int, metavar="N", help="threads (2)")
    add_common(parser)


def run(options: dict[str, Any], command: list[str]) -> None:
    """Run the command."""
    if "run" not in options:
        raise ConfigError("Expected RUN, for example: render RUN --annotations test.json.")
    names = _names(options)
    _check_values(options)
    # torch and matplotlib take seconds to import; --help need not wait
    from partdisc.cli.rendering.drawings import draw
    from partdisc.cli.rendering.members import draw_members
    from partdisc.cli.rendering.sources import open_sources
    from partdisc.data.decoding import quiet
    from partdisc.store.collection import is_collection

    folders = [options["run"], *options.get("compare", [])]
    where: dict[str, Any] = {k: options.get(k) for k in ("titles", "annotations", "images")}
    where["reading"] = {k: options[k] for k in READ_OPTIONS if k in options}
    drawing = _drawing(options)
    with quiet():
        if is_collection(options["run"]):
            paths = draw_members(folders, drawing, names, **where)
        else:
            paths = draw(open_sources(folders, **where), drawing, names)
        for path in paths:
            print(path)


def _names(options: dict[str, Any]) -> list[str]:
    names = [name.strip() for name in options.get("only", "").split(",") if name.strip()]
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise ConfigError(f"Expected --only among {', '.join(FIGURES)}, but got {', '.join(unknown)}.")
    return names


def _check_values(options: dict[str, Any]) -> None:
    if options.get("score", "part_miou") not in SCORE_NAMES:
        raise ConfigError(f"Expected --score among {', '.join(SCORE_NAMES)}, but got {options['score']!r}.")
    for name, lowest in (("count", 1), ("seed", 0), ("workers", 1)):
        value = options.get(name)
        if value is not None and (not isinstance(value, int) or value < lowest):
            raise ConfigError(f"Expected --{name} of at least {lowest}, but got {value!r}.")


def _drawing(options: dict[str, Any]) -> Any:
    from partdisc.cli.rendering.drawings import Drawing
    from partdisc.render.overlay import PartOverlay

    save = tuple(options.get("save", "png").split(","))
    if not set(save) <= {"png", "pdf", "svg"}:
        raise ConfigError(f"Expected --save among png, pdf, svg, but got {options['save']!r}.")
    look: dict[str, Any] = {
        k: options[k] for k in ("opacity", "contours", "hatching", "masks_only") if k in options
    }
    look |= {k: options[f"part_{k}"] for k in ("labels", "legend") if f"part_{k}" in options}
    out = Path(options["out"]) if "out" in options else None
    return Drawing(
        out=out or Path(options["run"]) / "figures",
        report=(out or Path(options["run"])) / "report",
        save=save,
        overlay=PartOverlay(**look),
        **{k: options[k] for k in DRAW_OPTIONS if k in options},
    )
