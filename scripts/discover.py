"""Discover object parts in a folder of images: `partdisc discover`, without installing."""

import sys

from partdisc.cli.main import run_command

sys.exit(run_command("discover", prog="discover.py"))
