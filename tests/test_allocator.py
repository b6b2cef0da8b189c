from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from partdisc import allocator
from partdisc.allocator import freed_memory_kept, give_back_freed_memory


def possible() -> bool:
    with freed_memory_kept() as kept:
        return kept


FAULTS = """
import resource, sys
import numpy as np
from partdisc.allocator import freed_memory_kept
def work():
    for number in range(20):
        if number == 10:
            before = faults()
        several = [np.ones(size * 2**17) for size in (12, 20, 12)]  # MiB
        del several
    return faults() - before
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
if sys.argv[1] == "keep":
    with freed_memory_kept() as kept:
        assert kept
        print(work())
else:
    print(work())
"""


@pytest.mark.skipif(not possible(), reason="another allocator")
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
    assert not possible()


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not possible()
    give_back_freed_memory()


def test_other_allocators_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert not possible()
    give_back_freed_memory()


GIVEN_BACK = """
import numpy as np
from partdisc.allocator import freed_memory_kept
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4 // 1024  # MiB
with freed_memory_kept():
    several = [np.ones(2**19) for _ in range(50)]  # 4 MiB each
    last = np.ones(10)
    del several
    kept = resident()
print(kept - resident())
"""


@pytest.mark.skipif(not possible(), reason="another allocator")
def test_what_was_kept_is_given_back_at_the_end():
    command = [sys.executable, "-c", GIVEN_BACK]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(allocator.__file__).parents[1]
    )
    assert int(done.stdout) > 100
