"""What refining masks costs and brings: the same soft maps made into masks in several ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality.features import feature_kind, in_order
from benchmarks.quality.ours import code_digest, known_parts
from benchmarks.quality.scoring import score
from benchmarks.quality.sets import open_set
from benchmarks.quality.tasks import Labelled, Place, Task
from partdisc.discovery.inside import small_images
from partdisc.parts import PartMaps
from partdisc.refinement import guided_filter, refined
from partdisc.store.files import to_json, write_text

Refine = Callable[[PartMaps, np.ndarray], np.ndarray]


def bilinear(maps: PartMaps, picture: np.ndarray) -> np.ndarray:
    """The maps resized to the image, and nothing else."""
    return maps.to_labels()


def guided(maps: PartMaps, picture: np.ndarray) -> np.ndarray:
    """Joint upsampling: one guided filter along the edges of the small image, then resized."""
    size = picture.shape[:2]
    large = np.moveaxis(PartMaps(maps.maps, size).resized(), 0, -1)
    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    smooth = np.maximum(guided_filter(guide, np.ascontiguousarray(large)), 0)
    rows, columns = maps.content or maps.maps.shape[1:]
    times = size[0] // maps.maps.shape[1]
    return PartMaps(np.moveaxis(smooth, -1, 0), maps.size, (rows * times, columns * times)).to_labels()


def colour(maps: PartMaps, picture: np.ndarray) -> np.ndarray:
    """Mean-field inference with the image's own colours (`partdisc.refinement.refine_by_colour`)."""
    return refined(maps, picture).to_labels()


VARIANTS: Mapping[str, Refine] = {"bilinear": bilinear, "guided": guided, "colour": colour}


def compare_refinements(name: str, place: Place) -> dict[str, dict[str, Any]]:
    """Scores and milliseconds an image of every variant, for the default parts of a set (seed 0).

    The variants take turns image by image, so that whatever else the machine does falls on all of them alike.
    """
    bench = open_set(name, place.data, place.work, place.limit)
    made: dict[str, dict[str, Labelled]] = {variant: {} for variant in VARIANTS}
    seconds, count = dict.fromkeys(VARIANTS, 0.0), 0
    for group in bench.groups:
        task = Task(bench, group, 0, place.work)
        default, kind = known_parts(task, {}), feature_kind({})
        assert default.maps is not None
        features = task.features(kind)
        load, positions = small_images(features, group.listed), in_order(kind, features, group)
        labels: dict[str, list[np.ndarray]] = {variant: [] for variant in VARIANTS}
        for maps, position in zip(default.maps, positions, strict=True):
            picture = load(position)
            for variant, refine in VARIANTS.items():
                start = time.perf_counter()
                labels[variant].append(refine(maps, picture))
                seconds[variant] += time.perf_counter() - start
        count += len(positions)
        for variant in VARIANTS:
            made[variant][group.name] = Labelled(default.num_parts, labels[variant])
    return {
        variant: {"milliseconds": 1000 * seconds[variant] / count, **score(bench, made[variant], 2)["scores"]}
        for variant in VARIANTS
    }


def run_refinements(name: str, place: Place) -> str:
    """Compare on one set and keep the result."""
    found = compare_refinements(name, place)
    write_text(refinement_path(name, place), json.dumps(to_json(found)) + "\n")
    times = ", ".join(f"{variant} {scores['milliseconds']:.1f} ms" for variant, scores in found.items())
    return f"{name}: refinements, an image: {times}"


def refinement_path(name: str, place: Place) -> Path:
    """Where the comparison is kept, for this state of the code."""
    return place.work / "results" / f"{name}-refinement-{code_digest()}-{place.limit}.json"
