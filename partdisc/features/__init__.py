"""Dense features: backbones, and their extraction from many images."""

from partdisc.features.backbone import Backbone, Layer
from partdisc.features.registry import DEFAULT_BACKBONE, create_backbone, list_backbones

__all__ = ["DEFAULT_BACKBONE", "Backbone", "Layer", "create_backbone", "list_backbones"]
