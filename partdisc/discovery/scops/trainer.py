"""The training loop: steps, log, checkpoints; a run that was killed goes on as if it had not been.

No random state is carried from step to step: which images a step sees, and how they are warped, follow from the seed
and the step. What a checkpoint holds is therefore weights, their average, the optimiser's state and the step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from partdisc.discovery.scops.batches import Batch, Stream, TrainingData
from partdisc.discovery.scops.checkpoints import Checkpoint, read_latest, write_checkpoint
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.interrupts import HeldInterrupts
from partdisc.discovery.scops.monitor import Monitor
from partdisc.discovery.scops.objective import Objective
from partdisc.discovery.scops.optimization import (
    MovingAverage,
    make_optimizer,
    optimizer_tensors,
    rate_factor,
    restore_optimizer,
    set_rates,
)
from partdisc.discovery.scops.watch import CollapseWatch, check_finite
from partdisc.errors import ArtifactError, ConfigError
from partdisc.processes import Processes
from partdisc.progress import Progress, ProgressMaker, silent
from partdisc.store import files
from partdisc.store.model import tensors_below

STAGE = "scops"
PASSED_ON = 5.0  # seconds within which torchrun has passed on an interrupt
FREE = (
    "stop_on_collapse",
    "checkpoint_every",
    "mask_rule",
    "view_scales",
    "view_flip",
    "picture_every",
    "tensorboard",
)


class Trainer:
    """Minimises an objective.

    Args:
        objective: what is trained, in place.
        data: what it is trained on.
        config: settings.
        seed: of the order of images.
        device: where to train.
        folder: of the checkpoints; None keeps none.
        made_with: what else identifies the run, for checkpoints.
        workers: processes that decode images ahead.
        progress: makes the progress of a stage with so many items.

    Attributes:
        history: a line for every `log_every` steps: step, loss, its terms, areas, norm of the gradient.
    """

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        config: ScopsConfig,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        folder: Path | None = None,
        made_with: dict[str, Any] | None = None,
        workers: int = 0,
        progress: ProgressMaker | None = None,
    ) -> None:
        self.device = torch.device(device)
        if config.precision == "float16" and self.device.type != "cuda":
            raise ConfigError(
                f"Expected a CUDA device for precision float16, but got {device}. Use bfloat16 or float32."
            )
        self.objective, self.data, self.config = objective.to(self.device), data, config
        self.processes = Processes.join(self.device)
        self.passes, self.seed = config.accumulate, seed
        self.folder, self.workers, self.progress = folder, workers, progress or silent
        self.made_with = files.to_json({"config": _deciding(config), "seed": seed, **(made_with or {})})
        self.optimizer = make_optimizer(objective, config)
        self.average = MovingAverage(objective, config.ema)
        self.scaler = torch.amp.GradScaler(enabled=config.precision == "float16")
        self.watch = CollapseWatch()
        self.history: list[dict[str, Any]] = []
        self.step = 0

    def run(self) -> Objective:
        """Train to the last step, from the newest checkpoint on if there is one.

        Returns:
            The objective with averaged weights.

        Raises:
            DataError: if a loss becomes NaN, or parts collapse.
            ArtifactError: if a checkpoint cannot be written, or was made with other settings.
        """
        self._resume()
        model = self.processes.wrap(self.objective, unused=self.objective.segmenter.train_encoder)
        stream = Stream(len(self.data), self.config.batch_size * self.parts, self.seed)
        batches = self.data.iterate(self._planned(stream), stream, self.workers)
        with (
            self.progress(STAGE, self.config.steps) as bar,
            HeldInterrupts(PASSED_ON if self.processes.world > 1 else 0.0) as interrupts,
            self._monitor() as monitor,
        ):
            bar.unit = "steps"
            bar.skip(self.step)
            if self.step == 0 and self.config.picture_every:
                monitor.draw(0, self.objective)
            while self.step < self.config.steps:
                values, areas, norm = self._train_step(model, batches)
                self.step += 1
                if self._due(self.config.log_every):
                    monitor.log(self.step, self._report(bar, values, areas, norm))
                if self._due(self.config.picture_every):
                    monitor.draw(self.step, self.objective)
                if self._told_to_stop(interrupts):
                    self._save()
                    self.processes.wait()
                    interrupts.release()
                    raise KeyboardInterrupt  # told to another process so far
                if self._due(self.config.checkpoint_every):
                    self._save()
                    self.processes.wait()
        self.average.copy_to(self.objective)
        return self.objective

    @property
    def parts(self) -> int:
        """Equal parts of a step's images: passes of all processes."""
        return self.passes * self.processes.world

    def _told_to_stop(self, interrupts: HeldInterrupts) -> bool:
        """Whether any process was interrupted: all end after the same step, or those left would wait for ever."""
        told = torch.tensor(float(interrupts.waiting))
        self.processes.add_up(told)
        return bool(told)

    def _due(self, every: int) -> bool:
        """Whether something done every so many steps, and after the last, is to be done now."""
        return every > 0 and (self.step == self.config.steps or self.step % every == 0)

    def _monitor(self) -> contextlib.closing[Monitor]:
        folder = self.folder if self.processes.rank == 0 else None
        parts = len(self.objective.basis)
        return contextlib.closing(
            Monitor(folder, self.data, parts, tensorboard=self.config.tensorboard, step=self.step)
        )

    def _planned(self, stream: Stream) -> list[range]:
        rank, world = self.processes.rank, self.processes.world
        return [
            stream.positions(step, part * world + rank, self.parts)
            for step in range(self.step, self.config.steps)
            for part in range(self.passes)
        ]

    def _train_step(
        self, model: nn.Module, batches: Iterator[Batch]
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """One optimiser step; returns its losses, the areas of parts and the norm of the gradient, on the device."""
        set_rates(self.optimizer, rate_factor(self.step, self.config))
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for part in range(self.passes):
            with self._sync(model, part == self.passes - 1):
                with self._autocast():
                    total, terms = model(next(batches).to(self.device))
                self.scaler.scale(total / self.passes).backward()
            for name, value in {"loss": total, **terms}.items():
                share = value.detach() / self.passes
                sums[name] = sums[name] + share if name in sums else share
        self.scaler.unscale_(self.optimizer)
        limit = self.config.clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self.objective.parameters(), limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.objective.project()
        self.average.update(self.objective, self.step)
        areas = sums.pop("areas")
        return sums, areas, norm

    def _autocast(self) -> contextlib.AbstractContextManager:
        if self.config.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.config.precision))

    def _sync(self, model: nn.Module, last: bool) -> contextlib.AbstractContextManager:
        """Gradients are averaged over processes in the last pass of a step only."""
        if last or not isinstance(model, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return model.no_sync()

    def _report(
        self, bar: Progress, values: dict[str, Tensor], areas: Tensor, norm: Tensor
    ) -> dict[str, Any]:
        """Log the step, and stop where training has gone wrong; returns the line of the log."""
        merged = self.processes.mean(torch.cat([torch.stack(list(values.values())), areas])).tolist()
        line = dict(zip(values, merged, strict=False))
        shares = merged[len(values) :]
        self.history.append({"step": self.step, **line, "gradient": float(norm), "areas": shares})
        if self.processes.rank == 0:
            bar.advance(self.step - bar.done, **line, smallest=min(shares), largest=max(shares))
        check_finite(self.step, line)
        if self.config.stop_on_collapse:
            self.watch.check(self.step, shares)
        return self.history[-1]

    def _save(self) -> None:
        if self.folder is not None and self.processes.rank == 0:
            check_finite(self.step, {"the weights": float(self.objective.basis.detach().sum())})
            tensors = {f"weights.{k}": v for k, v in self.objective.state_dict().items()}
            tensors |= {f"average.{k}": v for k, v in self.average.values.items()}
            tensors |= {f"optimizer.{k}": v for k, v in optimizer_tensors(self.optimizer).items()}
            state = {
                "scaler": self.scaler.state_dict(),
                "history": self.history,
                "areas": self.watch.recent,
                "parts": self.parts,
            }
            write_checkpoint(self.folder, Checkpoint(self.step, tensors, self.made_with, state))

    def _resume(self) -> None:
        found = read_latest(self.folder, self.made_with) if self.folder is not None else None
        if found is None:
            return
        self.passes = self._shared(found.state["parts"])
        self.objective.load_state_dict(tensors_below("weights.", found.tensors))
        average = tensors_below("average.", found.tensors)
        self.average.values = {name: average[name].to(self.device) for name in self.average.values}
        restore_optimizer(self.optimizer, tensors_below("optimizer.", found.tensors))
        if found.state["scaler"]:
            self.scaler.load_state_dict(found.state["scaler"])
        self.watch = CollapseWatch(found.state["areas"])
        self.history, self.step = found.state["history"], found.step

    def _shared(self, parts: int) -> int:
        """Passes of each process where a step has so many, as many processes as there were before or not."""
        world = self.processes.world
        if parts % world:
            raise ArtifactError(
                f"Expected a number of processes that divides the {parts} batches of each training step, as this run "
                f"was begun, but got {world}. Go on with {parts}, or with one."
            )
        return parts // world


def _deciding(config: ScopsConfig) -> dict[str, Any]:
    """Settings that change what is learnt; a run may go on with others where they do not."""
    return {k: v for k, v in config.to_dict().items() if k not in FREE}
