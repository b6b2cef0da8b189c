"""Write a run's part masks in the format of another tool: `partdisc export`, without installing."""

import sys

from partdisc.cli.main import run_command

sys.exit(run_command("export", prog="export.py"))
