"""Soft part maps refined by the colours of their own image.

Within one image a part has few colours and its neighbours have others: a shirt ends where its colour ends. Each
label's colours are learnt from its current map, the map is corrected by them and smoothed along the image's edges;
a few times over. This is mean-field inference with an image's own colour model, as in GrabCut with K + 1 labels.
"""

from __future__ import annotations

import cv2
import numpy as np

from partdisc.refinement.guided import guided_filter

COLOURS = 24  # clusters of an image's colours
KMEANS_PIXELS = 1200


def refine_by_colour(
    image: np.ndarray,
    maps: np.ndarray,
    *,
    strength: float = 0.8,
    iterations: int = 3,
    radius: int = 3,
) -> np.ndarray:
    """Refine the soft maps of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        maps: (K + 1, H, W) probabilities, channel 0 the background.
        strength: weight of the colours beside the maps; 0 only smooths.
        iterations: of learning colours and correcting the maps.
        radius: of the smoothing, in pixels.

    Returns:
        (K + 1, H, W) float32, positive, channels summing to 1.

    >>> image = np.zeros((16, 16, 3), np.uint8); image[:, 8:] = 255
    >>> maps = np.full((2, 16, 16), 0.5, np.float32); maps[1, :, 10:], maps[0, :, 10:] = 0.9, 0.1
    >>> maps[1, :, :6], maps[0, :, :6] = 0.1, 0.9
    >>> bool((refine_by_colour(image, maps).argmax(0) == (image[..., 0] > 0)).all())
    True
    """
    initial = np.ascontiguousarray(np.moveaxis(maps, 0, -1), dtype=np.float32)
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    colours = colour_clusters(image)
    prior = np.log(np.maximum(initial, 0) + 1e-3)
    current = initial
    for _ in range(iterations):
        evidence = _colour_evidence(colours, current)[colours]
        odds = np.exp(prior + strength * evidence - (prior + strength * evidence).max(2, keepdims=True))
        smooth = guided_filter(guide, odds / odds.sum(2, keepdims=True), radius)
        current = np.clip(smooth, 1e-4, 1)
        current /= current.sum(2, keepdims=True)
    return np.ascontiguousarray(np.moveaxis(current, -1, 0))


def colour_clusters(image: np.ndarray, count: int = COLOURS) -> np.ndarray:
    """(H, W) ids of the colour cluster of each pixel; k-means in CIELAB with lightness halved."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) * np.array([0.5, 1, 1], np.float32)
    pixels = lab.reshape(-1, 3)
    sample = np.ascontiguousarray(pixels[:: max(1, len(pixels) // KMEANS_PIXELS)])
    cv2.setRNGSeed(0)  # of this thread
    until = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 8, 1.0)
    start = np.zeros((len(sample), 1), np.int32)
    _, _, centres = cv2.kmeans(sample, min(count, len(sample)), start, until, 1, cv2.KMEANS_PP_CENTERS)
    distances = np.square(centres).sum(1) - 2 * pixels @ centres.T
    return distances.argmin(1).reshape(image.shape[:2])


def _colour_evidence(colours: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """(colours, K + 1): log likelihood of each colour under each label, up to a constant of the colour."""
    labels, count = maps.shape[2], int(colours.max()) + 1
    flat = colours.ravel()
    mass = np.stack([np.bincount(flat, maps[..., k].ravel(), count) for k in range(labels)], axis=1)
    mass += 0.02 * flat.size / (count * labels)  # a colour never seen is unlikely, not impossible
    likelihood = np.log(mass / mass.sum(0))
    return (likelihood - likelihood.mean(1, keepdims=True)).astype(np.float32)
