"""The bookkeeping of the speed bench: a time counts only at an error that is not above the peer's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import speed

    yield speed
    for name in [name for name in sys.modules if name.startswith("speed")]:
        del sys.modules[name]


def a_run(seconds, error, ends=(), errors=()):
    return {"seconds": seconds, "cpu_seconds": seconds, "error": error, "ends": ends, "errors": errors}


def test_seeds_that_end_above_the_peers_error_are_told(speed):
    peers = [a_run(20.0, 0.5), a_run(30.0, 0.5)]
    ours = [a_run(2.0, 0.49, [1.0, 2.0], [0.5, 0.49]), a_run(4.0, 0.51, [2.0, 4.0], [0.6, 0.51])]
    found = speed.record("peer", peers, ours, ours)
    assert found["as_good"] == 1
    assert found["partdisc_errors"] == [0.49, 0.51]
    assert found["ratio"] == round(25 / 3, 2)
    assert found["ratio_to_its_error"] is None
    assert speed.record("peer", peers[:1], ours[:1], ours[:1])["ratio_to_its_error"] == 20.0


def test_errors_are_those_of_the_factors_and_of_the_centres(speed):
    rng = np.random.default_rng(0)
    X, W, H = rng.random((70, 5)), rng.random((70, 2)), rng.random((2, 5))
    found = speed.relative_error(torch.from_numpy(X), speed.Found(W, H))
    assert found == pytest.approx(np.linalg.norm(X - W @ H) / np.linalg.norm(X))
    labels = rng.integers(2, size=70)
    found = speed.relative_error(torch.from_numpy(X), speed.Found(None, H, labels))
    assert found == pytest.approx(np.linalg.norm(X - H[labels]) / np.linalg.norm(X))


def test_partdisc_reaches_its_error_when_it_ends(speed):
    X = torch.rand(600, 12, generator=torch.Generator().manual_seed(0))
    run = speed.timed(speed.partdisc_nmf, X, 3, 0)
    assert run["errors"][-1] == pytest.approx(run["error"], rel=1e-4)
    assert len(run["ends"]) == len(run["errors"])
    assert all(after > before for before, after in zip(run["ends"], run["ends"][1:], strict=False))
    assert run["ends"][-1] <= run["seconds"] + 0.001  # which is rounded


def test_a_peer_that_is_not_installed_is_skipped_with_the_way_to_get_it(speed):
    def load():
        raise ImportError("no such package")

    runs = list(speed.compare(speed.partdisc_nmf, {"absent": load}, torch.rand(50, 4), 2, range(1)))
    assert runs == [{"peer": "absent", "skipped": "no such package. pip install partdisc[bench]"}]


def test_the_table_names_every_peer(speed):
    X = torch.rand(300, 8, generator=torch.Generator().manual_seed(0))
    peers = {"scikit-learn cd": speed.NMF_PEERS["scikit-learn cd"]}
    runs = list(speed.compare(speed.partdisc_nmf, peers, X, 2, range(2)))
    host = speed.machine(1) | {"copy_bytes_per_s": 1e10, "gemm_flops_per_s": 1e11}
    entry = {
        "shape": [300, 8],
        "num_components": 2,
        "nmf": runs,
        "kmeans": [],
        "roofline": speed.roofline(X, 2, host),
    }
    report = {"machine": host, "settings": [entry], "curves": [], "dff": {"skipped": "absent"}}
    table = speed.markdown(report)
    assert "| 300 × 8, 2 | scikit-learn cd |" in table
    assert "of 2 |" in table
    assert "absent" in table
