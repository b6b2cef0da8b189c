"""From coarse maps to image-resolution masks."""

from partdisc.refinement.colour import refine_by_colour, refined
from partdisc.refinement.guided import guided_filter

__all__ = ["guided_filter", "refine_by_colour", "refined"]
