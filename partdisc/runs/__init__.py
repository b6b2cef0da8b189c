"""The main job: images to features, parts, masks and figures, in a folder that can be gone on with."""

from partdisc.runs.collection import discover_by_folder
from partdisc.runs.pipeline import discover

__all__ = ["discover", "discover_by_folder"]
