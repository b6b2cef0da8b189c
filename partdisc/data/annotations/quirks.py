"""What a reader met on its way: every oddity is counted with the image and the entry that has it.

A quirk is *handled* (the entry is used after the repair the docs describe) or *broken* (the entry cannot be
used and is left out). Nothing is left out without being counted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# kind -> what was done about it
HANDLED = {
    "two-point polygon": "drawn as the box it stands for",
    "zero area": "declared area 0: left out, as everybody does",
    "crowd": "painted as ignored (255)",
    "outside the image": "clipped to the image",
    "several polygons": "one entry drawn as several polygons: kept as one region",
    "several pieces": "a region cut in two by what stands before it: kept as one",
    "overlap": "pixels in two or more parts: painted by the overlap rule",
    "no annotation": "kept: all background, or no visible point",
    "absent part": "declared, never annotated in what was read",
    "background category": "a category named background is no part: left out",
    "no pixels": "covers no pixel centre: nothing to paint",
    "not in the map": "a part that the merge map does not name: left out",
    "several classes": "objects of several classes: the image counts for the largest",
    "object without parts": "an object that nobody divided into parts",
    "not in split": "listed in the split, but not annotated: left out",
    "no image file": "annotated, but the image itself was not found; its mask is used",
    "no object mask": "the mask of the object is not there; its keypoints are used",
}
BROKEN = {
    "duplicate image id": "the first is kept",
    "duplicate file name": "the first is kept",
    "duplicate annotation id": "kept, since nothing here hangs on it; an exact repetition is dropped",
    "unknown image id": "left out",
    "unknown category id": "left out",
    "unknown part": "not among the parts of its class: left out",
    "bad coordinates": "not finite numbers: left out",
    "bad polygon": "fewer than three points, or half a point: left out",
    "bad RLE": "damaged, or not of the image's size: left out",
    "far outside the image": "left out",
    "no segmentation": "left out",
    "bad entry": "not as the format wants it: left out",
    "bad box": "left out",
    "bad size": "no usable width and height: the image is left out",
    "file name outside its folder": "the image is left out",
    "missing image": "annotated, but the image is not where the others are",
    "unreadable image": "the image is left out",
    "missing mask": "the image is left out",
    "unreadable mask": "the image is left out",
    "wrong size": "mask and image differ in size: the image is left out",
    "undeclared label": "a label without a name: painted as ignored (255)",
    "point outside the image": "kept as it is",
    "other super-category": "a part of another super-category than its image: kept as it is",
    "unlike the polygons": "mask file and polygons disagree: the polygons are used",
}


class QuirkReport:
    """Counts of everything unusual, each with the images and entries concerned.

    Noting the same thing twice counts once, so an image may be read again and again.

    >>> report = QuirkReport()
    >>> report.note("zero area", image="a.jpg", entry="annotation 7")
    >>> report.counts, report.num_broken
    ({'zero area': 1}, 0)
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[tuple[str, str], str]] = {}

    def note(self, kind: str, *, image: str = "", entry: str = "", detail: str = "") -> None:
        """Count one quirk of a known kind.

        Args:
            kind: a key of `HANDLED` or `BROKEN`.
            image: id of the image concerned, or "".
            entry: what within the image or file, e.g. "annotation 7", or "".
            detail: what was found there.
        """
        if kind not in HANDLED and kind not in BROKEN:
            raise KeyError(kind)
        self._found.setdefault(kind, {})[image, entry] = detail

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind was met, in the order of first meeting."""
        return {kind: len(found) for kind, found in self._found.items()}

    @property
    def num_broken(self) -> int:
        """How many entries could not be used."""
        return sum(len(found) for kind, found in self._found.items() if kind in BROKEN)

    def items(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """(image, entry, detail) of every quirk of one kind."""
        for (image, entry), detail in self._found.get(kind, {}).items():
            yield image, entry, detail

    def merge(self, other: QuirkReport) -> None:
        """Add what another report holds."""
        for kind, found in other._found.items():
            self._found.setdefault(kind, {}).update(found)

    def lines(self, examples: int = 3) -> list[str]:
        """One sentence for each kind, broken ones first, with a few examples."""
        kinds = sorted(self._found, key=lambda kind: kind not in BROKEN)
        return [self._line(kind, examples) for kind in kinds]

    def _line(self, kind: str, examples: int) -> str:
        shown = [" ".join(part for part in item if part) for item in self.items(kind)][:examples]
        rest = len(self._found[kind]) - len(shown)
        told = "; ".join(s for s in shown if s) + (f"; and {rest} more" if rest else "")
        state = "broken" if kind in BROKEN else "handled"
        treatment = BROKEN.get(kind) or HANDLED[kind]
        return f"{kind} ({state}, {len(self._found[kind])}): {treatment}. {told}".rstrip()

    def to_json(self, examples: int | None = 10) -> list[dict[str, Any]]:
        """One object for each kind with its count, what was done, and the first `examples` (None: all)."""
        return [
            {
                "kind": kind,
                "broken": kind in BROKEN,
                "count": len(found),
                "treatment": BROKEN.get(kind) or HANDLED[kind],
                "examples": [
                    {"image": image, "entry": entry, "detail": detail}
                    for image, entry, detail in list(self.items(kind))[:examples]
                ],
            }
            for kind, found in self._found.items()
        ]
