"""Nothing that a user can hand to `evaluate` crashes it or is scored silently.

Every case either ends with exit status 2 and one line that names the file or entry, or is scored with the oddity
counted in the report.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from partdisc.parts import PartMaps
from partdisc.store.maps import write_maps
from partdisc.store.masks import write_mask

from .evaluation_world import NAMES, PALETTE, SIZE

NOTHING = {
    "images": [{"id": 0, "file_name": "a.png", "width": 32, "height": 24}],
    "categories": [{"id": 1, "name": "head"}],
    "annotations": [],
}
SQUARE = [2, 2, 12, 2, 12, 12, 2, 12]


def change_index(world, **changes):
    path = world.root / "run" / "parts" / "index.json"
    data = json.loads(path.read_text())
    data.update(changes)
    path.write_text(json.dumps(data))


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def coco(world, *, images=None, categories=None, annotations=None):
    """A COCO file for the world's images with one good square on each, unless told otherwise."""
    for name in NAMES:
        if not (world.root / "images" / name).exists():
            world.picture(f"images/{name}", np.zeros((*SIZE, 3), np.uint8))
    good = [{"id": i, "file_name": name, "width": SIZE[1], "height": SIZE[0]} for i, name in enumerate(NAMES)]
    squares = [square(id=i, image_id=i) for i in range(len(NAMES))]
    data = {
        "images": good if images is None else images,
        "categories": [{"id": 1, "name": "head"}] if categories is None else categories,
        "annotations": squares + annotations if annotations is not None else squares,
    }
    return world.json("instances.json", data)


def square(**changes):
    entry = {"id": 90, "image_id": 0, "category_id": 1, "segmentation": [SQUARE], "area": 100, "iscrowd": 0}
    return {**entry, **changes}


def with_coco(**contents):
    return lambda world: ("--annotations", coco(world, **contents))


def on_run(action):
    """Options of a case that spoils something of the run and asks for nothing special."""

    def prepare(world):
        action(world)
        return ()

    return prepare


def mask_file(world, name="b.png"):
    return world.root / "run" / "parts" / "masks" / name


def annotated_mask(world, name="b.png"):
    return world.set / "masks" / name


def keypoints(world, x=5.0, **changes):
    records = [
        {
            "image": name,
            "width": SIZE[1],
            "height": SIZE[0],
            "unit": name,
            "joints": {"nose": [4.0 + n, 5.0, 1]},
        }
        for n, name in enumerate(NAMES)
    ]
    records[0]["joints"]["nose"][0] = x
    text = json.dumps({"joint_names": ["nose"], "images": records, **changes})
    return ("--annotations", world.json("points/joints.json", text))


def give(*words):
    return lambda world: words


def matching(world, **changes):
    data = {
        "schema": "partdisc/matching",
        "version": 1,
        "assignment": "one-to-one",
        "matched_by": "iou",
        "scope": "dataset",
        "num_parts": 3,
        "annotated_names": ["head", "tail"],
        "groups": {"all": {"targets": [0, 1, 2, -1], "background": None}},
    }
    return ("--matching", world.json("matching.json", {**data, **changes}))


# what is wrong -> (prepare(world) -> options, words of the one line)
REFUSED = {
    # the run
    "no run at all": (give("missing"), ["missing", "does not exist"]),
    "run is a file": (lambda w: (w.json("file", "{}"),), ["file"]),
    "run without index": (on_run(lambda w: (w.root / "run/parts/index.json").unlink()), ["index.json"]),
    "index cut off": (on_run(lambda w: w.json("run/parts/index.json", '{"schema": "par')), ["index.json"]),
    "index of another schema": (on_run(lambda w: change_index(w, schema="x")), ["partdisc/parts", "'x'"]),
    "index from the future": (on_run(lambda w: change_index(w, version=9)), ["version 9", "newer partdisc"]),
    "index without images": (on_run(lambda w: change_index(w, images=None)), ["index.json", "damaged"]),
    "index of no images": (on_run(lambda w: change_index(w, images=[])), ["the run has none"]),
    "index with 0 parts": (on_run(lambda w: change_index(w, num_parts=0)), ["damaged", "0 parts"]),
    "mask outside the run": (
        on_run(
            lambda w: change_index(
                w, images=[{"id": "a.png", "file_name": "a", "width": 1, "height": 1, "mask": "../a.png"}]
            )
        ),
        ["outside its folder", "../a.png"],
    ),
    "image twice in the run": (
        on_run(
            lambda w: change_index(
                w,
                images=[{"id": "a.png", "file_name": "a", "width": 1, "height": 1, "mask": "a.png"}] * 2,
            )
        ),
        ["'a.png' twice"],
    ),
    "mask missing": (on_run(lambda w: mask_file(w).unlink()), ["b.png", "does not exist"]),
    "mask is no image": (on_run(lambda w: write(mask_file(w), b"nothing")), ["b.png", "Cannot read"]),
    "mask cut off": (
        on_run(lambda w: write(mask_file(w), mask_file(w).read_bytes()[:60])),
        ["b.png", "Cannot read"],
    ),
    "mask in colour": (
        on_run(lambda w: w.picture("run/parts/masks/b.png", np.zeros((*SIZE, 3), np.uint8))),
        ["b.png", "RGB"],
    ),
    "mask not as the index says": (
        on_run(lambda w: write_mask(mask_file(w), np.zeros((9, 9), np.uint8), PALETTE)),
        ["b.png", "32 x 24", "9 x 9"],
    ),
    "mask with a part too many": (
        on_run(lambda w: write_mask(mask_file(w), np.full(SIZE, 7, np.uint8), PALETTE)),
        ["b.png", "0..3", "found 7"],
    ),
    "maps cut off": (
        on_run(lambda w: write(w.root / "run/parts/maps/00000.safetensors", b"12345678")),
        ["00000.safetensors"],
    ),
    "maps of another image": (
        on_run(
            lambda w: write_maps(
                w.root / "run/parts/maps/00000.safetensors",
                [PartMaps(np.ones((4, 3, 3)), (9, 9), image_id="a.png")],
            )
        ),
        ["'a.png'", "9 x 9", "32 x 24"],
    ),
    # run and annotation together
    "no image in common": (
        lambda w: ("--annotations", coco(w, images=[{"id": 0, "file_name": "z.png", "width": 9, "height": 9}])),
        ["share no image", "'a.png'", "'z.png'"],
    ),
    "sizes differ": (
        with_coco(images=[{"id": 0, "file_name": "a.png", "width": 30, "height": 24}]),
        ["'a.png'", "32 x 24", "30 x 24"],
    ),
    "sides swapped by EXIF": (
        with_coco(images=[{"id": 0, "file_name": "a.png", "width": 24, "height": 32}]),
        ["'a.png'", "EXIF"],
    ),
    "nothing annotated on the shared images": (
        lambda w: ("--annotations", w.json("instances.json", NOTHING)),
        ["instances.json", "none"],
    ),
    "no annotated mask can be read": (
        lambda w: [write(annotated_mask(w, name), b"nothing") for name in NAMES] and (),
        ["set"],
    ),
    # the annotation
    "no annotation": (give("--annotations", "nowhere.json"), ["nowhere.json"]),
    "annotation cut off": (
        lambda w: ("--annotations", w.json("x.json", '{"images": [{"id": 1,')),
        ["x.json"],
    ),
    "empty annotation file": (lambda w: ("--annotations", w.json("x.json", "")), ["x.json"]),
    "JSON of no known format": (lambda w: ("--annotations", w.json("x.json", {"a": 1})), ["x.json"]),
    "empty folder": (
        lambda w: ((w.root / "empty").mkdir(), ("--annotations", w.root / "empty"))[1],
        ["empty"],
    ),
    "unknown format": (give("--format", "voc"), ["'voc'", "coco"]),
    "no categories": (with_coco(categories=[]), ["instances.json"]),
    "names of labels cut off": (on_run(lambda w: w.json("set/parts.json", '{"1": ')), ["parts.json"]),
    "unknown split": (give("--split", "validation"), ["validation"]),
    "no split file": (give("--split", "nowhere.json:test"), ["nowhere.json"]),
    "split not in its file": (
        lambda w: ("--split", f"{w.json('splits.json', {'train': ['a']})}:test"),
        ["splits.json", "'test'", "train"],
    ),
    "no groups file": (give("--groups", "nowhere.json"), ["nowhere.json"]),
    "group of an unknown part": (
        lambda w: (
            "--groups",
            w.json("groups.json", {"groups": [{"id": 1, "name": "g", "members": ["wing"]}]}),
        ),
        ["groups.json", "wing"],
    ),
    "labels for what is no mask folder": (
        lambda w: (*with_coco()(w), "--labels", w.set / "parts.json"),
        ["--labels", "coco"],
    ),
    "no images folder": (give("--images", "nowhere"), ["nowhere"]),
    "keypoints without names": (lambda w: keypoints(w, joint_names=None), ["joint_names"]),
    # options
    "unknown protocol": (give("--protocol", "best"), ["'best'", "pdiscoformer"]),
    "unknown assignment": (give("--assignment", "best"), ["'best'", "many-to-one"]),
    "unknown criterion": (give("--by", "area"), ["'area'", "pixels"]),
    "unknown scope": (give("--scope", "world"), ["'world'", "category"]),
    "unknown overlap rule": (give("--overlap", "any"), ["'any'", "largest-first"]),
    "unknown background": (give("--background", "sky"), ["'sky'"]),
    "background part too high": (give("--background", "4"), ["1..3", "4"]),
    "unknown unit": (give("--unit", "pixel"), ["'pixel'"]),
    "negative draws": (give("--bootstrap", "-1"), ["--bootstrap", "-1"]),
    "no images wanted": (give("--limit", "0"), ["--limit", "0"]),
    "categories where there are none": (give("--scope", "category"), ["'a.png'", "expected a category"]),
    "no matching file": (give("--matching", "nowhere.json"), ["nowhere.json"]),
    "matching of other parts": (
        lambda w: matching(w, annotated_names=["wing", "beak"]),
        ["matching.json", "wing, beak", "head, tail"],
    ),
    "matching of another scope": (lambda w: matching(w, scope="image"), ["matching.json", "--scope image"]),
    "matching of another K": (
        lambda w: matching(w, num_parts=2, groups={"all": {"targets": [0, 1, 2]}}),
        ["3 discovered", "has 2"],
    ),
    "matching beyond the parts": (
        lambda w: matching(w, groups={"all": {"targets": [0, 1, 9, -1]}}),
        ["matching.json", "damaged", "9"],
    ),
    "matching without groups": (lambda w: matching(w, groups=None), ["matching.json", "damaged"]),
    "no run to compare with": (give("--against", "nowhere"), ["nowhere"]),
    "comparison without draws": (
        lambda w: ("--against", w.run("other"), "--bootstrap", 0),
        ["--bootstrap", "--against"],
    ),
    "comparison with a given matching": (
        lambda w: (*matching(w), "--against", w.run("other")),
        ["--against", "--matching"],
    ),
    "one run twice": (lambda w: (w.root / "run",), ["twice"]),
    "together without a place": (lambda w: (w.run("other"), "--together"), ["--out"]),
    "together by data set": (
        lambda w: (
            w.run(images=NAMES[:2]) and w.run("other", images=NAMES[2:]),
            *("--together", "--out", w.root / "out"),
        ),
        ["scope 'category'", "'dataset'"],
    ),
    "results where a file is": (lambda w: ("--out", w.json("taken", "{}") / "x"), ["taken"]),
}  # fmt: skip

# what is odd -> (prepare(world) -> options, words somewhere in the report)
COUNTED = {
    "annotated mask missing": (on_run(lambda w: annotated_mask(w).unlink()), ["missing mask"]),
    "annotated mask unreadable": (on_run(lambda w: write(annotated_mask(w), b"nothing")), ["unreadable"]),
    "annotated mask of another size": (
        on_run(lambda w: write_mask(annotated_mask(w), np.zeros((5, 5), np.uint8), PALETTE)),
        ["wrong size", "b.png"],
    ),
    "undeclared label": (
        on_run(lambda w: write_mask(annotated_mask(w), np.full(SIZE, 9, np.uint8), PALETTE)),
        ["undeclared label", "b.png"],
    ),
    "unknown category": (with_coco(annotations=[square(category_id=8)]), ["unknown category id", "90"]),
    "unknown image": (with_coco(annotations=[square(image_id=77)]), ["unknown image id", "90"]),
    "duplicate annotation": (with_coco(annotations=[square(id=1)]), ["duplicate annotation id"]),
    "two-point polygon": (with_coco(annotations=[square(segmentation=[[1, 1, 9, 9]])]), ["two-point polygon"]),
    "polygon outside": (
        with_coco(annotations=[square(segmentation=[[500, 500, 510, 500, 510, 510]])]),
        ["outside the image", "90"],
    ),
    "NaN coordinates": (
        with_coco(annotations=[square(segmentation=[[float("nan"), 1, 9, 1, 9, 9]])]),
        ["bad coordinates", "90"],
    ),
    "odd number of coordinates": (with_coco(annotations=[square(segmentation=[[1, 1, 9]])]), ["bad polygon"]),
    "bad RLE": (
        with_coco(annotations=[square(segmentation={"size": [24, 32], "counts": [5, 5]})]),
        ["bad RLE"],
    ),
    "no segmentation": (with_coco(annotations=[square(segmentation=None)]), ["no segmentation"]),
    "crowd": (
        with_coco(annotations=[square(iscrowd=1, segmentation={"size": [24, 32], "counts": [700, 68]})]),
        ["crowd"],
    ),
    "file name that climbs out": (
        with_coco(
            images=[
                {"id": 0, "file_name": "a.png", "width": 32, "height": 24},
                {"id": 1, "file_name": "../../b.png", "width": 32, "height": 24},
            ]
        ),
        ["outside its folder"],
    ),
    "image of no size": (
        with_coco(
            images=[
                {"id": 0, "file_name": "a.png", "width": 32, "height": 24},
                {"id": 1, "file_name": "b.png", "width": -1, "height": None},
            ]
        ),
        ["bad size"],
    ),
    "keypoint that is no number": (lambda w: keypoints(w, x=float("nan")), ["bad coordinates", "nose"]),
    "listed but not annotated": (
        lambda w: ("--split", f"{w.json('splits.json', {'test': ['a', 'b', 'zebra']})}:test"),
        ["not in split", "zebra"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong(world, capsys, monkeypatch, case):
    monkeypatch.chdir(world.root)
    run = world.run()
    prepare, words = REFUSED[case]
    options = prepare(world)
    first = () if case in ("no run at all", "run is a file") else (run,)
    assert world.evaluate(*first, *options, "-q") == 2, case
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert all(str(word) in err for word in words), err
    assert not (run / "evaluation" / "metrics.json").exists()


@pytest.mark.parametrize("case", COUNTED)
def test_what_is_odd_is_counted(world, case):
    run = world.run()
    prepare, words = COUNTED[case]
    assert world.evaluate(run, *prepare(world), "--bootstrap", 0, "-q") == 0
    report = (run / "evaluation" / "report.md").read_text()
    assert all(word in report for word in words), report


def test_there_are_enough_cases():
    assert len(REFUSED) + len(COUNTED) >= 40


def test_no_run_is_a_usage_error(world, capsys):
    assert world.evaluate() == 2
    assert "Expected RUN and --annotations PATH" in capsys.readouterr().err


def test_comparing_several_with_one_is_refused(world, capsys):
    runs = [world.run(name) for name in ("one", "two", "three")]
    assert world.evaluate(*runs[:2], "--against", runs[2]) == 2
    assert "Expected one RUN with --against" in capsys.readouterr().err
