from __future__ import annotations

import threading

import cv2
import pytest
import torch

from partdisc.factorization import non_negative_factorization
from partdisc.threads import OneAhead, one_thread, spread, team
from tests.factorization.conftest import relu_features

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_keep_their_order_and_the_setting_is_given_back(threads):
    assert list(spread(lambda i: i * i, range(50), CPU)) == [i * i for i in range(50)]
    assert torch.get_num_threads() == threads
    with one_thread():
        assert torch.get_num_threads() == 1
        assert list(spread(str, range(5), CPU)) == ["0", "1", "2", "3", "4"]
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


def test_work_runs_on_single_threads(threads):
    before = cv2.getNumThreads()
    inside = list(spread(lambda _: (torch.get_num_threads(), cv2.getNumThreads()), range(9), CPU))
    assert inside == [(1, 1)] * 9
    assert cv2.getNumThreads() == before


def test_a_team_keeps_the_order_and_gives_the_setting_back(threads):
    with team(CPU) as together:
        for _ in range(3):
            assert list(together(lambda i: (i, torch.get_num_threads()), range(5))) == [
                (i, 1) for i in range(5)
            ]
    assert torch.get_num_threads() == threads


def test_reading_ahead_is_bounded(threads):
    read: list[int] = []
    done = furthest = 0
    for _ in spread(lambda i: i, (read.append(i) or i for i in range(100)), CPU):
        done += 1
        furthest = max(furthest, len(read) - done)
    assert done == 100
    assert furthest <= threads + 1


def test_errors_come_out_and_the_setting_is_given_back(threads):
    def fail(i):
        if i == 4:
            raise ValueError("item 4")

    with pytest.raises(ValueError, match="item 4"):
        list(spread(fail, range(20), CPU))
    assert torch.get_num_threads() == threads
    assert threading.active_count() < 20


def test_same_bytes_whatever_the_number_of_threads():
    X = torch.from_numpy(relu_features(900, 30))
    before, results = torch.get_num_threads(), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        results.append(non_negative_factorization(X, 4, block_rows=100, init="random", max_iter=30))
    torch.set_num_threads(before)
    for other in results[1:]:
        assert torch.equal(results[0].W, other.W)
        assert torch.equal(results[0].H, other.H)


def test_work_one_call_ahead_keeps_its_order_and_raises_what_it_raised():
    done: list[int] = []
    with OneAhead(done.append) as work:
        for i in range(5):
            work(i)
    assert done == list(range(5))

    def fail(i: int) -> None:
        raise ValueError(f"item {i}")

    with pytest.raises(ValueError, match="item 0"), OneAhead(fail) as work:
        work(0)
