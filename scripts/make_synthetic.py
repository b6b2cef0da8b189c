"""Draw a synthetic set; the same as `partdisc make-synthetic`."""

import sys

from partdisc.cli.main import run_command

if __name__ == "__main__":
    sys.exit(run_command("make-synthetic", prog="make_synthetic.py"))
