"""Several processes that train together, as torchrun starts them; one process alone needs none of this."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """Who this process is.

    Attributes:
        rank: 0 .. world - 1; rank 0 alone writes files and reports.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """The processes of this run: those torchrun started, or this one alone."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return cls()
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), world)

    def wrap(self, module: nn.Module, unused: bool) -> nn.Module:
        """The module with gradients averaged over all processes; `unused`: some parameters may get none."""
        if self.world == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=unused)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over processes of a tensor that each has."""
        if self.world == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.world

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            dist.barrier()
