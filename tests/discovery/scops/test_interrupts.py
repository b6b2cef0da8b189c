from __future__ import annotations

import os
import signal
import threading

import pytest

from partdisc.discovery.scops.interrupts import HeldInterrupts


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_first_interrupt_waits_for_release_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), HeldInterrupts() as held:
        interrupt()
        assert held.waiting
        held.release()
    assert signal.getsignal(signal.SIGINT) is before


def test_second_interrupt_acts_at_once():
    with pytest.raises(KeyboardInterrupt), HeldInterrupts() as held:
        interrupt()
        interrupt()
        pytest.fail("it was held back")
    assert held.waiting


def test_second_interrupt_within_the_grace_is_the_first_one_passed_on():
    with pytest.raises(KeyboardInterrupt), HeldInterrupts(grace=60.0) as held:
        interrupt()
        interrupt()
        assert held.waiting
        held.release()


def test_interrupt_that_nobody_released_acts_at_the_end():
    with pytest.raises(KeyboardInterrupt), HeldInterrupts():
        interrupt()


def test_an_error_goes_before_a_held_interrupt():
    with pytest.raises(ValueError, match="first"), HeldInterrupts():
        interrupt()
        raise ValueError("first")


def test_unhandled_signals_and_other_threads_are_left_alone():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with HeldInterrupts():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    seen = []

    def other() -> None:
        with HeldInterrupts() as held:
            seen.append(held.waiting)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [False]
