from __future__ import annotations

import numpy as np
import pytest

from partdisc.data.annotations import read_annotations
from partdisc.data.annotations.detect import FORMATS, detect_format
from partdisc.errors import ConfigError, DataError
from partdisc.parts import IGNORE
from tests.data.annotations.makers import (
    MAKERS,
    make_coco,
    make_keypoint_json,
    make_mask_folder,
    save_image,
    save_json,
)


@pytest.mark.parametrize("format", MAKERS)
def test_every_format_is_recognised(tmp_path, format):
    root = MAKERS[format](tmp_path / "set")
    assert detect_format(root) == format
    assert set(MAKERS) == set(FORMATS)


@pytest.mark.parametrize("format", MAKERS)
def test_every_format_keeps_the_one_interface(tmp_path, format):
    root = MAKERS[format](tmp_path / "set")
    found = read_annotations(root)
    assert found.format == format
    assert len(found) == len({image.id for image in found.images}) > 0
    assert found.report.num_broken == 0
    for image in found.images:
        assert found.image_path(image).is_file()
        if found.has_masks:
            labels = found.labels(image)
            assert labels.dtype == np.uint8
            assert labels.shape == image.size == (image.height, image.width)
            assert set(np.unique(labels)) <= {0, *range(1, found.num_parts + 1), IGNORE}
            instances = found.instances(image)
            assert all(i.mask.dtype == bool and i.mask.shape == image.size for i in instances)
            assert np.array_equal(labels != 0, np.any([i.mask for i in instances], axis=0))
        if found.has_keypoints:
            points = found.keypoints(image)
            assert points.xy.shape == (len(points.names), 2)
            assert points.xy.dtype == np.float64
            assert points.visible.shape == (len(points.names),)
        foreground = found.foreground(image)
        assert foreground is None or (foreground.dtype == bool and foreground.shape == image.size)


@pytest.mark.parametrize("format", MAKERS)
def test_naming_the_format_equals_recognising_it(tmp_path, format):
    root = MAKERS[format](tmp_path / "set")
    assert read_annotations(root, format=format).images == read_annotations(root).images


@pytest.mark.parametrize("format", MAKERS)
def test_a_folder_of_images_must_exist_and_is_used(tmp_path, format):
    root = MAKERS[format](tmp_path / "set")
    with pytest.raises(ConfigError, match=r"images.* at .*nowhere, but there is no such folder"):
        read_annotations(root, images=tmp_path / "nowhere")
    found = read_annotations(root)
    for image in found.images:
        save_image(tmp_path / "elsewhere" / image.file_name)
    moved = read_annotations(root, images=tmp_path / "elsewhere")
    paths = [moved.image_path(image) for image in moved.images]
    assert paths == [tmp_path / "elsewhere" / image.file_name for image in found.images]


def test_a_single_json_is_recognised(tmp_path):
    assert detect_format(make_coco(tmp_path / "a") / "annotations.json") == "coco"
    assert detect_format(make_keypoint_json(tmp_path / "b") / "joints.json") == "keypoint-json"
    assert detect_format(MAKERS["partimagenet-ood"](tmp_path / "c") / "test.json") == "partimagenet-ood"


def test_masks_beside_unrelated_json_are_a_mask_folder(tmp_path):
    root = make_mask_folder(tmp_path)
    (root / "parts.json").rename(root / "names.json")
    save_json(root / "notes.json", {"about": "nothing"})
    assert detect_format(root) == "mask-folder"


def test_a_damaged_file_is_told_by_its_name(tmp_path):
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(ConfigError, match=r"Cannot read .*annotations.json as COCO annotations"):
        read_annotations(tmp_path)


def test_an_unknown_folder_lists_what_is_known(tmp_path):
    with pytest.raises(DataError, match=r"Cannot tell the format of .* pass --format") as error:
        read_annotations(tmp_path)
    assert all(name in str(error.value) for name in FORMATS)


def test_wrong_arguments_are_explained(tmp_path):
    root = make_coco(tmp_path)
    with pytest.raises(ConfigError, match=r"no such file or folder"):
        read_annotations(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"Expected a format among auto, partimagenet-ood.*'yolo'"):
        read_annotations(root, format="yolo")
    with pytest.raises(ConfigError, match=r"overlap rule among largest-first"):
        read_annotations(root, overlap="newest")
    with pytest.raises(ConfigError, match=r"--labels names the labels of a mask folder"):
        read_annotations(root, labels=root / "annotations.json")


@pytest.mark.parametrize(
    ("format", "split", "number"),
    [
        ("partimagenet-ood", "test", 1),
        ("partimagenet-seg", "val", 2),
        ("cub", "train", 1),
        ("celeba", "val", 1),
    ],
)
def test_own_splits(tmp_path, format, split, number):
    root = MAKERS[format](tmp_path)
    found = read_annotations(root, split=split)
    assert len(found) == number
    assert {image.split for image in found.images} == {split}
    with pytest.raises(ConfigError, match=r"has the splits .* asks for 'dev'"):
        read_annotations(root, split="dev")


def test_a_split_from_a_file(tmp_path):
    root = make_coco(tmp_path / "set")
    file = save_json(
        tmp_path / "splits.json", {"one": ["b"], "two": ["images/a.jpg", "zzz"], "about": "text"}
    )
    assert [i.id for i in read_annotations(root, split=f"{file}:one").images] == ["b.jpg"]
    save_json(file, {"one": ["a.jpg", "zzz"]})
    found = read_annotations(root, split=f"{file}:one")
    assert [i.id for i in found.images] == ["a.jpg"]
    assert list(found.report.items("not in split")) == [("", "zzz", "")]


def test_a_split_lists_masks_by_image_mask_or_stem(tmp_path):
    root = make_mask_folder(tmp_path / "set")
    for name in ("sub/b.jpg", "b.jpg", "b.png", "b", "sub/b"):
        file = save_json(tmp_path / "splits.json", {"one": [name]})
        found = read_annotations(root, split=f"{file}:one")
        assert [i.id for i in found.images] == ["sub/b.jpg"]
        assert found.report.counts == {}


def test_a_split_file_must_fit(tmp_path):
    root = make_coco(tmp_path / "set")
    file = save_json(tmp_path / "splits.json", {"one": ["b"], "bad": [{}], "about": "text", "none": ["zzz"]})
    with pytest.raises(ConfigError, match=r"a list named 'three', but it has: one"):
        read_annotations(root, split=f"{file}:three")
    with pytest.raises(ConfigError, match=r"names of images in 'bad'"):
        read_annotations(root, split=f"{file}:bad")
    with pytest.raises(ConfigError, match=r"no splits of its own"):
        read_annotations(root, split="test")
    with pytest.raises(DataError, match=r"No usable image .* not in split"):
        read_annotations(root, split=f"{file}:none")
