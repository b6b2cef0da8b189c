"""Converting a set to another format and back loses no pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partdisc.data.annotations import PartInstance, paint, read_annotations
from partdisc.data.dataset_tool import TARGETS, convert
from partdisc.data.synthetic import make_synthetic
from partdisc.errors import ConfigError, DataError
from partdisc.parts import IGNORE
from tests.data.annotations.makers import (
    MAKERS,
    coco_data,
    make_coco,
    make_keypoint_json,
    make_mask_folder,
    make_ood,
    save_image,
    save_json,
    save_mask,
)

WITH_MASKS = [name for name in MAKERS if name not in ("cub", "celeba", "keypoint-json")]


def bare(image):
    """What an image is called in every format: a mask folder knows folders, PartImageNet none, masks no suffix."""
    return image.id.rsplit(".", 1)[0].replace("/", "_").removeprefix(f"{image.split}_").split("sub_")[-1]


def all_labels(annotations):
    return {bare(image): annotations.labels(image) for image in annotations.images}


def assert_same_pixels(found, expected):
    found_labels, expected_labels = all_labels(found), all_labels(expected)
    assert found_labels.keys() == expected_labels.keys()
    for key in expected_labels:
        assert np.array_equal(found_labels[key], expected_labels[key]), key
    assert list(found.part_names) == list(expected.part_names)


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("format", WITH_MASKS)
def test_every_format_to_every_target_and_back(tmp_path, format, to):
    source = read_annotations(MAKERS[format](tmp_path / "source"))
    convert(source, tmp_path / "there", to=to)
    there = read_annotations(tmp_path / "there")
    assert there.format == to
    assert there.report.num_broken == 0
    assert_same_pixels(there, source)
    for back in TARGETS:
        convert(there, tmp_path / f"back-{back}", to=back)
        assert_same_pixels(read_annotations(tmp_path / f"back-{back}"), source)


def test_the_synthetic_set_survives_every_conversion(tmp_path):
    make_synthetic(tmp_path / "source", num_images=12, size=96, verbosity=0)
    source = read_annotations(tmp_path / "source")
    assert len(source) == 12
    for to in TARGETS:
        convert(source, tmp_path / to, to=to)
        found = read_annotations(tmp_path / to)
        assert_same_pixels(found, source)
        for ours, theirs in zip(sorted(found.images, key=bare), sorted(source.images, key=bare), strict=True):
            assert ours.split == theirs.split
            if to != "mask-folder":
                assert (ours.category, ours.super_category) == (theirs.category, theirs.super_category)
            assert found.image_path(ours).read_bytes() == source.image_path(theirs).read_bytes()
    assert found.super_parts == source.super_parts
    assert found.own_ids == source.own_ids


@pytest.mark.parametrize("to", TARGETS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_any_mask_survives(tmp_path_factory, to, seed):
    """Noise has every shape a mask can have: holes, islands, pixels that touch at a corner, ignored ones."""
    rng, root = np.random.default_rng(seed), tmp_path_factory.mktemp("noise")
    size = tuple(int(side) for side in rng.integers(1, 24, 2))
    labels = rng.choice([0, 1, 2, 3, IGNORE], size=size, p=rng.dirichlet(np.ones(5)))
    save_image(root / "source" / "images" / "a.png", size)
    save_mask(root / "source" / "masks" / "a.png", labels)
    save_json(root / "source" / "parts.json", {"1": "a", "2": "b", "3": "c"})
    convert(read_annotations(root / "source"), root / "out", to=to)
    found = read_annotations(root / "out")
    assert np.array_equal(found.labels(found.images[0]), labels)


def test_coco_keeps_overlapping_instances(tmp_path):
    source = read_annotations(make_coco(tmp_path / "source"))
    for to in ("coco", "partimagenet-ood"):
        convert(source, tmp_path / to, to=to)
        found = read_annotations(tmp_path / to, overlap="file-order")
        for ours, theirs in zip(found.images, source.images, strict=True):
            pairs = zip(found.instances(ours), source.instances(theirs), strict=True)
            assert all(a.part == b.part and np.array_equal(a.mask, b.mask) for a, b in pairs)


def test_masks_are_painted_by_the_rule_the_set_was_read_with(tmp_path):
    make_coco(tmp_path / "source")
    for rule in ("largest-first", "file-order"):
        source = read_annotations(tmp_path / "source", overlap=rule)
        convert(source, tmp_path / rule, to="mask-folder")
        found = read_annotations(tmp_path / rule)
        image = source.images[0]
        expected = paint(source.instances(image), image.size, rule)
        assert np.array_equal(found.labels(found.images[0]), expected)


def test_crowds_stay_crowds(tmp_path):
    data = coco_data()
    data["annotations"][0]["iscrowd"] = 1
    source = read_annotations(make_coco(tmp_path / "source", data))
    convert(source, tmp_path / "out", to="coco")
    found = read_annotations(tmp_path / "out")
    assert found.report.counts["crowd"] == 1
    first = [i.part for i in found.instances(found.images[0])]
    assert first == [IGNORE, 2]


def test_merged_parts_are_written_merged(tmp_path):
    groups = save_json(tmp_path / "groups.json", {"groups": [{"name": "all", "members": ["head", "body"]}]})
    source = read_annotations(make_coco(tmp_path / "source"), groups=groups)
    convert(source, tmp_path / "out", to="coco")
    assert list(read_annotations(tmp_path / "out").part_names) == ["all"]


def test_one_name_in_two_folders_or_splits(tmp_path):
    for split in ("train", "test"):
        make_coco(tmp_path / "source" / split)
    source = read_annotations(tmp_path / "source")
    for to in TARGETS:
        convert(source, tmp_path / to, to=to)
        found = read_annotations(tmp_path / to)
        assert len(found) == 4
        assert sorted(str(i.split) for i in found.images) == ["test", "test", "train", "train"]
        assert all(found.image_path(image).is_file() for image in found.images)


def test_units_and_classes_come_back(tmp_path):
    data = coco_data()
    data["images"][0] |= {"category": "dog", "unit": "film 1"}
    source = read_annotations(make_coco(tmp_path / "source", data))
    for to in ("coco", "partimagenet-ood"):
        convert(source, tmp_path / to, to=to)
        found = read_annotations(tmp_path / to)
        assert [(i.category, i.unit) for i in found.images] == [("dog", "film 1"), (None, None)]


def test_image_files_are_copied_linked_or_left(tmp_path):
    source = read_annotations(make_ood(tmp_path / "source"))
    results = {
        way: convert(source, tmp_path / way, to="coco", files_by=way) for way in ("copy", "link", "none")
    }
    assert {way: result["num_files"] for way, result in results.items()} == {"copy": 3, "link": 3, "none": 0}
    image = source.images[0]
    copied, linked = (tmp_path / way / "images" / image.id for way in ("copy", "link"))
    assert linked.is_symlink()
    assert not copied.is_symlink()
    assert copied.read_bytes() == linked.read_bytes() == source.image_path(image).read_bytes()
    assert not (tmp_path / "none" / "images").exists()
    alone = read_annotations(tmp_path / "none")
    assert np.array_equal(alone.labels(alone.images[0]), all_labels(source)[bare(alone.images[0])])


def test_the_written_coco_is_coco(tmp_path):
    """pycocotools reads it, and finds the same masks."""
    from pycocotools.coco import COCO

    source = read_annotations(make_ood(tmp_path / "source"))
    convert(source, tmp_path / "out", to="coco")
    coco = COCO(str(tmp_path / "out" / "annotations" / "instances_train.json"))
    for image in source.images[:2]:
        record = next(r for r in coco.imgs.values() if r["file_name"] == image.id)
        entries = coco.loadAnns(coco.getAnnIds(record["id"]))
        part_of = source.own_ids
        theirs = [PartInstance(part_of[e["category_id"]], coco.annToMask(e).astype(bool)) for e in entries]
        assert np.array_equal(paint(theirs, image.size), source.labels(image))
        assert all(e["area"] == coco.annToMask(e).sum() for e in entries)


def test_no_more_images_are_written_than_the_limit(tmp_path):
    source = read_annotations(make_ood(tmp_path / "source"))
    assert convert(source, tmp_path / "out", to="coco", limit=2)["num_images"] == 2
    assert len(read_annotations(tmp_path / "out")) == 2


def test_what_cannot_be_converted_says_why(tmp_path):
    source = read_annotations(make_coco(tmp_path / "source"))
    with pytest.raises(ConfigError, match=r"among coco, mask-folder, partimagenet-ood, but got 'yolo'"):
        convert(source, tmp_path / "out", to="yolo")
    with pytest.raises(ConfigError, match=r"by copy, link, none, but got 'move'"):
        convert(source, tmp_path / "out", to="coco", files_by="move")
    with pytest.raises(ConfigError, match=r"source to be a new or empty folder"):
        convert(source, tmp_path / "source", to="coco")
    points = read_annotations(make_keypoint_json(tmp_path / "points"))
    with pytest.raises(DataError, match=r"no part masks to convert"):
        convert(points, tmp_path / "out", to="coco")
    data = coco_data()
    data["images"][1]["file_name"] = "a.png"
    twins = read_annotations(make_coco(tmp_path / "twins", data))
    with pytest.raises(DataError, match=r"a.jpg and a.png would share the mask masks/a.png"):
        convert(twins, tmp_path / "out", to="mask-folder")
    assert not (tmp_path / "out").exists()


def test_mask_folder_files_are_plain(tmp_path):
    source = read_annotations(make_mask_folder(tmp_path / "source"))
    convert(source, tmp_path / "out", to="mask-folder")
    assert json.loads((tmp_path / "out" / "parts.json").read_text()) == {"1": "head", "2": "tail"}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["images", "masks", "parts.json"]
