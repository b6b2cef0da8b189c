"""What the commands that write a run share: their options, and the run itself."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partdisc.cli.options import add_common
from partdisc.errors import ConfigError

if TYPE_CHECKING:
    from partdisc.store.run import Run


def add_places(parser: argparse.ArgumentParser) -> None:
    """The images and the run."""
    parser.add_argument("images", nargs="?", metavar="IMAGES", help="folder, glob, text list, file or URL")
    parser.add_argument("--out", metavar="RUN", help="the run directory to write")


def add_run(parser: argparse.ArgumentParser) -> None:
    """The network, and how the run is made."""
    parser.add_argument("--backbone", metavar="NAME", help="a timm name or torchvision/NAME")
    parser.add_argument(
        "--layer",
        dest="layers",
        metavar="L[,L...]",
        help="layers: index, name, strideN, relu5_4 (the last of strides 16 and 32, of a ViT the last)",
    )
    parser.add_argument(
        "--weights",
        metavar="auto|random|FILE",
        help="weights of the backbone: auto (installed, else timm's hub), random, or a .pth or .safetensors file",
    )
    parser.add_argument("--image-size", type=int, metavar="N", help="long side images are resized to (576)")
    parser.add_argument(
        "--refine",
        metavar="auto|colour|none",
        help="refine masks by each image's colours (auto: where there is a foreground)",
    )
    parser.add_argument(
        "--apply", metavar="RUN|MODEL", help="label images with a saved model instead of learning"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of all random numbers (0)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument(
        "--strict", action="store_true", help="an unreadable image, or one without its mask, is an error"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="remove the run that is there")


def add_output(parser: argparse.ArgumentParser) -> None:
    """What is written, how it is made, and what every command has."""
    output = parser.add_argument_group("output")
    output.add_argument("--no-maps", action="store_true", help="write no soft maps")
    output.add_argument("--overlays", metavar="N|all", help="how many images get an overlay picture (48)")
    output.add_argument("--keep-features", action="store_true", help="keep the features in RUN/features")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    machine.add_argument(
        "--workers", type=int, metavar="N", help="processes that decode images ahead (by the CPUs there are)"
    )
    machine.add_argument(
        "--features",
        dest="storage",
        metavar="auto|memory|disk",
        help="where features are kept until the run is done",
    )
    machine.add_argument(
        "--max-memory",
        type=float,
        metavar="GIB",
        help="what features may take before they go to disk (a quarter of what is free)",
    )
    machine.add_argument("--feature-dtype", metavar="NAME", help="float16 (default), bfloat16 or float32")
    machine.add_argument("--batch-size", type=int, metavar="N", help="images of one batch (8)")
    add_common(parser)


def write_run(options: dict[str, Any], command: list[str], *, example: str, by_folder: bool = False) -> None:
    """Make the run, or one for each folder of images, and print what was found and where the contact sheet is.

    Raises:
        ConfigError: if images, run or a number are missing or unusable; `example` shows a call.
        KeyboardInterrupt: with the command that goes on.
    """
    images, out = options.pop("images", None), options.pop("out", None)
    if images is None or out is None:
        raise ConfigError(f"Expected IMAGES and --out RUN, for example: {example}.")
    settings = _settings(options)
    make = _make_collection if by_folder else _make_run
    try:
        lines = make(images, out, command=command, **settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Go on with: {_resume_command()}") from None
    if os.environ.get("RANK", "0") == "0":  # the first process of torchrun reports
        print("\n".join(lines))


def _make_run(*arguments: Any, **settings: Any) -> list[str]:
    from partdisc.runs.pipeline import discover  # torch takes seconds to import; --help need not wait

    return [_line(discover(*arguments, **settings))]


def _make_collection(*arguments: Any, **settings: Any) -> list[str]:
    from partdisc.runs.collection import discover_by_folder

    found = discover_by_folder(*arguments, **settings)
    return [
        *(_line(found[name]) for name in found),
        f"{found.folder}: {len(found)} folders, {len(found.skipped)} skipped",
    ]


def _line(run: Run) -> str:
    """What a run found."""
    counts, number = run.info["counts"], run.info["num_parts"]
    images = counts["images"]
    return (
        f"{run.folder}: {number} part{'s' * (number != 1)} in {images} image{'s' * (images != 1)}, "
        f"{counts['skipped']} skipped; "
        f"see {run.folder / 'figures' / 'contact_sheet.jpg'}"
    )


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    if options.pop("no_maps", False):
        options["maps"] = False
    overlays = options.pop("overlays", None)
    if overlays is not None:
        if str(overlays) != "all" and not str(overlays).isdigit():
            raise ConfigError(f"Expected --overlays as a whole number or all, but got {overlays!r}.")
        options["overlays"] = None if str(overlays) == "all" else int(overlays)
    options.setdefault("verbosity", 1)
    return options


def _resume_command() -> str:
    program, words = Path(sys.argv[0]), sys.argv[1:]
    start = ["python", "-m", "partdisc"] if program.name == "__main__.py" else [str(program)]
    if program.suffix == ".py" and program.name != "__main__.py":
        start = ["python", *start]
    words = [word for word in words if word not in ("--overwrite", "--resume")]
    return shlex.join([*start, *words, "--resume"])
