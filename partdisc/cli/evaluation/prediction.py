"""The masks and soft maps that are scored: of one run, or of several found category by category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from partdisc.parts import PartMaps, PartNames
from partdisc.store.maps import read_maps
from partdisc.store.masks import MaskEntry, MaskSet, read_masks
from partdisc.store.run import load_run


@dataclass
class Prediction:
    """The masks of one run, or of several that were discovered category by category.

    Attributes:
        name: shown in reports.
        sets: the mask sets, one for each run.
        maps: the soft maps of each set, empty where none were kept.
        unfinished: runs that say they are not done, with what they say.
    """

    name: str
    sets: list[MaskSet]
    maps: list[Mapping[str, PartMaps]]
    unfinished: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, *folders: Path, name: str | None = None) -> Prediction:
        """Open runs, or anybody's folders of masks in the layout of `parts/`; the name is theirs by default."""
        sets = [read_masks(folder) for folder in folders]
        maps: list[Mapping[str, PartMaps]] = []
        for masks in sets:
            kept = any((masks.folder / "maps").glob("*.safetensors"))
            maps.append(read_maps(masks.folder / "maps") if kept else {})
        runs = [load_run(folder) for folder in folders if (folder / "run.json").exists()]
        unfinished = [f"{run.folder} ({run.status})" for run in runs if run.status != "done"]
        return cls(name or " + ".join(str(folder) for folder in folders), sets, maps, unfinished)

    @property
    def entries(self) -> list[tuple[int, MaskEntry]]:
        """All images with the number of their set."""
        return [(n, entry) for n, masks in enumerate(self.sets) for entry in masks.entries]

    @property
    def part_names(self) -> PartNames:
        """Names of the parts; numbers where several sets mean different things by them."""
        if len(self.sets) == 1:
            return self.sets[0].names
        return PartNames.numbered(max(masks.num_parts for masks in self.sets))
