"""Where a method computes."""

from __future__ import annotations

import torch

from partdisc.checks import check_device


def resolve_device(device: str | torch.device) -> torch.device:
    """The device a name stands for; "auto" is CUDA or MPS where there is one.

    Raises:
        ConfigError: if this machine has no such device.
    """
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return check_device(device, "auto, cpu, cuda, mps")
