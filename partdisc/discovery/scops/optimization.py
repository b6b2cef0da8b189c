"""Optimiser, learning rates as a function of the step, and the moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.objective import Objective


def make_optimizer(objective: Objective, config: ScopsConfig) -> torch.optim.Optimizer:
    """Encoder, head and basis as groups; each group's "base" is its learning rate before the schedule."""
    segmenter = objective.segmenter
    groups = [
        _group(segmenter.head.parameters(), config.learning_rate * config.head_factor, config.weight_decay),
        _group([objective.basis], config.basis_learning_rate, 0.0),
    ]
    if segmenter.train_encoder:
        groups.append(_group(segmenter.encoder.parameters(), config.learning_rate, config.weight_decay))
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _group(parameters: Iterable[nn.Parameter], base: float, decay: float) -> dict:
    return {"params": list(parameters), "lr": base, "base": base, "weight_decay": decay}


def rate_factor(step: int, config: ScopsConfig) -> float:
    """By what learning rates are multiplied in a step, counted from 0.

    >>> config = ScopsConfig(steps=100, warmup=10, schedule="cosine")
    >>> rate_factor(4, config), rate_factor(55, config)
    (0.5, 0.5)
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return (1 - done) ** 0.9 if config.schedule == "poly" else (1 + math.cos(math.pi * done)) / 2


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to its base times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * factor


class MovingAverage:
    """Exponential moving average of a module's parameters; its decay grows from 0 so that the start is forgotten.

    Args:
        module: whose parameters.
        decay: d in a <- d a + (1 - d) w; 0 follows the weights.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in module.named_parameters():
            self.values[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Give a module the averaged weights."""
        for name, parameter in module.named_parameters():
            parameter.copy_(self.values[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as tensors by name."""
    return {
        f"{index}.{key}": value
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Take over what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
