"""What each reader makes of its format, on sets small enough to know by heart."""

from __future__ import annotations

import numpy as np
import pytest

from partdisc.data.annotations import read_annotations
from partdisc.data.annotations.pascal_part import merge_maps
from partdisc.errors import ConfigError, DataError
from partdisc.parts import IGNORE
from tests.data.annotations.makers import (
    CAR,
    DOG,
    SIZE,
    box,
    coco_data,
    make_celeba,
    make_celebamask,
    make_coco,
    make_cub,
    make_keypoint_json,
    make_mask_folder,
    make_ood,
    make_pascal_part,
    make_seg,
    pin_data,
    save_image,
    save_json,
    save_mask,
)

HEAD_ON_BODY = np.where(box(2, 3, 6, 5), 1, 2 * box(1, 2, 16, 12))


def test_coco_parts_follow_category_ids(tmp_path):
    data = coco_data()
    data["categories"].reverse()
    found = read_annotations(make_coco(tmp_path, data))
    assert list(found.part_names) == ["head", "body"]
    assert found.own_ids == {3: 1, 7: 2}
    assert np.array_equal(found.labels(found.images[0]), HEAD_ON_BODY)
    assert found.parts_of(None) == (1, 2)


@pytest.mark.parametrize("rule", ["largest-first", "smallest-id", "most"])
def test_coco_overlap_rules(tmp_path, rule):
    found = read_annotations(make_coco(tmp_path), overlap=rule)
    assert np.array_equal(found.labels(found.images[0]), HEAD_ON_BODY)
    assert list(found.report.items("overlap")) == [("a.jpg", "", "30 pixels")]
    in_file_order = read_annotations(tmp_path, overlap="file-order")
    assert np.array_equal(in_file_order.labels(found.images[0]), 2 * box(1, 2, 16, 12))


def test_coco_crowds_are_ignored(tmp_path):
    data = coco_data()
    data["annotations"][1]["iscrowd"] = True
    found = read_annotations(make_coco(tmp_path, data))
    assert np.array_equal(found.labels(found.images[0]) == IGNORE, box(1, 2, 16, 12) & ~box(2, 3, 6, 5))


def test_coco_splits_from_folders_and_files(tmp_path):
    for split in ("train", "test"):
        make_coco(tmp_path / "folders" / split)
        (tmp_path / "folders" / split / "images").rename(tmp_path / "folders" / split / split)
        save_json(tmp_path / "files" / "annotations" / f"instances_{split}.json", coco_data())
        for name in ("a.jpg", "b.jpg"):
            save_image(tmp_path / "files" / split / name)
    for layout in ("folders", "files"):
        found = read_annotations(tmp_path / layout)
        assert [i.split for i in found.images] == ["test", "test", "train", "train"]
        assert len({i.id for i in found.images}) == 4
        assert all(found.image_path(image).is_file() for image in found.images)
        test = read_annotations(tmp_path / layout, split="test")
        assert [i.id for i in test.images] == ["a.jpg", "b.jpg"]
        assert test.image_path(test.images[0]).is_file()


def test_coco_super_categories(tmp_path):
    data = coco_data()
    data["categories"] = [
        {"id": 3, "name": "head", "supercategory": "dog"},
        {"id": 7, "name": "body", "supercategory": "car"},
    ]
    found = read_annotations(make_coco(tmp_path, data))
    assert found.super_parts == {"dog": (1,), "car": (2,)}
    assert [i.super_category for i in found.images] == [None, "car"]
    with pytest.raises(DataError, match=r"super-categories dog, car, not 'cat'"):
        found.parts_of("cat")


def test_coco_itself_with_captions_beside_its_instances(tmp_path):
    folder = tmp_path / "annotations"
    save_json(folder / "instances_val2017.json", coco_data())
    save_json(folder / "captions_val2017.json", {"images": [], "annotations": []})
    save_image(tmp_path / "val2017" / "a.jpg")
    found = read_annotations(tmp_path)
    assert {i.split for i in found.images} == {"val2017"}
    assert found.image_path(found.images[0]).is_file()


def test_coco_beside_other_json(tmp_path):
    save_json(tmp_path / "labels.json", coco_data())
    save_json(tmp_path / "groups.json", {"groups": []})
    assert [i.split for i in read_annotations(tmp_path).images] == [None, None]


def test_coco_entries_of_two_files_are_told_apart(tmp_path):
    data = coco_data()
    data["annotations"][0]["area"] = 0
    for split in ("train", "test"):
        make_coco(tmp_path / split, data)
    found = read_annotations(tmp_path)
    assert [entry for _, entry, _ in found.report.items("zero area")] == [
        "test annotation 11",
        "train annotation 11",
    ]


def test_coco_super_category_none_is_none(tmp_path):
    data = coco_data()
    data["categories"] = [
        {"id": 3, "name": "head", "supercategory": "none"},
        {"id": 7, "name": "body", "supercategory": "x"},
    ]
    assert read_annotations(make_coco(tmp_path, data)).super_parts == {}


def test_mask_folder_labels_become_part_ids(tmp_path):
    found = read_annotations(make_mask_folder(tmp_path))
    assert list(found.part_names) == ["head", "tail"]
    assert found.own_ids == {4: 1, 9: 2}
    assert np.array_equal(found.labels(found.images[0]), box(2, 3, 6, 5) + 2 * box(20, 3, 6, 5))
    assert [i.id for i in found.images] == ["a.png", "sub/b.jpg"]


def test_the_folder_of_the_masks_alone_will_do(tmp_path):
    root = make_mask_folder(tmp_path)
    whole = read_annotations(root)
    alone = read_annotations(root / "masks", labels=root / "parts.json")
    assert (alone.format, alone.part_names) == ("mask-folder", whole.part_names)
    assert [image.id for image in alone.images] == [image.id for image in whole.images]
    assert np.array_equal(alone.labels(alone.images[0]), whole.labels(whole.images[0]))


def test_mask_folder_labels_named_elsewhere(tmp_path):
    root = make_mask_folder(tmp_path)
    (root / "parts.json").rename(root / "labels.json")
    found = read_annotations(root, labels=root / "labels.json")
    assert list(found.part_names) == ["head", "tail"]


def test_mask_folder_ignores_255_whatever_it_is_called(tmp_path):
    root = make_mask_folder(tmp_path)
    save_json(root / "parts.json", {"4": "head", "9": "tail", "255": "void"})
    save_mask(root / "masks" / "a.png", box(0, 0, 4, 4) * 255)
    found = read_annotations(root)
    assert found.num_parts == 2
    assert np.array_equal(found.labels(found.images[0]), box(0, 0, 4, 4) * 255)
    assert found.report.num_broken == 0


def test_an_empty_mask_is_counted(tmp_path):
    root = make_mask_folder(tmp_path)
    save_mask(root / "masks" / "a.png", np.zeros(SIZE))
    found = read_annotations(root)
    assert not found.labels(found.images[0]).any()
    assert list(found.report.items("no annotation")) == [("a.png", "", "")]


def test_pascal_part_keeps_every_part(tmp_path):
    found = read_annotations(make_pascal_part(tmp_path))
    image = found.images[0]
    assert found.object_counts == {"dog": 1, "car": 1, "chair": 1}
    assert found.part_counts == {"dog": 3, "car": 2, "chair": 0}
    assert image.category == image.super_category == "dog"
    labels, id_of = found.labels(image), {name: i for i, name in enumerate(found.part_names, start=1)}
    assert np.array_equal(labels == id_of["dog leye"], box(4, 4, 2, 2))
    assert np.array_equal(labels == id_of["dog head"], box(2, 2, 8, 8) & ~box(4, 4, 2, 2))
    assert np.array_equal(labels == id_of["car wheel"], box(25, 6, 2, 2) | box(29, 6, 2, 2))
    assert {name.split()[0] for name in found.part_names} == {"dog", "car"}
    assert id_of["dog leye"] in found.parts_of("dog")
    assert np.array_equal(found.foreground(image), box(2, 2, 20, 18))
    assert set(found.report.counts) == {"several classes", "object without parts", "overlap"}


def test_pascal_part_published_maps(tmp_path):
    root = make_pascal_part(tmp_path)
    merged = read_annotations(root, groups="pascal-part-58")
    id_of = {name: i for i, name in enumerate(merged.part_names, start=1)}
    labels = merged.labels(merged.images[0])
    assert np.array_equal(labels == id_of["dog head"], box(2, 2, 8, 8))
    assert np.array_equal(labels == id_of["chair"], box(0, 21, 3, 3))  # no parts: the object itself
    with pytest.raises(ConfigError, match=r"at pascal-part-9"):
        read_annotations(root, groups="pascal-part-9")


def test_pascal_part_maps_have_as_many_parts_as_they_say():
    import json

    from partdisc.data.annotations.pascal_part import TABLE

    table = json.loads(TABLE.read_text())
    sizes = {name: sum(map(len, entry["classes"].values())) for name, entry in table["maps"].items()}
    assert sizes == {"pascal-part-58": 57, "pascal-part-108": 107, "pascal-person-part": 6}
    known = table["parts"]["classes"]
    assert len(known) == 20
    for name, entry in table["maps"].items():
        for kind, merged in entry["classes"].items():
            members = [member for group in merged.values() for member in group if member != "*"]
            members += entry.get("ignored", {}).get(kind, [])
            assert len(members) == len(set(members)), (name, kind)
            assert set(members) <= set(known[kind]), (name, kind)
            if kind != "person" or name != "pascal-person-part":
                assert set(members) == set(known[kind]), (name, kind)
    assert set(merge_maps()) == set(table["maps"])


def test_ood_names_come_from_the_file(tmp_path):
    found = read_annotations(make_ood(tmp_path))
    assert list(found.part_names)[-2:] == [
        "Bottle Mouth",
        "Bottle Body",
    ]  # not the order of the paper's Table 1
    assert found.own_ids[38] == 5
    assert found.parts_of("Car") == (3, 4)
    assert [(i.split, i.category, i.super_category) for i in found.images] == [
        ("train", DOG, "Quadruped"),
        ("train", DOG, "Quadruped"),
        ("test", CAR, "Car"),
    ]
    assert {entry for _, entry, _ in found.report.items("absent part")} == {"Bottle Mouth", "Bottle Body"}


def test_ood_super_categories_from_names_where_the_file_has_none(tmp_path):
    root = make_ood(tmp_path)
    data = pin_data(f"{DOG}_1.JPEG")
    for category in data["categories"]:
        del category["supercategory"]
    for split in ("train", "test"):
        save_json(root / f"{split}.json", data)
    assert read_annotations(root).parts_of("Car") == (3, 4)


def test_ood_parts_of_another_super_category_are_counted(tmp_path):
    root = make_ood(tmp_path)
    data = pin_data(f"{DOG}_1.JPEG")
    data["annotations"][0]["category_id"] = 24
    save_json(root / "train.json", data)
    found = read_annotations(root, split="train")
    assert list(found.report.items("other super-category")) == [(f"{DOG}_1.JPEG", "", "Car in a Quadruped")]
    assert found.images[0].super_category == "Quadruped"


def test_seg_polygons_masks_and_objects_agree(tmp_path):
    found = read_annotations(make_seg(tmp_path))
    for image in found.images:
        assert np.array_equal(found.png_labels(image), found.labels(image))
        assert np.array_equal(found.foreground(image), found.labels(image) != 0)


def test_cub_gives_points_boxes_and_foregrounds_of_its_classes(tmp_path):
    found = read_annotations(make_cub(tmp_path))
    first, second = found.images
    assert (first.category, first.split, second.split) == ("001.Albatross", "train", "test")
    points = found.keypoints(second)
    assert points.names == ("back", "left eye")
    assert points.xy.tolist() == [[7.5, 8.5], [9, 9]]
    assert points.box == (3, 4, 5, 6)
    assert found.keypoints(first).visible.tolist() == [True, False]
    assert np.array_equal(found.foreground(first), box(1, 2, 10, 11))
    assert found.foreground(second) is None


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_celeba_gives_points_boxes_and_splits_from_both_kinds_of_tables(tmp_path, suffix):
    root = make_celeba(tmp_path)
    for file in list(root.glob("*/list_*")) if suffix == ".csv" else []:
        lines = [",".join(line.split()) for line in file.read_text().splitlines() if len(line.split()) > 1]
        lines[0] = "image_id," + lines[0] if lines[0].startswith("lefteye") else lines[0]
        file.with_suffix(".csv").write_text("\n".join(lines))
        file.unlink()
    found = read_annotations(root)
    assert [i.split for i in found.images] == ["train", "val", "test"]
    points = found.keypoints(found.images[2])
    assert points.names == ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    assert points.xy[-1].tolist() == [13, 2]
    assert points.visible.all()
    assert points.box == (1, 2, 20, 21)
    alone = read_annotations(root / "Anno" / f"list_landmarks_celeba{suffix}", split="test")
    assert alone.images == found.images[2:]


def test_celebamask(tmp_path):
    root = make_celebamask(tmp_path)
    found = read_annotations(root)
    assert list(found.part_names) == ["skin", "l_eye", "hair"]  # the published order
    assert [i.id for i in found.images] == ["0.jpg", "2001.jpg"]
    labels = found.labels(found.images[1])
    assert labels.shape == SIZE  # twice the masks' size
    assert np.array_equal(labels == 2, box(6, 8, 4, 2))
    published = read_annotations(root, overlap="file-order").labels(found.images[1])
    assert (published[:6] == 3).all()
    save_mask(root / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png", np.zeros((7, 7)))
    with pytest.raises(DataError, match=r"00000_skin.png to fit its image of 32 x 24 in whole pixels"):
        found.labels(found.images[0])


def test_celebamask_splits_through_celeba(tmp_path):
    root = make_celebamask(tmp_path)
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx orig_idx orig_file\n0 5 000006.jpg\n2001 9 000010.jpg\n"
    )
    (root / "list_eval_partition.txt").write_text("000006.jpg 0\n000010.jpg 2\n")
    assert [i.id for i in read_annotations(root, split="test").images] == ["2001.jpg"]


def test_keypoint_json_units_are_folders(tmp_path):
    found = read_annotations(make_keypoint_json(tmp_path))
    assert [i.unit for i in found.images] == ["dog", "cows"]
    points = found.keypoints(found.images[0])
    assert points.names == ("nose", "tail")
    assert points.xy[0].tolist() == [5.5, 6.0]
    assert points.visible.tolist() == [True, False]
    assert points.box == (2, 3, 10, 11)
    assert np.array_equal(found.foreground(found.images[0]), box(2, 3, 10, 11))
