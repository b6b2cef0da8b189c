"""Several processes that make one run together, as torchrun starts them; one process alone needs none of this.

They share a folder and exchange little: sums of statistics, and what the first one alone found out. Gloo carries what
lies in memory, NCCL what lies on CUDA devices.
"""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from partdisc.errors import PartdiscError

Value = TypeVar("Value")

# How long one waits for the others. A process that dies is noticed at once, by its closed connections or by torchrun;
# this is for machines that fall silent, and longer than the slowest machine may lag behind the fastest.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Processes:
    """Who this process is, and what it does with the others; each method is called by all of them.

    Attributes:
        rank: 0 .. world - 1; rank 0, the first, alone writes what there is one of in a run, and reports.
        world: number of processes.

    >>> alone = Processes()
    >>> alone.from_first(lambda: 3), alone.share(5), alone.gather("a")
    (3, range(0, 5), ['a'])
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """The processes of this run: those torchrun started, or this one alone."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return cls()
        backend = "gloo"
        if device.type == "cuda":
            devices = torch.cuda.device_count()
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % devices)
            # NCCL refuses two processes on one device
            shared = on_this_machine() > devices
            backend = "cpu:gloo,cuda:" + ("gloo" if shared else "nccl")
        if not dist.is_initialized():
            dist.init_process_group(backend, timeout=PATIENCE)
            atexit.register(_leave)
        return cls(dist.get_rank(), world)

    @property
    def first(self) -> bool:
        """Whether this is the process of rank 0."""
        return self.rank == 0

    def wait(self) -> None:
        """Until every process is here."""
        self.gather(None)

    def from_first(self, compute: Callable[[], Value]) -> Value:
        """What `compute` gives in the first process, for all; a `PartdiscError` there is raised everywhere."""
        if self.world == 1:
            return compute()
        told: list[Any] = [None, None]
        if self.first:
            try:
                told[0] = compute()
            except PartdiscError as error:
                told[1] = error
        with _heard():
            dist.broadcast_object_list(told)
        if told[1] is not None:
            raise told[1]
        return told[0]

    def gather(self, value: Value) -> list[Value]:
        """The small values of all processes, by rank."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        with _heard():
            dist.all_gather_object(values, value)
        return values

    def add_up(self, *tensors: Tensor) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.world > 1:
            with _heard():
                for tensor in tensors:
                    dist.all_reduce(tensor)

    def agree(self, *tensors: Tensor) -> None:
        """Replace each tensor by the first process's: what each computed may differ by rounding."""
        if self.world > 1:
            with _heard():
                for tensor in tensors:
                    dist.broadcast(tensor, 0)

    def share(self, count: int) -> range:
        """The consecutive items among 0 .. count - 1 that are this process's."""
        return range(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def share_of(self, items: Sequence[Value]) -> Sequence[Value]:
        """The consecutive items that are this process's."""
        mine = self.share(len(items))
        return items[mine.start : mine.stop]

    def wrap(self, module: nn.Module, unused: bool) -> nn.Module:
        """The module with gradients averaged over all processes; `unused`: some parameters may get none."""
        if self.world == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=unused)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over processes of a tensor that each has."""
        total = values.clone()
        self.add_up(total)
        return total / self.world


ALONE = Processes()


def on_this_machine() -> int:
    """How many processes share this machine's memory and CPUs."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@contextmanager
def _heard() -> Iterator[None]:
    """One line where an exchange fails because another process is gone."""
    try:
        yield
    except RuntimeError as error:
        raise PartdiscError(
            "Another process of this run has ended or does not answer (it may have said why). What is finished is "
            "kept: go on with --resume, with any number of processes."
        ) from error


def _leave() -> None:
    # trained networks in cycles hold on to the group, whose threads must end while the interpreter can still free
    # their tensors: a thread that asks for it later aborts the process
    gc.collect()
    if dist.is_initialized():
        dist.destroy_process_group()
