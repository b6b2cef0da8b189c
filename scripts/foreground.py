"""Find the objects in a folder of images, without labels: `partdisc foreground`, without installing."""

import sys

from partdisc.cli.main import run_command

sys.exit(run_command("foreground", prog="foreground.py"))
