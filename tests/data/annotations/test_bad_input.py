"""Whatever is broken is either one clear error that names file and entry, or counted and reported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partdisc.data.annotations import quirks, read_annotations
from partdisc.data.annotations.quirks import BROKEN, HANDLED, QuirkReport
from partdisc.errors import ConfigError, DataError, PartdiscError
from tests.data.annotations.makers import (
    MAKERS,
    box,
    box_polygon,
    coco_data,
    entry,
    make_coco,
    make_cub,
    make_keypoint_json,
    make_mask_folder,
    make_pascal_part,
    save_image,
    save_json,
    save_mask,
    save_mat,
)

POLYGON = [box_polygon(2, 3, 6, 5)]
NAN = float("nan")


def add_annotation(**changes):
    def edit(data):
        data["annotations"].append({**entry(99, 3, POLYGON), **changes})

    return edit


def add_image(**changes):
    def edit(data):
        data["images"].append({"id": 5, "file_name": "c.jpg", "width": 32, "height": 24, **changes})

    return edit


# what is done to a good COCO file, the quirk it must be counted as, and the image or entry it must name
COUNTED = {
    "NaN coordinates": (
        add_annotation(segmentation=[[1, NAN, 3, 4, 5, 6]]),
        "bad coordinates",
        "annotation 99",
    ),
    "coordinates as text": (
        add_annotation(segmentation=[["1", 2, 3, 4, 5, 6]]),
        "bad coordinates",
        "annotation 99",
    ),
    "two-point polygon": (add_annotation(segmentation=[[2, 3, 8, 8]]), "two-point polygon", "annotation 99"),
    "half a point": (add_annotation(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "bad polygon", "annotation 99"),
    "one point": (add_annotation(segmentation=[[1, 2]]), "bad polygon", "annotation 99"),
    "no segmentation": (add_annotation(segmentation=[]), "no segmentation", "annotation 99"),
    "segmentation as text": (add_annotation(segmentation="x"), "bad entry", "annotation 99"),
    "area 0": (add_annotation(area=0), "zero area", "annotation 99"),
    "area 0.0": (add_annotation(area=0.0), "zero area", "annotation 99"),
    "crowd": (add_annotation(iscrowd=1), "crowd", "annotation 99"),
    "crowd as a boolean": (add_annotation(iscrowd=True), "crowd", "annotation 99"),
    "unknown category": (add_annotation(category_id=5), "unknown category id", "annotation 99"),
    "category as text": (add_annotation(category_id="head"), "unknown category id", "annotation 99"),
    "category as a list": (add_annotation(category_id=[3]), "unknown category id", "annotation 99"),
    "unknown image": (add_annotation(image_id=77), "unknown image id", "annotation 99"),
    "image as a list": (add_annotation(image_id=[1]), "unknown image id", "annotation 99"),
    "outside the image": (
        add_annotation(segmentation=[box_polygon(30, 20, 9, 9)]),
        "outside the image",
        "a.jpg",
    ),
    "far outside": (
        add_annotation(segmentation=[box_polygon(1e6, 20, 9, 9)]),
        "far outside the image",
        "a.jpg",
    ),
    "RLE of another size": (
        add_annotation(segmentation={"size": [9, 9], "counts": [81]}),
        "bad RLE",
        "annotation 99",
    ),
    "damaged RLE": (
        add_annotation(segmentation={"size": [24, 32], "counts": "zzz"}),
        "bad RLE",
        "annotation 99",
    ),
    "duplicate annotation id": (add_annotation(id=11), "duplicate annotation id", "annotation 11"),
    "annotation that is a number": (lambda d: d["annotations"].append(7), "bad entry", "entry 3"),
    "background as a category": (
        lambda d: (
            d["categories"].append({"id": 1, "name": "_background_"}),
            add_annotation(category_id=1)(d),
        ),
        "background category",
        "annotation 99",
    ),
    "category never used": (
        lambda d: d["categories"].append({"id": 9, "name": "tail"}),
        "absent part",
        "tail",
    ),
    "image without annotation": (add_image(), "no annotation", "c.jpg"),
    "file name climbing out": (
        add_image(file_name="../../etc/c.jpg"),
        "file name outside its folder",
        "image 5",
    ),
    "file name climbing out backwards": (
        add_image(file_name="..\\c.jpg"),
        "file name outside its folder",
        "image 5",
    ),
    "absolute file name": (add_image(file_name="/etc/c.jpg"), "file name outside its folder", "image 5"),
    "no file name": (add_image(file_name=None), "file name outside its folder", "image 5"),
    "duplicate image id": (add_image(id=1), "duplicate image id", "c.jpg"),
    "duplicate file name": (add_image(file_name="a.jpg"), "duplicate file name", "a.jpg"),
    "image of no height": (add_image(height=0), "bad size", "c.jpg"),
    "image without width": (add_image(width=None), "bad size", "c.jpg"),
    "image of a terapixel": (add_image(width=10**6, height=10**6), "bad size", "c.jpg"),
    "image of fractional width": (add_image(width=31.5), "bad size", "c.jpg"),
    "image that is a list": (lambda d: d["images"].append([]), "bad entry", "image 2"),
}


@pytest.mark.parametrize("case", COUNTED)
def test_a_broken_coco_entry_is_counted_and_the_rest_is_used(tmp_path, case):
    edit, kind, named = COUNTED[case]
    data = coco_data()
    edit(data)
    good, found = (
        read_annotations(make_coco(tmp_path / "good")),
        read_annotations(make_coco(tmp_path / "bad", data)),
    )
    assert kind in {*HANDLED, *BROKEN}
    assert found.report.counts[kind] == 1
    assert named in " ".join(next(found.report.items(kind)))
    assert any(line.startswith(f"{kind} (") and named in line for line in found.report.lines())
    for image in found.images:
        found.labels(image)
    if kind in BROKEN and kind != "duplicate annotation id":
        assert [i.id for i in found.images] == [i.id for i in good.images]
        for ours, theirs in zip(found.images, good.images, strict=True):
            assert np.array_equal(found.labels(ours), good.labels(theirs))


def test_entries_of_an_image_left_out_are_not_unknown(tmp_path):
    data = coco_data()
    data["images"][1]["width"] = -1
    found = read_annotations(make_coco(tmp_path, data))
    assert found.report.counts == {"bad size": 1}


def write(name, text):
    return lambda root: (root / name).write_text(text, encoding="utf-8")


def remove(name):
    return lambda root: (root / name).unlink()


def save(name, data):
    return lambda root: save_json(root / name, data)


JOINTS = {"joint_names": ["nose", "tail"], "images": []}
# format, what is done to a good set, and words of the one error
REFUSED = {
    "truncated JSON": (
        "coco",
        write("annotations.json", '{"images": [{"id": 1, "fi'),
        "annotations.json as COCO",
    ),
    "COCO without categories": (
        "coco",
        save("annotations.json", {"images": [], "annotations": []}),
        "no list of cat",
    ),
    "COCO with no category": (
        "coco",
        save("annotations.json", {**coco_data(), "categories": []}),
        "list is empty",
    ),
    "COCO without images": (
        "coco",
        save("annotations.json", {**coco_data(), "images": []}),
        "No usable image",
    ),
    "category without name": (
        "coco",
        save("annotations.json", {**coco_data(), "categories": [{"id": 3}]}),
        r"a whole-number id and a name in .*annotations.json, but found \{'id': 3\}",
    ),
    "category id twice": (
        "coco",
        save(
            "annotations.json",
            {**coco_data(), "categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]},
        ),
        "category id 3 to both 'a' and 'b'",
    ),
    "splits that contradict": (
        "partimagenet-ood",
        save("val.json", {**coco_data(), "categories": [{"id": 0, "name": "Snake Head"}]}),
        r"disagree on category 0: '.* Head' and, in .*json, '.* Head'",
    ),
    "label names gone": (
        "mask-folder",
        remove("parts.json"),
        r"names of the mask labels.*parts.json; see --labels",
    ),
    "label names as a list": ("mask-folder", save("parts.json", ["head"]), r'an object \{"1": "head"\}'),
    "label that is no number": ("mask-folder", save("parts.json", {"head": "1"}), "found 'head'"),
    "label above 255": ("mask-folder", save("parts.json", {"300": "head"}), "found '300'"),
    "label name that is a number": ("mask-folder", save("parts.json", {"1": 1}), "found '1'"),
    "only background named": ("mask-folder", save("parts.json", {"0": "null"}), "at least one label"),
    "parts.json truncated": ("mask-folder", write("parts.json", '{"1": '), "parts.json as names"),
    "no joints named": ("keypoint-json", save("joints.json", {**JOINTS, "joint_names": []}), "list of names"),
    "joint named twice": (
        "keypoint-json",
        save("joints.json", {**JOINTS, "joint_names": ["a", "a"]}),
        "repeated",
    ),
    "keypoints without images": (
        "keypoint-json",
        save("joints.json", {"joint_names": ["a"]}),
        "list of records",
    ),
    "keypoints of no image": ("keypoint-json", save("joints.json", JOINTS), "No usable image"),
    "CUB without images.txt": ("cub", remove("images.txt"), "the images of CUB at .*images.txt"),
    "CUB with no image": ("cub", write("images.txt", "\n"), "rows of 2 fields in .*images.txt"),
    "CUB without part names": ("cub", write("parts/parts.txt", ""), "names of CUB's parts"),
    "CUB that is no text": (
        "cub",
        lambda r: (r / "images.txt").write_bytes(b"\xff\xfe\x00"),
        "Cannot read .*images.txt",
    ),
    "CelebA without rows": ("celeba", write("Anno/list_landmarks_celeba.txt", "0\n"), "no usable row"),
    "Pascal-Part damaged": (
        "pascal-part",
        write("Annotations_Part/2008_000001.mat", "no matlab"),
        r"usable .mat file .*2008_000001.mat as Pascal-Part",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_useless_set_is_one_clear_error(tmp_path, case):
    format, damage, words = REFUSED[case]
    root = MAKERS[format](tmp_path / "set")
    damage(root)
    with pytest.raises((ConfigError, DataError), match=words) as error:
        read_annotations(root, format=format)
    assert isinstance(error.value, PartdiscError)
    assert "\n" not in str(error.value)


def test_missing_and_unreadable_images_are_left_out(tmp_path):
    root = make_cub(tmp_path)
    (root / "images" / "001.Albatross" / "A_1.jpg").unlink()
    found = read_annotations(root)
    assert [i.id for i in found.images] == ["002.Auklet/B_2.jpg"]
    assert "001.Albatross/A_1.jpg" in found.report.lines()[0]
    (root / "images" / "001.Albatross" / "A_1.jpg").write_bytes(b"no image")
    assert read_annotations(root).report.counts["unreadable image"] == 1


MASK_DAMAGE = {
    "wrong size": lambda root: save_mask(root / "masks" / "a.png", np.zeros((9, 9))),
    "unreadable mask": lambda root: (root / "masks" / "a.png").write_bytes(b"\x89PNG nothing"),
    "missing mask": lambda root: (root / "masks" / "a.png").unlink(),
    "unreadable image": lambda root: (root / "images" / "a.png").write_bytes(b"nothing"),
}


@pytest.mark.parametrize("kind", MASK_DAMAGE)
def test_a_mask_that_does_not_fit_is_left_out(tmp_path, kind):
    root = make_mask_folder(tmp_path)
    MASK_DAMAGE[kind](root)
    found = read_annotations(root)
    assert [i.id for i in found.images] == ["sub/b.jpg"]
    assert found.report.counts == {kind: 1}
    assert next(found.report.items(kind))[0] == "a.png"


def test_coloured_masks_are_not_guessed(tmp_path):
    root = make_mask_folder(tmp_path)
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(root / "masks" / "a.png")
    found = read_annotations(root)
    assert "mode RGB, expected 8-bit labels" in found.report.lines()[0]


def test_a_mask_cut_off_is_an_error_when_it_is_read(tmp_path):
    root = make_mask_folder(tmp_path)
    save_mask(root / "masks" / "a.png", np.random.default_rng(0).integers(0, 9, (24, 32)))
    data = (root / "masks" / "a.png").read_bytes()
    (root / "masks" / "a.png").write_bytes(data[: len(data) // 2])
    found = read_annotations(root)
    with pytest.raises(DataError, match=r"Cannot read the mask .*a.png"):
        found.labels(found.images[0])


def test_undeclared_labels_are_ignored_and_counted(tmp_path):
    root = make_mask_folder(tmp_path)
    save_mask(root / "masks" / "a.png", box(0, 0, 4, 4) * 4 + box(8, 0, 4, 4) * 5)
    found = read_annotations(root)
    labels = found.labels(found.images[0])
    assert set(labels[:4, :4].ravel()) == {1}
    assert set(labels[:4, 8:12].ravel()) == {255}
    found.labels(found.images[0])
    assert next(found.report.items("undeclared label"))[:2] == ("a.png", "label 5")
    assert found.report.num_broken == 1  # reading twice does not count twice


def test_masks_without_images_are_used_and_counted(tmp_path):
    root = make_mask_folder(tmp_path)
    (root / "images" / "a.png").unlink()
    found = read_annotations(root)
    assert found.report.counts == {"no image file": 1}
    assert len(found) == 2
    assert found.image_path(found.images[0]) is None


KEYPOINT_DAMAGE = {
    "bad coordinates": {"joints": {"nose": [NAN, 1, 1]}},
    "unknown part": {"joints": {"ear": [1, 1, 1]}},
    "point outside the image": {"joints": {"nose": [99, 1, 1]}},
    "bad box": {"box": [1, 2, 0, 4]},
    "bad size": {"width": "32"},
    "file name outside its folder": {"mask": "../m.png"},
    "no object mask": {"mask": "masks/none.png"},
    "bad entry": {"joints": [1, 2]},
}


@pytest.mark.parametrize("kind", KEYPOINT_DAMAGE)
def test_broken_keypoint_records_are_counted(tmp_path, kind):
    root = make_keypoint_json(tmp_path)
    data = json.loads((root / "joints.json").read_text())
    data["images"][0] |= KEYPOINT_DAMAGE[kind]
    save_json(root / "joints.json", data)
    assert read_annotations(root).report.counts[kind] == 1


def test_visible_that_is_neither_0_nor_1_is_no_point(tmp_path):
    root = make_keypoint_json(tmp_path)
    data = json.loads((root / "joints.json").read_text())
    data["images"][0]["joints"]["nose"] = [1, 1, 2]
    save_json(root / "joints.json", data)
    found = read_annotations(root)
    assert found.report.counts == {"bad coordinates": 1, "no annotation": 1}
    assert not found.keypoints(found.images[0]).visible.any()


def test_an_object_mask_of_another_size_is_an_error(tmp_path):
    root = make_keypoint_json(tmp_path)
    save_mask(root / "masks" / "dog" / "0.png", np.zeros((5, 5)))
    found = read_annotations(root)
    with pytest.raises(DataError, match=r"masks/dog/0.png to be 32 x 24, but it is 5 x 5"):
        found.foreground(found.images[0])


def test_keypoints_are_no_part_masks(tmp_path):
    found = read_annotations(make_keypoint_json(tmp_path))
    with pytest.raises(DataError, match=r"has keypoints, but no part masks"):
        found.labels(found.images[0])


def test_broken_rows_of_cub_are_counted(tmp_path):
    root = make_cub(tmp_path)
    with open(root / "parts" / "part_locs.txt", "a") as file:
        file.write("1 9 1 1 1\n7 1 1 1 1\n1 1 1\n1 1 nan 1 1\n")
    with open(root / "bounding_boxes.txt", "a") as file:
        file.write("1 1 1 1 1\n3 x\n")
    counts = read_annotations(root).report.counts
    assert counts == {
        "unknown part": 1,
        "unknown image id": 1,
        "bad entry": 2,
        "duplicate image id": 1,
        "bad coordinates": 1,
    }


def test_broken_pascal_part_files_are_left_out(tmp_path):
    root = make_pascal_part(tmp_path)
    folder = root / "Annotations_Part"
    (folder / "2008_000002.mat").write_bytes((folder / "2008_000001.mat").read_bytes()[:200])
    save_mat(folder / "2008_000003.mat", [("dog", box(0, 0, 9, 9), [("head", np.ones((3, 3)))])])
    save_mat(folder / "2008_000004.mat", [("dog", np.ones((9, 9)), [])])
    save_image(root / "JPEGImages" / "2008_000004.jpg")
    save_mat(folder / "2008_000005.mat", [("dog", box(0, 0, 9, 9), [("fin", box(0, 0, 3, 3))])])
    found = read_annotations(root)
    assert [i.id for i in found.images] == ["2008_000001.jpg", "2008_000005.jpg"]
    found.labels(found.images[1])
    counts = found.report.counts
    assert counts["unreadable mask"] == 2
    assert counts["wrong size"] == counts["unknown part"] == counts["no image file"] == 1
    assert ("2008_000005.jpg", "object 0", "dog fin") in found.report.items("unknown part")


def test_every_kind_that_is_noted_is_explained():
    """An unexplained kind would raise where a broken entry should be counted."""
    folder = Path(quirks.__file__).parents[1]
    text = "".join(file.read_text() for file in folder.rglob("*.py"))
    noted = re.findall(r'(?:note|BrokenEntry)\(\s*"([^"]+)"', text) + re.findall(
        r'quirks.append\(\("([^"]+)"', text
    )
    assert len(noted) > 60
    assert set(noted) - {"zero area"} <= {*HANDLED, *BROKEN}
    assert not [kind for kind in (*HANDLED, *BROKEN) if f'"{kind}"' not in text.replace(f'"{kind}":', "", 1)]


def test_only_known_kinds_are_counted():
    with pytest.raises(KeyError):
        QuirkReport().note("strange")
