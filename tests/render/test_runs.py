from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from partdisc.errors import ArtifactError, DataError
from partdisc.render.runs import choose_images, open_run, read_entry
from partdisc.store.matching import GroupMatching, read_matching, write_matching

SCORES = {"a": 0.3, "b": 0.1, "c": 0.5, "d": 0.2, "e": 0.4}


def read_image(path, size=None):
    return np.asarray(Image.open(path).convert("RGB"))


def test_run_gives_masks_scores_and_matching(make_run):
    run = open_run(make_run())
    assert run.name == "run"
    assert run.targets == {"all": (0, 3, 2, 1)}
    assert run.part_ious == [0.3, 0.2, 0.1]
    assert run.annotated_names == ("annotated 1", "annotated 2", "annotated 3")
    assert set(run.per_image) == {entry.id for entry in run.masks.entries}
    pixels, labels = read_entry(run, run.masks.entries[0], read_image)
    assert pixels.shape == (*labels.shape, 3)


def test_run_without_evaluation_is_fine(make_run):
    run = open_run(make_run(scores=False), "mine")
    assert (run.name, run.targets, run.per_image, run.metrics) == ("mine", {}, {}, {})
    assert run.part_ious == [None] * 3


def test_categories_keep_their_own_matchings(make_run):
    folder = make_run()
    path = folder / "evaluation" / "matching.json"
    groups = {"bird": GroupMatching((0, 1, 2, 3)), "car": GroupMatching((0, 3, 2, 1))}
    write_matching(path, dataclasses.replace(read_matching(path), groups=groups))
    run = open_run(folder)
    assert run.targets == {"bird": (0, 1, 2, 3), "car": (0, 3, 2, 1)}
    assert run.part_ious == [None] * 3


def test_choice_follows_the_scores():
    ids = list("abcdef")
    assert choose_images(ids, "first", 2) == ["a", "b"]
    assert choose_images(ids, "best", 2, scores=SCORES) == ["c", "e"]
    assert choose_images(ids, "worst", 2, scores=SCORES) == ["b", "d"]
    assert choose_images(ids, "median", 1, scores=SCORES) == ["a"]
    assert choose_images(ids, "spread", 3, scores=SCORES) == ["b", "a", "c"]
    assert choose_images(ids, "random", 6, seed=3) == choose_images(ids, "random", 6, seed=3)
    assert sorted(choose_images(ids, "random", 6)) == ids
    assert choose_images(ids, "random", 6) != choose_images(ids, "random", 6, seed=1)


def test_bad_input_is_told_in_one_line(make_run, tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        open_run(tmp_path / "nothing")
    folder = make_run()
    run = open_run(folder)
    entry = run.masks.entries[0]
    with pytest.raises(DataError, match="--images DIR"):
        read_entry(run, entry, read_image, tmp_path / "elsewhere")
    Image.new("RGB", (5, 5)).save(run.masks.image_path(entry), format="PNG")
    with pytest.raises(DataError, match="the image changed since the run"):
        read_entry(run, entry, read_image)
    with pytest.raises(DataError, match="run evaluate first"):
        choose_images(["a"], "best", 1)
    with pytest.raises(DataError, match="first, random, best"):
        choose_images(["a"], "nicest", 1, scores=SCORES)
    (folder / "evaluation" / "metrics.json").write_text("[]")
    with pytest.raises(ArtifactError, match="JSON object"):
        open_run(folder)
    (folder / "evaluation" / "metrics.json").unlink()
    (folder / "evaluation" / "per_image.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ArtifactError, match="columns"):
        open_run(folder)
