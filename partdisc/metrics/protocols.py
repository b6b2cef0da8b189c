"""The rules under which numbers were published, by name; a score is comparable only under the one that made it.

Each protocol says how the image is treated, how overlapping annotation is painted, how soft maps become labels,
what is matched with what, and which of its rules are not fully known. `partdisc` is ours and the default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partdisc.errors import ConfigError
from partdisc.metrics.centroids import probabilities
from partdisc.metrics.keypoints import CUB, SCOPS_CELEBA, UNSUP_PARTS, KeypointRule
from partdisc.metrics.treatment import NATIVE, Treatment, nearest
from partdisc.parts import PartMaps

SCOPS_BACKGROUND = 0.1


@dataclass(frozen=True)
class EvaluationProtocol:
    """The rules of one way to score.

    Attributes:
        name: as in `--protocol`.
        summary: one line.
        published: the scores its authors publish; all others are ours under its rules.
        image: treatment of the image for masks.
        keypoint_image: treatment of the image for labels at keypoints.
        overlap: how overlapping annotation is painted, a rule of the readers.
        labelling: how soft maps become labels: "argmax", or "scops" (each part divided by its maximum in the
            image, background 0.1).
        compare_at: side of the square at which labels are compared, if it is not the treated image's size.
        assignment, by, background_class: of the matching, see `MatchRule`.
        keypoints: how landmarks are regressed.
        keypoints_in_box: the foreground scores at keypoints drop the background from the prediction.
        min_box_share: images whose object box covers less of the image are left out.
        unknown: what of the original is not fully known, or cannot be reproduced from a finished run.
    """

    name: str
    summary: str
    published: tuple[str, ...] = ()
    image: Treatment = NATIVE
    keypoint_image: Treatment = NATIVE
    overlap: str = "largest-first"
    labelling: str = "argmax"
    compare_at: int | None = None
    assignment: str = "one-to-one"
    by: str | None = None
    background_class: bool = False
    keypoints: KeypointRule = CUB
    keypoints_in_box: bool = False
    min_box_share: float = 0.0
    unknown: tuple[str, ...] = ()

    @property
    def needs_maps(self) -> bool:
        """Whether predictions are made anew from soft maps, instead of taken from the masks."""
        return self.image != NATIVE or self.labelling != "argmax"

    def predicted(self, labels: np.ndarray, maps: PartMaps | None) -> np.ndarray:
        """Predicted labels as this protocol compares them.

        Args:
            labels: hard labels (H, W) of the image, resampled where no maps are needed or none are given.
            maps: soft maps of the image, or None.
        """
        if maps is None or self.compare_at is None:
            return self._compared(self.labels(labels, maps, self.image))
        return _argmax(maps.resized((self.compare_at, self.compare_at)))

    def annotated(self, labels: np.ndarray) -> np.ndarray:
        """Annotated labels (H, W) as this protocol compares them, by nearest neighbour."""
        return self._compared(self.image.labels(labels))

    def labels(self, labels: np.ndarray, maps: PartMaps | None, treatment: Treatment) -> np.ndarray:
        """Predicted labels of the image under a treatment, from maps where there are any and they are needed."""
        if maps is None or not self.needs_maps:
            return treatment.labels(labels)
        return _argmax(treatment.maps(scops_maps(maps) if self.labelling == "scops" else maps))

    def _compared(self, labels: np.ndarray) -> np.ndarray:
        return labels if self.compare_at is None else nearest(labels, (self.compare_at, self.compare_at))


def scops_maps(maps: PartMaps) -> PartMaps:
    """SCOPS's masks: every part's probability divided by its maximum in the image, the background 0.1.

    Maps that are not probabilities are first divided by their sum over channels.
    """
    soft = probabilities(maps.maps)
    peak = soft.max((1, 2), keepdims=True)
    scaled = np.divide(soft, peak, out=np.zeros_like(soft), where=peak > 0).astype(np.float32)
    scaled[0] = SCOPS_BACKGROUND
    return PartMaps(scaled, maps.size, maps.content, maps.image_id)


def _argmax(maps: np.ndarray) -> np.ndarray:
    if not maps[0].any():  # no background stage: label 0 is never given
        return (maps[1:].argmax(0) + 1).astype(np.uint8)
    return maps.argmax(0).astype(np.uint8)


_RESAMPLED = "the network saw the treated image; here the maps of a finished run are resampled to it"
_MATCHED_BY_US = "its authors publish no part IoU; the matched scores are ours under its treatment"

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        EvaluationProtocol(
            "partdisc",
            "masks at the annotation's own size, Hungarian matching by IoU, part mIoU, NMI, ARI, all pixels",
            published=("part_miou", "nmi", "ari"),
        ),
        EvaluationProtocol(
            "pdiscoformer",
            "PartImageNet: short side 224, centre crop, pixels to the part with most annotations; CUB: 518, crop",
            published=("nmi", "ari", "keypoints"),
            image=Treatment("short", 224, crop=True),
            keypoint_image=Treatment("short", 518, crop=True),
            overlap="most",
            unknown=(
                _RESAMPLED,
                _MATCHED_BY_US,
                "its evaluation fed un-normalised images to a network trained on normalised ones",
            ),
        ),
        EvaluationProtocol(
            "pdisconet",
            "PartImageNet: short side 224, no crop, overlaps to the lowest category id; CUB: short side 448",
            published=("nmi", "ari", "keypoints"),
            image=Treatment("short", 224),
            keypoint_image=Treatment("short", 448),
            overlap="smallest-id",
            unknown=(
                _RESAMPLED,
                _MATCHED_BY_US,
                "its code zips category ids with flattened polygons and shifts some; this is corrected here",
                "whether CUB's 448 is the short side or both sides is not known; the short side is taken",
            ),
        ),
        EvaluationProtocol(
            "mpae",
            "PartImageNet: squashed to 224 x 224, compared at 128 x 128; CUB: squashed to 448 x 448",
            published=("nmi", "ari"),
            image=Treatment("squash", 224),
            keypoint_image=Treatment("squash", 448),
            overlap="most",
            compare_at=128,
            unknown=(
                _RESAMPLED,
                _MATCHED_BY_US,
                "its argmax is taken on maps of 128 x 128, which a run resampled to that size only approximates",
            ),
        ),
        EvaluationProtocol(
            "unsup-parts",
            "Choudhury et al. 2021: short side 256 cut to multiples of 16; keypoints, with a variant inside the box",
            published=("nmi", "ari", "fg_nmi", "fg_ari", "keypoints"),
            image=Treatment("short", 256, multiple=16),
            keypoint_image=Treatment("short", 256, multiple=16),
            keypoints=UNSUP_PARTS,
            keypoints_in_box=True,
            unknown=(
                _RESAMPLED,
                _MATCHED_BY_US,
                "its published scores use given or supervised foreground masks; here the run's own is used",
                "which side multiples of 16 are cut from is not known; the right and lower edges are",
                "overlaps of Pascal-Part are painted largest first, which its authors may do otherwise",
            ),
        ),
        EvaluationProtocol(
            "scops-celeba",
            "SCOPS: squashed to 256 x 256, parts scaled to their maximum against 0.1; landmarks over eye distance",
            published=("keypoints",),
            image=Treatment("squash", 256),
            keypoint_image=Treatment("squash", 256),
            labelling="scops",
            keypoints=SCOPS_CELEBA,
            min_box_share=0.3,
            unknown=(
                _RESAMPLED,
                _MATCHED_BY_US,
                "centroids are softmax centroids without background; maps of methods without a softmax are "
                "divided by their sum instead",
            ),
        ),
        EvaluationProtocol(
            "stego",
            "matched by shared pixels with the background as a class; extra clusters become misses",
            published=("class_miou", "pixel_accuracy"),
            by="pixels",
            background_class=True,
            unknown=(
                "STEGO scores scenes in which every pixel has a class; the background as a class is our reading",
            ),
        ),
        EvaluationProtocol(
            "leopart",
            "Hungarian on 1 - IoU with the background as one of the classes",
            published=("class_miou",),
            background_class=True,
            unknown=(
                "Leopart compares at a reduced size and clusters the validation features itself; here the run's "
                "masks are scored at the annotation's size",
            ),
        ),
    )
}


def get_protocol(name: str) -> EvaluationProtocol:
    """A protocol by name.

    Raises:
        ConfigError: listing the names there are.
    """
    if not isinstance(name, str) or name not in PROTOCOLS:
        raise ConfigError(f"Expected a protocol among {', '.join(PROTOCOLS)}, but got {name!r}.")
    return PROTOCOLS[name]


def describe_protocols() -> str:
    """One line for each protocol."""
    return "\n".join(f"{protocol.name:<14}{protocol.summary}" for protocol in PROTOCOLS.values())
