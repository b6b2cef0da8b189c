"""The images a tool works on."""

from __future__ import annotations

from collections.abc import Sequence

from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.errors import ConfigError


def first_images(annotations: AnnotationSet, limit: int | None) -> Sequence[AnnotatedImage]:
    """The first `limit` images of a set, or all.

    Raises:
        ConfigError: if `limit` is below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"Expected a limit of at least 1 image, but got {limit}.")
    return annotations.images[:limit]
