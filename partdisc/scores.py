"""What scores are called, and how they are written, where people read them."""

from __future__ import annotations

import math

SCORE_NAMES = {
    "part_miou": "part mIoU",
    "class_miou": "class mIoU",
    "background_iou": "background IoU",
    "foreground_iou": "foreground IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "nmi": "NMI",
    "ari": "ARI",
    "fg_nmi": "FG-NMI",
    "fg_ari": "FG-ARI",
    "purity": "purity",
    "completeness": "completeness",
    "iou": "IoU",
}


def score_name(key: str) -> str:
    """The name of a score; one that is not known keeps its key, with blanks.

    >>> score_name("part_miou"), score_name("some_other")
    ('part mIoU', 'some other')
    """
    return SCORE_NAMES.get(key, key.replace("_", " "))


def format_score(value: float | None, digits: int = 3) -> str:
    """A fraction as people read it; a dash where undefined.

    >>> format_score(0.12345), format_score(None), format_score(float("nan"))
    ('0.123', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"
