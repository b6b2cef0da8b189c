"""A small annotated mask folder, runs that predict it, and the command that scores them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.parts import PartMaps
from partdisc.store.maps import write_maps
from partdisc.store.masks import MaskEntry, MaskSet, write_index, write_mask

SIZE = (24, 32)
PALETTE = [(0, 0, 0), (230, 0, 0), (0, 230, 0), (0, 0, 230)]
NAMES = ["a.png", "b.png", "c.png", "sub/d.png"]


def blocks(seed: int, highest: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, highest + 1, (6, 8)).repeat(4, 0).repeat(4, 1).astype(np.uint8)


class World:
    """An annotation of two parts on four images below `root`, and the files that a run leaves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.set = root / "set"
        self.targets = {name: blocks(n, 2) for n, name in enumerate(NAMES)}
        for n, (name, target) in enumerate(self.targets.items()):
            pixels = np.random.default_rng(n).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
            self.picture("set/images/" + name, pixels)
            write_mask(self.set / "masks" / name, target, PALETTE)
        self.json("set/parts.json", {"1": "head", "2": "tail"})

    def picture(self, name: str, pixels: np.ndarray) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    def json(self, name: str, data: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    def run(
        self, name: str = "run", *, images=NAMES, num_parts=3, noise=0.2, maps=False, shift=1, prefix=""
    ) -> Path:
        """A run whose parts are the annotated ones renumbered, with some noise."""
        folder = self.root / name / "parts"
        entries, soft = [], []
        for n, image in enumerate(images):
            rng = np.random.default_rng(100 + n)
            target = self.targets[image]
            labels = np.where(target > 0, (target - 1 + shift) % num_parts + 1, 0)
            labels = np.where(rng.random(SIZE) < noise, rng.integers(0, num_parts + 1, SIZE), labels)
            mask = f"masks/{Path(image).with_suffix('.png')}"
            write_mask(folder / mask, labels.astype(np.uint8), PALETTE)
            entries.append(MaskEntry(prefix + image, image, SIZE[1], SIZE[0], mask))
            onehot = np.eye(num_parts + 1)[labels[2::4, 2::4]].transpose(2, 0, 1)
            soft.append(PartMaps(onehot, SIZE, image_id=prefix + image))
        write_index(MaskSet(folder, num_parts, PALETTE, None, str(self.set / "images"), entries))
        if maps:
            write_maps(folder / "maps" / "00000.safetensors", soft)
        return self.root / name

    def evaluate(self, *argv: object) -> int:
        """Exit status of the command, on the set unless --annotations says otherwise."""
        line = [str(word) for word in argv]
        if "--annotations" not in line and "--protocol=list" not in line:
            line += ["--annotations", str(self.set)]
        return run_command("evaluate", line)

    def metrics(self, run: str = "run") -> dict:
        return json.loads((self.root / run / "evaluation" / "metrics.json").read_text())
