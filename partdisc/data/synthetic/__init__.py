"""Drawn objects of PartImageNet's 11 super-categories with exact masks of all 40 parts.

The tree reads as the drawing goes: `objects` (what a thing looks like, as layers of outlines with materials),
`materials` and `lighting` (the colour of a pixel), `canvas` (painting a layer: pixels and labels from one mask),
`scenes` and `clutter` (where it stands), `picture` (one image), `writer` (a set on disk).
"""

from __future__ import annotations

import numpy as np

from partdisc.data import taxonomy
from partdisc.data.synthetic.picture import draw_picture
from partdisc.data.synthetic.writer import make_synthetic
from partdisc.errors import ConfigError

__all__ = ["draw", "make_synthetic"]


def draw(
    super_category: str, seed: int = 0, size: int | tuple[int, int] = 256, *, synset: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one object in memory.

    Args:
        super_category: one of PartImageNet's, "quadruped".
        seed: another seed gives another class, pose, place and light.
        size: in pixels, a number or (H, W).
        synset: the class, or None for one chosen by the seed.

    Returns:
        image uint8 (H, W, 3) RGB, and labels uint8 (H, W): 0 background, else 1 + PartImageNet's category id.

    Raises:
        ConfigError: for an unknown super-category or class.

    >>> image, labels = draw("bottle", seed=3, size=(96, 64))
    >>> image.shape, sorted(set(labels.ravel().tolist()))
    ((96, 64, 3), [0, 39, 40])
    """
    category = taxonomy.super_category(super_category)
    classes = [name for split in taxonomy.SPLITS for name in category.classes[split]]
    rng = np.random.default_rng(seed)
    chosen = synset or classes[rng.integers(len(classes))]
    if chosen not in classes:
        raise ConfigError(f"Expected a class of {category.name} ({classes[0]}, ...), but got {synset!r}.")
    return draw_picture(category, chosen, (size, size) if isinstance(size, int) else size, rng)
