"""What training keeps to: the masks that it starts from, corrected by the colours of each image.

The other losses are nearly met by many partitions, so by themselves they let a good start drift. Here the network
also learns its own start as labels, on the image and on its warp: self-training on pseudo-labels (Lee, ICML workshop
2013; Xie et al., "Self-training with Noisy Student", CVPR 2020). Labels are hard, as there, and follow the edges of
their image, as in Khoreva et al., "Simple Does It", CVPR 2017, so they say more than the features of a cell alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.discovery.inside import Pictures
from partdisc.discovery.scops.start import Start
from partdisc.parts import PartMaps
from partdisc.refinement import refined
from partdisc.store.features import FeatureSet


def start_labels(
    features: FeatureSet, start: Start, pictures: Pictures | None
) -> Callable[[int], Tensor] | None:
    """Labels of images, made when first asked for and kept in half precision.

    Args:
        features: of the images.
        start: whose classifier labels cells.
        pictures: gives image `index`, (h n, w n, 3) uint8, whose colours correct them; None leaves them as they are.

    Returns:
        A function that gives image `index`: (h, w, K') float16, the share of each cell that has each label. None
        where the start knows no parts.
    """
    weight, bias = start.weight, start.bias
    if weight is None or bias is None:
        return None

    @cache
    def labels(index: int) -> Tensor:
        rows = (features[index].float() - start.mean) / start.scale
        found = (rows @ weight.T + bias).softmax(dim=-1)
        if pictures is None:
            return F.one_hot(found.argmax(dim=-1), len(bias)).half()
        return _corrected(found, pictures(index), features.entries[index].content).half()

    return labels


def _corrected(found: Tensor, picture: np.ndarray, content: tuple[float, float]) -> Tensor:
    """Shares (h, w, K') of labels in each cell, by probabilities (h, w, K') that a picture has corrected."""
    h, w, channels = found.shape
    pixels = picture.shape[0] // h
    maps = PartMaps(found.permute(2, 0, 1).numpy(), picture.shape[:2], content)
    fine = torch.from_numpy(refined(maps, picture).maps).argmax(dim=0)
    return F.one_hot(fine, channels).view(h, pixels, w, pixels, channels).float().mean(dim=(1, 3))
