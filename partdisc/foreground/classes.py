"""Evidence from a pretrained classifier: cells that look like anything it was taught are object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from partdisc.features import Backbone


def class_logits(backbone: Backbone) -> Callable[[Tensor], Tensor] | None:
    """The backbone's own classifier as a function of each cell of its last layer.

    Returns:
        A function of joined features (..., C) that gives logits (..., classes); None where the last of the
        backbone's layers is not the network's last, or the weights bring no classifier.
    """
    model: Any = backbone.model
    last = backbone.layers[-1]
    classifier = model.get_classifier() if hasattr(model, "get_classifier") else None
    if backbone.weights == "random" or not isinstance(classifier, nn.Linear):
        return None
    neck: nn.Module
    if hasattr(model, "conv_head") and last.name == f"blocks.{len(model.blocks) - 1}":
        neck = nn.Sequential(model.conv_head, model.bn2)
    elif last.name == "layer4" and last.channels == classifier.in_features:
        neck = nn.Identity()
    else:
        return None

    @torch.no_grad()
    def logits(features: Tensor) -> Tensor:
        rows = features[..., -last.channels :].float().flatten(0, -2)
        # as the pixels of one image, channels last: the neck is then one product
        columns = neck(rows.T[None, :, :, None])[0, :, :, 0]
        return classifier(columns.T).unflatten(0, features.shape[:-1])

    return logits


def class_evidence(logits: Sequence[Tensor]) -> list[Tensor]:
    """The largest logit of each cell.

    Args:
        logits: (h, w, classes) of each image.

    Returns:
        (h, w) for each image.

    >>> class_evidence([torch.tensor([[[0.0, 3.0], [1.0, 2.0]]])])[0].tolist()
    [[3.0, 2.0]]
    """
    return [x.amax(-1) for x in logits]


def class_certainty(logits: Sequence[Tensor]) -> list[Tensor]:
    """Minus the entropy of the classes in each cell: background is nothing in particular.

    Args:
        logits: (h, w, classes) of each image.

    Returns:
        (h, w) <= 0 for each image.
    """
    return [(x.softmax(-1) * x.log_softmax(-1)).sum(-1) for x in logits]
