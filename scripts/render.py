"""Draw figures and an HTML report of a run: `partdisc render`, without installing."""

import sys

from partdisc.cli.main import run_command

sys.exit(run_command("render", prog="render.py"))
