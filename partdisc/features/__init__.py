"""Dense features: backbones, and their extraction from many images."""

from partdisc.features.backbone import Backbone, Layer
from partdisc.features.extraction import DEFAULT_IMAGE_SIZE, extract_features
from partdisc.features.registry import DEFAULT_BACKBONE, create_backbone, list_backbones

__all__ = [
    "DEFAULT_BACKBONE",
    "DEFAULT_IMAGE_SIZE",
    "Backbone",
    "Layer",
    "create_backbone",
    "extract_features",
    "list_backbones",
]
