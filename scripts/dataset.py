"""Describe, validate or convert an annotated set; the same as `partdisc dataset`."""

import sys

from partdisc.cli.main import run_command

if __name__ == "__main__":
    sys.exit(run_command("dataset", prog="dataset.py"))
