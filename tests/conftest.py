from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.pretended_device import pretended_device  # noqa: F401  # a fixture for all

# Two threads of arithmetic are enough for the tests, and results repeat.
os.environ.setdefault("OMP_NUM_THREADS", "2")

# A shell's background jobs ignore Ctrl-C, and so would every process they start: tests that interrupt one would wait.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real annotated sets beside the checkout; tests that need them are skipped elsewhere."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real annotated sets are not here ({SHARED_DATA})")
    return SHARED_DATA
