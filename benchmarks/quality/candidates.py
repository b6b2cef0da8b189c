"""Settings of ours that were tried, one change of the defaults each.

They back the defaults with rows, and the leave-one-set-out check chooses among them. What did not help stays listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """Settings beside the defaults.

    Attributes:
        name: in tables.
        settings: of `partdisc.discover`; the method's own go into `options`.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


TWO_STAGE = {"method": "two-stage", "foreground": "auto"}

CANDIDATES = (
    Candidate("24 fine clusters", {**TWO_STAGE, "options": {"fine_clusters": 24}}),
    Candidate("96 fine clusters", {**TWO_STAGE, "options": {"fine_clusters": 96}}),
    Candidate("one clustering, no vote", {**TWO_STAGE, "options": {"votes": 1}}),
    Candidate("9 votes", {**TWO_STAGE, "options": {"votes": 9}}),
    Candidate("stride 16 alone", {**TWO_STAGE, "layers": "stride16"}),
    Candidate("images of 320 pixels", {**TWO_STAGE, "image_size": 320}),
    Candidate("images of 448 pixels", {**TWO_STAGE, "image_size": 448}),
    Candidate("images of 704 pixels", {**TWO_STAGE, "image_size": 704}),
    Candidate("masks not refined", {**TWO_STAGE, "refine": "none"}),
    Candidate("foreground from the border alone", {**TWO_STAGE, "foreground": "border"}),
    Candidate("foreground from the classifier's evidence alone", {**TWO_STAGE, "foreground": "class"}),
    Candidate("no foreground", {**TWO_STAGE, "foreground": "none"}),
    Candidate("dff within the foreground", {"method": "dff", "foreground": "auto"}),
    Candidate("kmeans within the foreground", {"method": "kmeans", "foreground": "auto"}),
)
