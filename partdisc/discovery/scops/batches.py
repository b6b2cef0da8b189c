"""What a step of training sees: images on one canvas, the teacher's features, and what of it counts.

The canvas is the same for all batches of a run: as large as the largest image, padded to the backbone's stride.
Images lie at its upper left, mirrored into the padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.data import ImageLoader, ImageRecord, decode_image
from partdisc.discovery.scaling import FeatureScaling
from partdisc.errors import DataError
from partdisc.features.backbone import mirror
from partdisc.features.planning import resized_size
from partdisc.store.features import FeatureSet

Labels = Callable[[int], Tensor]


@dataclass(frozen=True)
class Stream:
    """The endless stream of images: one seeded permutation of all of them after the other.

    Attributes:
        num_images: n.
        per_step: images of one optimiser step, over all processes and accumulated passes.
        seed: of the permutations.
    """

    num_images: int
    per_step: int
    seed: int

    def indices(self, positions: Sequence[int]) -> list[int]:
        """Which images stand at these positions of the stream."""
        epochs = {p // self.num_images for p in positions}
        orders = {e: np.random.default_rng((self.seed, e)).permutation(self.num_images) for e in epochs}
        return [int(orders[p // self.num_images][p % self.num_images]) for p in positions]

    def positions(self, step: int, part: int, parts: int) -> range:
        """The positions of one of `parts` equal parts of a step."""
        size = self.per_step // parts
        first = step * self.per_step + part * size
        return range(first, first + size)


@dataclass(frozen=True)
class Batch:
    """What one forward pass gets.

    Attributes:
        positions: of the images in the stream.
        inputs: (B, 3, H, W) uint8 images on the canvas, or (B, C, h, w) features.
        features: (B, C, h, w) float32 features of a frozen encoder.
        targets: (B, C', h, w) >= 0, the teacher's features to be rebuilt.
        valid: (B, 1, h, w) share of each cell that the image covers.
        centres: (B, 2) of the images in the canvas.
        foreground: (B, 1, h, w) in [0, 1], or None.
        labels: (B, K', h, w) probabilities to keep to, or None.
    """

    positions: Sequence[int]
    inputs: Tensor
    features: Tensor
    targets: Tensor
    valid: Tensor
    centres: Tensor
    foreground: Tensor | None = None
    labels: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device, but for the centres: warps are drawn on the CPU."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved | {"centres": self.centres})


class TrainingData:
    """All that is trained on.

    Args:
        features: of the images, with the teacher.
        scaling: makes the teacher's features non-negative and of mean square 1.
        records: the images, in the order of the features; None where features are all there is.
        canvas: (H, W) in pixels, a multiple of the strides; None for features, whose largest grid it becomes.
        stride: pixels a cell of the features; 1 for features.
        image_size: long side of an image in pixels.
        output_stride: pixels a cell of the maps; None where it is `stride`.
        foreground: (h, w) maps in [0, 1] by image id, on grids of any size; None has no background.
        labels: gives image `index`, (h, w, K') probabilities on the grid of its features; None has none.
        inputs: "images", or "features", which then stand in for the images in every batch.

    Raises:
        DataError: if an image has no foreground map.
    """

    def __init__(
        self,
        features: FeatureSet,
        scaling: FeatureScaling,
        *,
        records: Sequence[ImageRecord] | None = None,
        canvas: tuple[int, int] | None = None,
        stride: int = 1,
        image_size: int = 0,
        output_stride: int | None = None,
        foreground: Mapping[str, np.ndarray] | None = None,
        labels: Labels | None = None,
        inputs: str = "images",
    ) -> None:
        self.inputs = inputs if records is not None else "features"
        self.features, self.scaling, self.records = features, scaling, records
        self.stride, self.image_size = stride, image_size
        self.output_stride = output_stride or stride
        entries = features.entries
        self.canvas = canvas or (max(e.grid[0] for e in entries), max(e.grid[1] for e in entries))
        missing = [e.id for e in entries if foreground is not None and e.id not in foreground]
        if missing:
            raise DataError(f"Expected a foreground map for every image, but there is none for {missing[0]}.")
        self.foreground, self.labels = foreground, labels
        self._known_valid: dict[tuple[float, float], Tensor] = {}

    def __len__(self) -> int:
        return len(self.features)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the maps."""
        return math.ceil(self.canvas[0] / self.output_stride), math.ceil(self.canvas[1] / self.output_stride)

    def iterate(self, parts: Sequence[range], stream: Stream, workers: int = 0) -> Iterator[Batch]:
        """One batch after the other; images are decoded ahead by `workers` processes."""
        if self.records is None or self.inputs == "features":
            for positions in parts:
                yield self._batch(positions, stream.indices(positions), None)
            return
        records = self.records
        planned = [[records[i] for i in stream.indices(positions)] for positions in parts]
        loader = ImageLoader(
            planned, lambda r: resized_size(r.height, r.width, self.image_size), workers=workers
        )
        for positions, loaded in zip(parts, loader, strict=True):
            if loaded.skipped:
                raise DataError(f"{loaded.skipped[0].id} cannot be read any more: {loaded.skipped[0].reason}")
            yield self._batch(positions, stream.indices(positions), self._on_canvas(loaded.images))

    def batch_of(self, indices: Sequence[int]) -> Batch:
        """Certain images as one batch, outside of the stream; its inputs are images in any case."""
        assert self.records is not None
        images = []
        for record in (self.records[i] for i in indices):
            source = record.path if record.pixels is None else record.pixels
            images.append(
                decode_image(source, size=resized_size(record.height, record.width, self.image_size))
            )
        return self._batch(indices, indices, self._on_canvas(images))

    def _on_canvas(self, images: Sequence[np.ndarray]) -> Tensor:
        """Images (h, w, 3) on the canvas, mirrored into the padding: (B, 3, H, W) uint8."""
        H, W = self.canvas
        placed = [m[mirror(m.shape[0], H).numpy()][:, mirror(m.shape[1], W).numpy()] for m in images]
        return torch.from_numpy(np.stack(placed)).permute(0, 3, 1, 2)

    def _batch(self, positions: Sequence[int], indices: Sequence[int], inputs: Tensor | None) -> Batch:
        rows = self._place([self.features[i] for i in indices]).float()
        # channels last: what is one for each cell, scaling and products with the basis, then runs through memory
        features, targets = rows.permute(0, 3, 1, 2), self._on_maps(self.scaling(rows))
        foreground, labels = None, None
        if self.foreground is not None:
            foreground = torch.cat([self._foreground(i) for i in indices])
        if self.labels is not None:
            labels = self._on_maps(self._place([self.labels(i) for i in indices]).float())
        return Batch(
            positions=positions,
            inputs=features if inputs is None else inputs,
            features=features,
            targets=targets,
            valid=torch.stack([self._valid(self._content(i)) for i in indices]),
            centres=torch.stack([self._centre(i) for i in indices]),
            foreground=foreground,
            labels=labels,
        )

    def _place(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (h, w, C) on the canvas, mirrored into the padding: (B, h', w', C)."""
        h, w = (math.ceil(side / self.stride) for side in self.canvas)
        return torch.stack(
            [m if m.shape[:2] == (h, w) else m[mirror(m.shape[0], h)][:, mirror(m.shape[1], w)] for m in maps]
        )

    def _on_maps(self, rows: Tensor) -> Tensor:
        """(B, h, w, C) on the canvas -> (B, C, h', w') on the grid of the maps."""
        maps = rows.permute(0, 3, 1, 2)
        if self.output_stride == self.stride:
            return maps
        return F.interpolate(maps, self.grid, mode="bilinear", align_corners=False)

    def _content(self, index: int) -> tuple[float, float]:
        """(rows, columns) of the maps' grid that an image covers."""
        rows, columns = self.features.entries[index].content
        return rows * self.stride / self.output_stride, columns * self.stride / self.output_stride

    def _valid(self, content: tuple[float, float]) -> Tensor:
        """(1, h, w) share of each cell that an image of this content covers; images have few different ones."""
        if content not in self._known_valid:
            rows, columns = (
                (covered - torch.arange(n, dtype=torch.float32)).clamp(0, 1)
                for n, covered in zip(self.grid, content, strict=True)
            )
            self._known_valid[content] = (rows[:, None] * columns)[None]
        return self._known_valid[content]

    def _centre(self, index: int) -> Tensor:
        (rows, columns), (h, w) = self._content(index), self.grid
        return torch.tensor([columns - w, rows - h]) / max(h, w)

    def _foreground(self, index: int) -> Tensor:
        """(1, 1, h, w), zero outside the image."""
        assert self.foreground is not None
        known = torch.as_tensor(np.asarray(self.foreground[self.features.entries[index].id])).float()
        rows, columns = (math.ceil(c) for c in self._content(index))
        inside = known[None, None]
        if known.shape != (rows, columns):
            inside = F.interpolate(inside, (rows, columns), mode="area")
        return F.pad(inside, (0, self.grid[1] - columns, 0, self.grid[0] - rows))
