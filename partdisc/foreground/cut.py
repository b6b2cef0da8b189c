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
    mode = cv2.GC_EVAL if colours.any() else cv2.GC_INIT_WITH_MASK
    cv2.setRNGSeed(0)  # of this thread; its mixtures start from a random clustering
    whole = (0, 0, image.shape[1], image.shape[0])  # not looked at in these modes
    cv2.grabCut(image, state, whole, colours[:1], colours[1:], iterations, mode)
    return (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)


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

    def __call__(self, number: int, probability: np.ndarray) -> np.ndarray:
        """Cut one image at its resolution by a probability on its grid.

        Args:
            number: of the image.
            probability: (h, w) float32.

        Returns:
            (h, w) float32: the share of a cell that lies inside the cut.
        """
        image = self._images[number]
        fine = keep_main(cv2.resize(probability, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))
        mask = keep_main(cut_image(image, fine, self._mixtures[number]).astype(np.float32)) > 0.5
        h, w = probability.shape
        return mask.reshape(h, image.shape[0] // h, w, image.shape[1] // w).mean((1, 3), dtype=np.float32)
