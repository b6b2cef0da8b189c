"""Describe, validate and convert annotated sets of every format that `read_annotations` reads."""

from partdisc.data.dataset_tool.convert import TARGETS, convert
from partdisc.data.dataset_tool.describe import describe
from partdisc.data.dataset_tool.plots import write_plots
from partdisc.data.dataset_tool.text import description_text, validation_text
from partdisc.data.dataset_tool.validate import validate

__all__ = [
    "TARGETS",
    "convert",
    "describe",
    "description_text",
    "validate",
    "validation_text",
    "write_plots",
]
