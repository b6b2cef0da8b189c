"""Soft part maps refined by the colours of their own image.

Within one image a part has few colours and its neighbours have others: a shirt ends where its colour ends. Each
label's colours are learnt from its current map, the map is corrected by them and smoothed along the image's edges;
a few times over. This is mean-field inference with an image's own colour model, as in GrabCut with K + 1 labels.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from partdisc.checks import check_array, check_count, check_number
from partdisc.errors import DataError
from partdisc.parts import PartMaps
from partdisc.refinement.guided import GuidedFilter

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

    Raises:
        DataError: if image and maps are none, or of two sizes.
        ConfigError: if a setting is out of its range.

    >>> image = np.zeros((16, 16, 3), np.uint8); image[:, 8:] = 255
    >>> maps = np.full((2, 16, 16), 0.5, np.float32); maps[1, :, 10:], maps[0, :, 10:] = 0.9, 0.1
    >>> maps[1, :, :6], maps[0, :, :6] = 0.1, 0.9
    >>> bool((refine_by_colour(image, maps).argmax(0) == (image[..., 0] > 0)).all())
    True
    """
    _check(image, maps)
    check_number("strength", strength)
    check_count("iterations", iterations, 0)
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    smoothing = GuidedFilter(guide, radius)
    colours = colour_clusters(image)
    current = np.asarray(maps, dtype=np.float32)
    prior = np.log(np.maximum(current, 0) + 1e-3)
    for _ in range(iterations):
        evidence = strength * _colour_evidence(colours, current)
        odds = np.take(evidence, colours, axis=1)
        odds += prior
        odds -= odds.max(0)
        np.exp(odds, out=odds)
        odds /= odds.sum(0)
        current = np.stack([smoothing(channel) for channel in odds])
        np.clip(current, 1e-4, 1, out=current)
        current /= current.sum(0)
    return current


def _check(image: np.ndarray, maps: np.ndarray) -> None:
    pixels, soft = check_array("an image", image, "(H, W, 3)"), check_array("maps", maps, "(K + 1, H, W)")
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3 or pixels.shape[:2] != soft.shape[1:]:
        raise DataError(
            f"Expected an image (H, W, 3) of uint8 and maps (K + 1, H, W) of its size, but got {pixels.dtype} "
            f"{pixels.shape} and {soft.shape}."
        )


def refined(maps: PartMaps, picture: np.ndarray) -> PartMaps:
    """Maps refined by the colours of their image.

    Args:
        maps: on the backbone's grid (h, w).
        picture: the image on that grid, several pixels a cell side, uint8 (h * n, w * n, 3).

    Returns:
        Maps on the grid of `picture`, of the same image.

    Raises:
        DataError: if the picture is none, or does not lie on the grid of the maps.
    """
    if not isinstance(maps, PartMaps):
        raise DataError(f"Expected PartMaps, but got {type(maps).__name__}.")
    h, w = maps.maps.shape[1:]
    pixels = max(1, check_array("a picture", picture, "(H, W, 3)").shape[0] // h)
    found = refine_by_colour(picture, PartMaps(maps.maps, (h * pixels, w * pixels)).resized())
    rows, columns = maps.content or (h, w)
    return PartMaps(found, maps.size, (rows * pixels, columns * pixels), maps.image_id)


def colour_clusters(image: np.ndarray, count: int = COLOURS) -> np.ndarray:
    """(H, W) ids of the colour cluster of each pixel; k-means in CIELAB with lightness halved."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) * np.array([0.5, 1, 1], np.float32)
    pixels = lab.reshape(-1, 3)
    sample = np.ascontiguousarray(pixels[:: max(1, len(pixels) // KMEANS_PIXELS)])
    cv2.setRNGSeed(0)  # of this thread
    until = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 8, 1.0)
    start = np.zeros((len(sample), 1), np.int32)
    _, _, centres = cv2.kmeans(sample, min(count, len(sample)), start, until, 1, cv2.KMEANS_PP_CENTERS)
    length, pixels = np.square(centres).sum(1), -2 * np.ascontiguousarray(pixels.T)
    return _nearest(lambda n: centres[n] @ pixels + length[n], len(centres)).reshape(image.shape[:2])


def _nearest(distance: Callable[[int], np.ndarray], count: int) -> np.ndarray:
    """Which of `count` distances is the least at each pixel, the first of equal ones."""
    least = distance(0)
    nearest = np.zeros(least.shape, np.uint8)
    for number in range(1, count):
        found = distance(number)
        np.maximum(nearest, (found < least) * np.uint8(number), out=nearest)
        np.minimum(least, found, out=least)
    return nearest


def _colour_evidence(colours: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """(K + 1, colours): log likelihood of each colour under each label, up to a constant of the colour."""
    labels, count = len(maps), int(colours.max()) + 1
    flat = colours.ravel()
    mass = np.stack([np.bincount(flat, channel.ravel(), count) for channel in maps]).astype(np.float64)
    mass = mass + np.float64(
        0.02 * flat.size / (count * labels)
    )  # a colour never seen is unlikely, not impossible
    likelihood = np.log(mass / mass.sum(1, keepdims=True))
    return (likelihood - likelihood.mean(0)).astype(np.float32)
