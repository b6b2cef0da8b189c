"""Training that has gone wrong is told, not finished: losses that are no numbers, parts that vanish or take all."""

from __future__ import annotations

import math

from partdisc.errors import DataError

WINDOW = 5  # lines of the log over which areas are averaged
LEAST_AREA = 1e-4  # of the image
LARGEST_SHARE = 0.98  # of what all parts take
NEXT = (
    "Start anew (--overwrite) with a lower learning_rate, {}; settings go into a file for --training, and "
    '"stop_on_collapse": false there trains on all the same.'
)


class CollapseWatch:
    """Looks at the areas of parts at each line of the log.

    Args:
        recent: areas of the last lines, for a run that goes on.
    """

    def __init__(self, recent: list[list[float]] | None = None) -> None:
        self.recent = list(recent or [])

    def check(self, step: int, areas: list[float]) -> None:
        """Take in the areas (K,) of the parts.

        Raises:
            DataError: if over the last lines a part vanished or one swallowed all; the message says what helps.
        """
        self.recent = [*self.recent, areas][-WINDOW:]
        if len(self.recent) < WINDOW:
            return
        mean = [sum(column) / WINDOW for column in zip(*self.recent, strict=True)]
        smallest, largest, total = min(mean), max(mean), sum(mean)
        start = f"Training collapsed at step {step}: part"
        if smallest < LEAST_AREA:
            which = f"{mean.index(smallest) + 1} of {len(mean)} has vanished ({smallest:.4%} of the images)."
            raise DataError(f"{start} {which} {NEXT.format('fewer parts, or more orthonormality')}")
        if len(mean) > 1 and largest > LARGEST_SHARE * total:
            which = f"{mean.index(largest) + 1} of {len(mean)} takes {largest / total:.1%} of what all parts take."
            raise DataError(f"{start} {which} {NEXT.format('start two-stage, or more concentration')}")


def check_finite(step: int, values: dict[str, float]) -> None:
    """Raise a DataError where a loss is no number.

    Raises:
        DataError: naming the losses and what helps.
    """
    broken = [name for name, value in values.items() if not math.isfinite(value)]
    if broken:
        raise DataError(
            f"Training failed at step {step}: {', '.join(broken)} became NaN or infinite. Lower the learning rates, "
            "or use precision float32 or bfloat16. The last checkpoint was written before that."
        )
