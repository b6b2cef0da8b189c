"""Annotated sets of every supported format behind one interface; `read_annotations` opens one."""

from partdisc.data.annotations.base import AnnotatedImage, AnnotationSet, Keypoints
from partdisc.data.annotations.painting import OVERLAP_RULES, PartInstance, paint
from partdisc.data.annotations.quirks import QuirkReport
from partdisc.data.annotations.reading import read_annotations

__all__ = [
    "OVERLAP_RULES",
    "AnnotatedImage",
    "AnnotationSet",
    "Keypoints",
    "PartInstance",
    "QuirkReport",
    "paint",
    "read_annotations",
]
