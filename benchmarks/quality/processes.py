"""Calls made each in a process of its own, a few at a time; one that fails takes no other with it."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

PRELOAD = [
    "torch",
    "sklearn.decomposition",
    "sklearn.cluster",
    "partdisc.discovery",
    "benchmarks.quality.jobs",
]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Call = tuple[Any, ...]


def in_processes(
    function: Callable[..., Any], calls: Sequence[Call], *, processes: int = 1, threads: int = 2
) -> dict[Call, str]:
    """Call `function` with each of `calls`, and say on stderr what it returned.

    Args:
        function: of a module that can be imported; what it returns is shown.
        calls: its arguments.
        processes: how many at a time.
        threads: of each.

    Returns:
        The calls that failed, with the reason.
    """
    context, failed = _context(), {}
    with _threads_of_children(threads), ThreadPoolExecutor(processes) as pool:
        futures = {pool.submit(_alone, context, function, call): call for call in calls}
        for number, future in enumerate(as_completed(futures), start=1):
            call = futures[future]
            done, told = future.result()
            if not done:
                failed[call], told = told, f"{call[0]} failed: {told}"
            print(f"[{number}/{len(calls)}] {told}", file=sys.stderr, flush=True)
    return failed


@contextmanager
def _threads_of_children(count: int) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _alone(context: Any, function: Callable[..., Any], call: Call) -> tuple[bool, Any]:
    """Whether the call succeeded, and what it returned or why it did not."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, call))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return False, f"its process ended with status {process.exitcode}"
    finally:
        process.join()


def _send(sender: Any, function: Callable[..., Any], call: Call) -> None:
    try:
        sender.send((True, function(*call)))
    except Exception as error:
        sender.send((False, f"{type(error).__name__}: {error}"))


def _context() -> Any:
    """Processes that import once and fork cleanly, where the system has them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context
