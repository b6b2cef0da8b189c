"""Which cells belong to the objects, without labels."""

from partdisc.foreground.auto import AUTO, CLASS_ESTIMATORS, ESTIMATORS, fit_foreground
from partdisc.foreground.classes import class_logits
from partdisc.foreground.given import ALPHA, GivenMasks, check_masks, fit_to_masks, open_masks
from partdisc.foreground.grids import grid_image
from partdisc.foreground.logistic import LinearForeground
from partdisc.foreground.mask_file import lay_on_grid, resize_mask

__all__ = [
    "ALPHA",
    "AUTO",
    "CLASS_ESTIMATORS",
    "ESTIMATORS",
    "GivenMasks",
    "LinearForeground",
    "check_masks",
    "class_logits",
    "fit_foreground",
    "fit_to_masks",
    "grid_image",
    "lay_on_grid",
    "open_masks",
    "resize_mask",
]
