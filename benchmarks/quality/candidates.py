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


CANDIDATES = (
    Candidate("strides 8, 16 and 32", {"layers": "stride8,stride16,stride32"}),
    Candidate("stride 16 alone", {"layers": "stride16"}),
    Candidate("stride 32 alone", {"layers": "stride32"}),
    Candidate("image size 320", {"image_size": 320}),
    Candidate("image size 640", {"image_size": 640}),
    Candidate("masks not refined", {"refine": "none"}),
    Candidate("masks refined by colour", {"refine": "colour"}),
    Candidate("without foreground", {"foreground": "none"}),
    Candidate("within the foreground", {"foreground": "auto"}),
)
