"""Foreground snapped to one image's own colours and edges.

GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004): colour mixtures of object and background, and a cut along
strong edges, started from a probability instead of a rectangle.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from partdisc.foreground.grids import centre_weight

SURE = 0.85  # probabilities beyond it, and below 1 - it, are not questioned
FEWEST = 5  # pixels either side needs for its colours
WHOLE = (0, 0, 1, 1)  # GrabCut's rectangle, which it does not look at where there is a mask
MIXTURES = (2, 65)  # five colours of either side, as OpenCV keeps them
ITERATIONS = 1  # more cost as much again each and changed nothing: the start is a good guess, not a rectangle


def cut_image(
    image: np.ndarray,
    probability: np.ndarray,
    mixtures: np.ndarray | None = None,
    iterations: int = ITERATIONS,
) -> np.ndarray:
    """The object's mask by GrabCut.

    Args:
        image: (H, W, 3) uint8 RGB.
        probability: (H, W) float32 in [0, 1], of foreground.
        mixtures: (2, 65) float64, the colours of background and object that an earlier cut of the image left here and
            this one starts from and changes; zeros, or None, where it is the first.
        iterations: of GrabCut.

    Returns:
        (H, W) bool; where one side is all but empty, simply `probability` > 0.5.
    """
    if min(int((probability > 0.5).sum()), int((probability <= 0.5).sum())) < FEWEST:
        return probability > 0.5
    state = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[probability > SURE] = cv2.GC_FGD
    state[probability < 1 - SURE] = cv2.GC_BGD
    colours = np.zeros(MIXTURES) if mixtures is None else mixtures
    if not colours.any():
        _start_mixtures(image, state, colours)
    cv2.grabCut(image, state, WHOLE, colours[:1], colours[1:], iterations, cv2.GC_EVAL)
    return (state & cv2.GC_FGD) > 0  # sure or probable


def _start_mixtures(image: np.ndarray, state: np.ndarray, mixtures: np.ndarray) -> None:
    """Learn the colours of a state (H, W) of GrabCut from every second pixel a side: as good a start as all."""
    some, pixels = state[::2, ::2], image[::2, ::2]
    objects = np.count_nonzero(some & cv2.GC_FGD)
    if min(objects, some.size - objects) < FEWEST:
        some, pixels = state, image
    cv2.setRNGSeed(0)  # of this thread; mixtures start from a random clustering
    background, foreground = mixtures[:1], mixtures[1:]
    cv2.grabCut(
        np.ascontiguousarray(pixels), some.copy(), WHOLE, background, foreground, 0, cv2.GC_INIT_WITH_MASK
    )


def keep_main(probability: np.ndarray, share: float = 0.3) -> np.ndarray:
    """Quieten regions that are small beside the main one: passers-by, parked cars.

    Args:
        probability: (H, W) in [0, 1].
        share: of the mass of the heaviest region, cells near the middle counting more, below which a region's
            probability falls to a fifth.

    Returns:
        (H, W), a new array.
    """
    count, regions = cv2.connectedComponents((probability > 0.5).astype(np.uint8), connectivity=8)
    if count < 3:
        return probability.copy()
    h, w = probability.shape
    central = probability * centre_weight(h, w, spread=0.7).numpy()
    mass = np.bincount(regions.ravel(), weights=central.ravel(), minlength=count)
    mass[0] = 0
    minor = mass < share * mass.max()
    minor[0] = False
    return np.where(minor[regions], 0.2 * probability, probability).astype(probability.dtype)


class Cutter:
    """Cuts the same images again and again, each time along the colours that the cut before has learnt.

    Args:
        images: (h * s, w * s, 3) uint8 RGB each, s a whole number; see `grid_image`.
    """

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self._images = list(images)
        self._mixtures = np.zeros((len(self._images), *MIXTURES))

    def __call__(self, number: int, probability: np.ndarray, *, rough: bool = False) -> np.ndarray:
        """Cut one image by a probability on its grid.

        Args:
            number: of the image.
            probability: (h, w) float32.
            rough: whether it is cut at half its resolution, in a quarter of the time: enough for what is cut again.

        Returns:
            (h, w) float32: the share of a cell that lies inside the cut.
        """
        image, (h, w) = self._images[number], probability.shape
        if rough and (pixels := image.shape[0] // h // 2):
            image = cv2.resize(image, (w * pixels, h * pixels), interpolation=cv2.INTER_AREA)
        fine = keep_main(cv2.resize(probability, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))
        mask = keep_main(cut_image(image, fine, self._mixtures[number]).astype(np.float32)) > 0.5
        return mask.reshape(h, image.shape[0] // h, w, image.shape[1] // w).mean((1, 3), dtype=np.float32)
