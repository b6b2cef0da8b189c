from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from partdisc.render.palette import part_palette
from partdisc.store.masks import MaskEntry, MaskSet, write_index, write_mask
from partdisc.store.matching import GroupMatching, MatchingRecord, write_matching


@pytest.fixture
def scene():
    """An image (60, 80, 3) with three parts: a large one, a small one inside it, one at the edge."""
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (60, 80, 3), dtype=np.uint8)
    labels = np.zeros((60, 80), np.uint8)
    labels[10:50, 10:50] = 1
    labels[25:33, 25:33] = 2
    labels[:12, 66:] = 3
    return image, labels


@pytest.fixture
def make_run(tmp_path):
    """Writes a small run with images: `make_run(name, sizes=..., file_names=..., **options)` gives its folder."""

    def make(name="run", *, count=6, num_parts=3, file_names=None, part_names=None, seed=0, scores=True):
        rng = np.random.default_rng(seed)
        images, run = tmp_path / "images", tmp_path / name
        file_names = file_names or [f"sub/image {i}.png" for i in range(count)]
        entries = []
        for index, file_name in enumerate(file_names):
            height, width = 48 + 8 * (index % 3), 64
            (images / file_name).parent.mkdir(parents=True, exist_ok=True)
            if not (images / file_name).exists():
                pixels = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
                Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(images / file_name, format="PNG")
            labels = np.zeros((height, width), np.uint8)
            for part in range(1, num_parts + 1):
                x, y = int(rng.integers(0, width - 20)), int(rng.integers(0, height - 20))
                labels[y : y + 16, x : x + 20] = part
            mask = f"masks/{file_name}.png"
            write_mask(run / "parts" / mask, labels, part_palette(num_parts))
            entries.append(MaskEntry(file_name, file_name, width, height, mask))
        masks = MaskSet(run / "parts", num_parts, part_palette(num_parts), part_names, str(images), entries)
        write_index(masks)
        if scores:
            _write_scores(run, entries, num_parts, rng)
        return run

    return make


def _write_scores(run, entries, num_parts, rng):
    evaluation = run / "evaluation"
    evaluation.mkdir()
    per_part = [
        {"id": p, "name": f"annotated {p}", "iou": p / 10, "pixels": 5} for p in range(1, num_parts + 1)
    ]
    metrics = {
        "part_miou": 0.2,
        "nmi": None,
        "protocol": "partdisc",
        "per_part": per_part,
        "intervals": {"part_miou": [0.15, 0.25]},
        "controls": {"grid": {"part_miou": 0.1, "nmi": 0.05}, "best reachable": "not computed"},
        "notes": ["a note"],
    }
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    targets = [0, *range(num_parts, 0, -1)]
    names = tuple(f"annotated {p}" for p in range(1, num_parts + 1))
    groups = {"all": GroupMatching(tuple(targets))}
    write_matching(
        evaluation / "matching.json",
        MatchingRecord("one-to-one", "iou", "dataset", num_parts, names, groups),
    )
    lines = ["image,part_miou"] + [f'"{e.id}",{rng.random():.4f}' for e in entries]
    (evaluation / "per_image.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (run / "run.json").write_text(
        json.dumps(
            {"status": "done", "command": "partdisc discover x", "seed": 0, "settings": {"method": "dff"}}
        )
    )
    log = [{"stage": "training", "step": s, "loss": 1 / (s + 1), "rate": 0.1} for s in range(5)]
    (run / "log.jsonl").write_text("".join(json.dumps(item) + "\n" for item in log) + '{"stage": "tr')
