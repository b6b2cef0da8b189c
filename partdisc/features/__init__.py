"""Dense features: backbones, and their extraction from many images."""

from partdisc.features.backbone import Backbone
from partdisc.features.extraction import extract_features
from partdisc.features.layers import Layer
from partdisc.features.planning import DEFAULT_IMAGE_SIZE
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
