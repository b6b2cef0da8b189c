"""`python -m partdisc` is the `partdisc` command."""

import sys

from partdisc.cli.main import main

sys.exit(main())
