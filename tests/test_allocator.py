from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from partdisc import allocator
from partdisc.allocator import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from partdisc.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for number in range(20):
    if number == 10:
        before = faults()
    several = [np.ones(size * 2**17) for size in (12, 20, 12)]  # MiB
    del several
print(faults() - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="another allocator")
def test_memory_that_was_freed_costs_no_faults_again():
    found = {}
    for way in ("keep", "plain"):
        command = [sys.executable, "-c", FAULTS, way]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(allocator.__file__).parents[1]
        )
        found[way] = int(done.stdout)
    assert found["keep"] < 1000 < found["plain"]


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"])
def test_what_the_user_chose_stays(monkeypatch, name):
    monkeypatch.setenv(name, "1000000")
    assert not keep_freed_memory()


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not keep_freed_memory()


def test_other_allocators_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()
