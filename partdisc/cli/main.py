"""`partdisc COMMAND ...`, and the one place where exceptions become exit codes.

Exit status: 0 done; 2 the user can mend it (one line on stderr); 1 a bug; 130 interrupted (Ctrl-C or SIGTERM).
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import partdisc
from partdisc.cli.options import VERBOSE, given, print_config, spelt
from partdisc.errors import PartdiscError

# command -> what `partdisc --help` says of it; the module is partdisc.cli.<command with - as _>
COMMANDS = {
    "discover": "discover the parts in a folder of images",
    "foreground": "find the objects alone: foreground masks",
    "name": "name discovered parts",
    "dataset": "describe, validate or convert an annotated set",
    "evaluate": "score part masks against an annotation",
    "render": "draw figures and an HTML report of a run",
    "export": "write part masks in the format of another tool",
    "make-synthetic": "draw a synthetic, exactly annotated set in PartImageNet's layout",
}

# what the machine refuses and its owner can mend: a full disk, a quota, a folder that may not be written
MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE)

EXIT_BUG, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130


class Interrupted(KeyboardInterrupt):
    """SIGTERM arrived: handled exactly as Ctrl-C."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USER, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _raise_interrupted(signum: int, frame: FrameType | None) -> None:
    raise Interrupted


def build_parser(command: str, prog: str | None = None) -> argparse.ArgumentParser:
    """The argument parser of one command."""
    prog = prog or f"partdisc {command}"
    module = importlib.import_module(f"partdisc.cli.{command.replace('-', '_')}")
    parser = _Parser(
        prog=prog,
        usage=f"{prog} {module.USAGE}" if hasattr(module, "USAGE") else None,
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"partdisc {partdisc.__version__}")
    module.add_arguments(parser)
    parser.set_defaults(_run=module.run, _spelt=spelt(parser))
    return parser


def run_command(command: str, argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Parse `argv` and run one command; returns the exit status. The scripts are this and nothing else."""
    argv = list(sys.argv[1:] if argv is None else argv)
    prog = prog or f"partdisc {command}"
    arguments = build_parser(command, prog).parse_args(argv)
    previous = signal.signal(signal.SIGTERM, _raise_interrupted)
    try:
        options = given(arguments)
        if arguments.print_config:
            print_config(options)
        else:
            with warnings.catch_warnings():
                if options.get("verbosity") != VERBOSE:
                    warnings.showwarning = _show_warning
                arguments._run(options, _as_typed(prog, argv))
        sys.stdout.flush()
    except PartdiscError as error:
        if getattr(arguments, "verbosity", None) == VERBOSE:
            traceback.print_exc()
        message = " ".join(str(error).split("\n"))
        print(f"{prog}: {message}", file=sys.stderr)
        return EXIT_USER
    except BrokenPipeError:
        # whoever read stdout has left (`| head`); not an error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            return _report_bug(prog)
        place = f" ({error.filename})" if error.filename else ""
        print(
            f"{prog}: {error.strerror}{place}. What is finished is kept; mend it and use --resume.",
            file=sys.stderr,
        )
        return EXIT_USER
    except KeyboardInterrupt as error:
        print(f"{prog}: interrupted. {error}".rstrip(), file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception:
        return _report_bug(prog)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _show_warning(message: Warning | str, *place: Any, **more: Any) -> None:
    """A warning as one line, without the place in the code it came from."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _as_typed(prog: str, argv: list[str]) -> list[str]:
    """The words that run this command again."""
    return [*(["python", f"scripts/{prog}"] if prog.endswith(".py") else prog.split()), *argv]


def _report_bug(prog: str) -> int:
    traceback.print_exc()
    print(f"{prog}: this is a bug in partdisc; please report it with the lines above.", file=sys.stderr)
    return EXIT_BUG


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `partdisc` console script."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in COMMANDS:
        return run_command(argv[0], argv[1:])
    parser = _Parser(
        prog="partdisc",
        description="Discover object parts in images without labels.",
        epilog="commands:\n" + "\n".join(f"  {name:<16}{text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"partdisc {partdisc.__version__}")
    parser.add_argument(
        "command", metavar="COMMAND", help="one of the commands below; COMMAND --help tells more"
    )
    chosen = parser.parse_args(argv[:1]).command
    parser.error(f"expected one of the commands {', '.join(COMMANDS)}, but got {chosen!r}")


if __name__ == "__main__":
    sys.exit(main())
