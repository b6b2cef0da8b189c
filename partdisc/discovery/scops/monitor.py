"""What training looks like while it runs: pictures of always the same images, and TensorBoard.

checkpoints/pictures/step_00000100.jpg
checkpoints/tensorboard/events.out.tfevents.*
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from partdisc.discovery.scops.batches import Batch, TrainingData
from partdisc.discovery.scops.objective import Objective
from partdisc.errors import MissingDependencyError
from partdisc.parts import PartMaps
from partdisc.render.contact_sheet import contact_sheet
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import part_palette
from partdisc.render.pictures import write_picture

SHOWN = 8  # images, evenly spaced
CELL = 224  # pixels


class Monitor:
    """Writes pictures and TensorBoard files of a training run.

    Args:
        folder: where to; None writes nothing.
        data: the images.
        num_parts: K.
        tensorboard: whether TensorBoard files are written.
        step: from which a resumed run goes on; what an earlier run wrote beyond it no longer counts.

    Raises:
        MissingDependencyError: if TensorBoard is asked for and not installed.
    """

    def __init__(
        self, folder: Path | None, data: TrainingData, num_parts: int, *, tensorboard: bool, step: int = 0
    ) -> None:
        self.folder, self.data = folder, data
        self.overlay = PartOverlay(palette=part_palette(num_parts))
        self.shown: Batch | None = None
        writer = summary_writer() if tensorboard else None
        self.board = writer(folder / "tensorboard", purge_step=step + 1) if writer and folder else None

    def log(self, step: int, line: dict[str, Any]) -> None:
        """Write a line of the training log as scalars."""
        if self.board is None:
            return
        for name, value in line.items():
            if name == "areas":
                for part, area in enumerate(value, start=1):
                    self.board.add_scalar(f"area/part {part}", area, step)
            elif name != "step":
                self.board.add_scalar(f"loss/{name}" if name != "gradient" else name, value, step)
        self.board.flush()

    def draw(self, step: int, objective: Objective) -> None:
        """Draw the shown images beside their parts as they are now; nothing where there are only features."""
        if self.folder is None or self.data.records is None:
            return
        if self.shown is None:
            chosen = np.linspace(0, len(self.data) - 1, min(SHOWN, len(self.data))).round().astype(int)
            self.shown = self.data.batch_of(chosen.tolist())
        batch = self.shown.to(objective.basis.device)
        with torch.no_grad():
            maps = objective.plain_logits(batch).softmax(dim=1).cpu().numpy()
        if not objective.background:
            maps = np.concatenate([np.zeros_like(maps[:, :1]), maps], axis=1)
        pairs = []
        for image, part_maps, valid in zip(self.shown.inputs, maps, self.shown.valid, strict=True):
            rows, columns = float(valid[0].amax(1).sum()), float(valid[0].amax(0).sum())
            height, width = (round(n * self.data.output_stride) for n in (rows, columns))
            picture = image[:, :height, :width].permute(1, 2, 0).numpy()
            labels = PartMaps(part_maps, (height, width), (rows, columns)).to_labels()
            pairs += [(picture, None), (picture, labels)]
        sheet = np.asarray(contact_sheet(pairs, columns=4, cell=CELL, overlay=self.overlay))
        write_picture(self.folder / "pictures" / f"step_{step:08d}.jpg", sheet)
        if self.board is not None:
            self.board.add_image("parts", sheet, step, dataformats="HWC")
            self.board.flush()

    def close(self) -> None:
        """Finish what was begun."""
        if self.board is not None:
            self.board.close()


def summary_writer() -> Any:
    """TensorBoard's writer.

    Raises:
        MissingDependencyError: if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError(
            "tensorboard: true needs TensorBoard. Install it with pip install tensorboard, or leave the setting out."
        ) from error
    return SummaryWriter
