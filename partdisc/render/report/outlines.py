"""A label map as SVG paths: small, scalable, and each part can be shown, hidden and coloured by itself."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

TOLERANCE = 1.0  # pixels of the thumbnail


def part_paths(labels: np.ndarray, keys: Sequence[int]) -> dict[int, str]:
    """The outline of every part present.

    Paths run through the centres of the boundary pixels, so they are to be drawn with a stroke one pixel wide; holes
    show with fill rule "evenodd".

    Args:
        labels: uint8 (h, w).
        keys: for each label the part it is shown as; labels with key 0, and labels beyond, are left out.

    Returns:
        Key -> path data in pixels, the largest part first.

    >>> part_paths(np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]], np.uint8), [0, 7])
    {7: 'M1 1l0 2 2 0 0 -2z'}
    """
    table = np.zeros(256, np.int64)
    table[: len(keys)] = keys[:256]
    shown = table[labels]
    present, areas = np.unique(shown[shown > 0], return_counts=True)
    paths = {}
    for key in present[np.argsort(-areas, kind="stable")]:
        mask = (shown == key).astype(np.uint8)
        rings, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        paths[int(key)] = "".join(
            _path(cv2.approxPolyDP(ring, TOLERANCE, closed=True)[:, 0]) for ring in rings
        )
    return paths


def _path(ring: np.ndarray) -> str:
    steps = " ".join(map(str, (ring[1:] - ring[:-1]).ravel().tolist()))
    return f"M{ring[0, 0]} {ring[0, 1]}l{steps}z" if steps else f"M{ring[0, 0]} {ring[0, 1]}h0z"
