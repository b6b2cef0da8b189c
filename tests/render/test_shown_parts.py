from __future__ import annotations

import numpy as np

from partdisc.render.palette import part_palette
from partdisc.render.runs import open_run
from partdisc.render.shown_parts import to_keys, unify_parts


def test_parts_that_mean_the_same_share_key_and_color(make_run):
    runs = [open_run(make_run(name)) for name in ("one", "two")]
    runs[1].targets = {"all": (0, 0, -1, 1)}
    shown = unify_parts(runs, runs[0].annotated_names)
    assert [keys.of() for keys in shown.runs] == [(0, 3, 2, 1), (0, 0, 4, 1)]
    assert [part.name for part in shown.parts] == [*runs[0].annotated_names, "two: part 2"]
    assert shown.palette == part_palette(4)


def test_each_category_goes_by_its_own_matching(make_run):
    run = open_run(make_run())
    run.targets = {"bird": (0, 1, -1, 2), "car": (0, 3, 2, -1)}
    shown = unify_parts([run], run.annotated_names)
    (keys,) = shown.runs
    assert keys.of("bird") == (0, 1, 5, 2)
    assert keys.of("car") == (0, 3, 2, 6)
    assert keys.of("fish") == keys.of() == (0, 4, 5, 6)


def test_the_only_category_holds_for_every_image(make_run):
    run = open_run(make_run())
    run.targets = {"car": (0, 3, 2, -1)}
    (keys,) = unify_parts([run], run.annotated_names).runs
    assert keys.of() == keys.of("car") == (0, 3, 2, 4)
    assert run.part_ious == [0.3, 0.2, None]


def test_without_annotation_parts_are_those_of_the_run(make_run):
    runs = [open_run(make_run("one", num_parts=2)), open_run(make_run("two", num_parts=3))]
    shown = unify_parts(runs)
    assert [keys.of() for keys in shown.runs] == [(0, 1, 2), (0, 1, 2, 3)]
    assert [part.name for part in shown.parts] == ["part 1", "part 2", "part 3"]


def test_labels_become_keys_and_ignored_pixels_stay():
    labels = np.array([[0, 1, 2, 3, 255]], np.uint8)
    assert to_keys(labels, [0, 5, 0, 254]).tolist() == [[0, 5, 0, 254, 255]]
    assert to_keys(labels, [0, 300]).tolist() == [[0, 0, 0, 0, 255]]
