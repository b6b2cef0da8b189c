"""What scores are called where people read them."""

from __future__ import annotations

SCORE_NAMES = {
    "part_miou": "part mIoU",
    "background_iou": "background IoU",
    "foreground_iou": "foreground IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "nmi": "NMI",
    "ari": "ARI",
    "fg_nmi": "FG-NMI",
    "fg_ari": "FG-ARI",
    "iou": "IoU",
}


def score_name(key: str) -> str:
    """The name of a score; one that is not known keeps its key, with blanks.

    >>> score_name("part_miou"), score_name("some_other")
    ('part mIoU', 'some other')
    """
    return SCORE_NAMES.get(key, key.replace("_", " "))


def format_score(value: float | None) -> str:
    """A fraction as people read it.

    >>> format_score(0.12345), format_score(None)
    ('0.123', '–')
    """
    return "–" if value is None else f"{value:.3f}"
