"""Score part masks against an annotation: `partdisc evaluate`, without installing."""

import sys

from partdisc.cli.main import run_command

sys.exit(run_command("evaluate", prog="evaluate.py"))
