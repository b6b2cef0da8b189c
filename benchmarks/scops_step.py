"""What a training step of co-part segmentation costs beside the passes of its networks alone.

    python benchmarks/scops_step.py [--image-size 224 448] [--batch 8] [--repeats 7] [--device cpu]

A step is loading and warping images, all losses, backward, clipping, optimiser and moving average; "networks" are the
forward and backward passes of encoder and head on tensors that lie ready. Steps and networks take turns in one
process, so a busy machine slows both alike; on the CPU seconds are those of the process. The median of the ratios of
neighbours is told, and what each part of a step takes. Results go to results/scops_step.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from partdisc.data import list_images
from partdisc.data.synthetic import draw
from partdisc.discovery.scaling import channel_statistics, non_negative_scaling
from partdisc.discovery.scops.batches import Batch, Stream, TrainingData
from partdisc.discovery.scops.config import ScopsConfig
from partdisc.discovery.scops.network import AtrousHead, Segmenter, trainable_encoder
from partdisc.discovery.scops.objective import Objective
from partdisc.discovery.scops.trainer import Trainer
from partdisc.features import create_backbone, extract_features

RESULTS = Path(__file__).parent / "results" / "scops_step.json"
PARTS = 4
KINDS: dict[str, dict[str, Any]] = {
    "frozen encoder, warped images": {},
    "trained encoder": {"train_encoder": True},
    "frozen encoder, warped features": {"warped": "features"},
}


def make_trainer(settings: dict[str, Any], batch: int, size: int, device: str) -> Trainer:
    """A trainer on drawn images, with a random head and a random foreground."""
    config = ScopsConfig(
        start="random", batch_size=batch, stop_on_collapse=False, picture_every=0, **settings
    )
    images = list_images([draw("quadruped", seed=n, size=size)[0] for n in range(2 * batch)])
    backbone = create_backbone()
    features = extract_features(backbone, images, image_size=size, device=device)
    encoder = trainable_encoder(backbone, 0) if config.train_encoder else backbone
    head = AtrousHead(features.num_channels, PARTS + 1, config.rates)
    seen = None if config.warped == "features" else encoder
    scaling = non_negative_scaling(channel_statistics(features), None)
    basis = torch.rand(PARTS, scaling(features[0].float()).shape[-1])
    objective = Objective(Segmenter(head, seen, config.train_encoder), basis, config, background=True, seed=0)
    data = TrainingData(
        features,
        scaling,
        records=images.records,
        canvas=backbone.padded_size(size, size),
        stride=backbone.stride,
        image_size=size,
        labels=lambda index: torch.full((*features.entries[index].grid, PARTS + 1), 1 / (PARTS + 1)).half(),
        foreground={entry.id: np.full(entry.grid, 0.5, np.float32) for entry in features.entries},
        inputs=config.warped,
    )
    return Trainer(objective, data, config, device=device)


def networks_alone(trainer: Trainer, batch: Batch) -> Callable[[], None]:
    """Forward and backward of encoder and head, as often as a step does, with nothing around them."""
    segmenter = trainer.objective.segmenter
    plain = batch.inputs.float() if segmenter.train_encoder else batch.features
    moved = batch.inputs.float()

    def run() -> None:
        trainer.optimizer.zero_grad(set_to_none=True)
        first = segmenter(plain) if segmenter.train_encoder else segmenter.head(plain)
        (first.mean() + segmenter(moved).mean()).backward()

    return run


def seconds(run: Callable[[], Any], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    begun = clock()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - begun


def measure(name: str, batch_size: int, size: int, repeats: int, device: str) -> dict[str, Any]:
    """Steps and networks in turns, then the parts of a step one by one."""
    trainer = make_trainer(KINDS[name], batch_size, size, device)
    stream = Stream(len(trainer.data), trainer.config.batch_size, trainer.seed)
    planned = [stream.positions(step, 0, 1) for step in range(2 * repeats + 4)]
    batches = trainer.data.iterate(planned, stream)
    ready = next(batches).to(trainer.device)
    alone = networks_alone(trainer, ready)
    for warm in (alone, lambda: trainer._train_step(trainer.objective, batches)):
        warm()
    pairs = [
        (seconds(lambda: trainer._train_step(trainer.objective, batches), device), seconds(alone, device))
        for _ in range(repeats)
    ]
    objective = trainer.objective
    parts: dict[str, Callable[[], Any]] = {
        "loading": lambda: next(batches),
        "forward and losses": lambda: objective(ready),
        "optimiser": trainer.optimizer.step,
        "moving average": lambda: trainer.average.update(objective, 1),
    }
    told = {part: median(seconds(run, device) for _ in range(3)) for part, run in parts.items()}
    step, networks = (median(values) for values in zip(*pairs, strict=True))
    return {
        "step_seconds": step,
        "networks_seconds": networks,
        "ratio": median(a / b for a, b in pairs),
        "ratios": sorted(a / b for a, b in pairs),
        "breakdown_seconds": told | {"backward and the rest": step - sum(told.values())},
        "images_per_second": batch_size / step,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image-size", nargs="+", type=int, default=[224, 448])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept: dict[str, Any] = {
        "batch": options.batch,
        "device": options.device,
        "date": date.today().isoformat(),
    }
    for size, name in itertools.product(options.image_size, KINDS):
        row = measure(name, options.batch, size, options.repeats, options.device)
        kept.setdefault(f"{size} pixels", {})[name] = row
        parts = ", ".join(f"{part} {value:.3f}" for part, value in row["breakdown_seconds"].items())
        print(
            f"{size} pixels, {name}: {row['ratio']:.2f} x networks ({row['step_seconds']:.3f} s a step: {parts})",
            flush=True,
        )
        if options.device != "cpu":
            row["gpu"], row["gpu_gib"] = (
                torch.cuda.get_device_name(),
                torch.cuda.max_memory_allocated() / 2**30,
            )
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
