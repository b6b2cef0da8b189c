"""From a trained head to part maps: the paper's mask rule, and probabilities averaged over views of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from partdisc.data import ImageRecord, decode_image
from partdisc.discovery.inside import with_background
from partdisc.discovery.scops.network import AtrousHead
from partdisc.features import Backbone
from partdisc.features.extraction import forward_batch
from partdisc.features.planning import resized_size
from partdisc.store.features import FeatureEntry

PUBLISHED_BACKGROUND = 0.1


def published_rule(maps: np.ndarray) -> np.ndarray:
    """The paper's rule for masks: each part over its maximum in the image, against a background of 0.1.

    Args:
        maps: (K + 1, h, w) probabilities, the background first.

    Returns:
        (K + 1, h, w) float32 whose argmax is the mask.

    >>> published_rule(np.array([[[0.9, 0.98]], [[0.1, 0.005]]])).argmax(axis=0).tolist()
    [[1, 0]]
    """
    parts = maps[1:]
    highest = parts.max(axis=(1, 2), keepdims=True)
    scaled = np.divide(parts, highest, out=np.zeros_like(parts), where=highest > 0)
    background = np.full_like(parts[:1], PUBLISHED_BACKGROUND)
    return np.concatenate([background, scaled]).astype(np.float32)


def mask_maps(found: Tensor, rule: str, *, background: bool, inside: Tensor | None = None) -> np.ndarray:
    """Part maps of one image from what the head says.

    Args:
        found: (K', h, w) probabilities, the background first where there is one.
        rule: "argmax", or "published" for the paper's; a foreground that is known comes before it.
        background: whether the first map is the background.
        inside: (h, w) probability of foreground, where it is known.

    Returns:
        (K + 1, h, w) float32.
    """
    maps = found.numpy()
    if not background:
        maps = np.concatenate([np.zeros_like(maps[:1]), maps])
    if inside is not None:
        parts = torch.from_numpy(maps[1:]).permute(1, 2, 0)
        return with_background(parts / parts.sum(2, keepdim=True).clamp(min=1e-12), inside)
    return published_rule(maps) if rule == "published" else maps


def head_probabilities(head: AtrousHead, features: Tensor) -> Tensor:
    """(B, K', h, w) of features (B, C, h, w) of any dtype."""
    with torch.inference_mode():
        return head(features.float()).softmax(dim=1)


def averaged_views(
    backbone: Backbone,
    head: AtrousHead,
    record: ImageRecord,
    entry: FeatureEntry,
    *,
    image_size: int,
    scales: Sequence[float],
    flip: bool,
) -> Tensor:
    """Probabilities of one image, averaged over views of several sizes, each also mirrored left to right.

    Args:
        backbone: makes the features, where it shall run.
        head: on the CPU.
        record: the image.
        entry: of the image's features at `image_size`; the result lies on its grid.
        image_size: long side in pixels at scale 1.
        scales: of the views.
        flip: whether each view is seen mirrored too.

    Returns:
        (K', h, w).
    """
    found = []
    for scale in scales:
        size = resized_size(record.height, record.width, round(scale * image_size))
        source = record.path if record.pixels is None else record.pixels
        image = decode_image(source, size=size)
        views = [image, np.ascontiguousarray(image[:, ::-1])] if flip else [image]
        content = (size[0] / backbone.stride, size[1] / backbone.stride)
        for number, features in enumerate(forward_batch(backbone, views, torch.float32)):
            maps = head_probabilities(head, features.permute(2, 0, 1)[None])[0]
            found.append(on_grid(maps, content, entry.grid, entry.content, mirrored=number == 1))
    return torch.stack(found).mean(dim=0)


def on_grid(
    maps: Tensor,
    content: tuple[float, float],
    grid: tuple[int, int],
    target: tuple[float, float],
    *,
    mirrored: bool = False,
) -> Tensor:
    """Maps of one view of an image on the grid of another, bilinearly.

    Args:
        maps: (K', h, w).
        content: (rows, columns) of that grid which the image covers.
        grid: (h', w') wanted.
        target: (rows, columns) of that grid which the image covers.
        mirrored: whether the view is mirrored left to right.

    Returns:
        (K', h', w').

    >>> on_grid(torch.tensor([[[0.0, 2.0, 4.0]]]), (1, 3), (1, 3), (1, 3), mirrored=True).tolist()
    [[[4.0, 2.0, 0.0]]]
    """
    for dim in (1, 2):
        known, wanted = content[dim - 1], target[dim - 1]
        centres = torch.arange(grid[dim - 1], dtype=torch.float64) + 0.5
        if mirrored and dim == 2:
            centres = wanted - centres
        position = (centres * (known / wanted) - 0.5).clamp(0, maps.shape[dim] - 1)
        before = position.floor().long()
        after = (before + 1).clamp(max=maps.shape[dim] - 1)
        share = (position - before).to(maps.dtype).view(-1, *[1] * (2 - dim))
        maps = torch.lerp(maps.index_select(dim, before), maps.index_select(dim, after), share)
    return maps
