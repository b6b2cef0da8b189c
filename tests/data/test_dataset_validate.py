from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from partdisc.data.annotations import read_annotations
from partdisc.data.dataset_tool import validate, validation_text
from partdisc.data.synthetic import make_synthetic
from tests.data.annotations.makers import (
    CAR,
    DOG,
    MAKERS,
    coco_data,
    make_celebamask,
    make_coco,
    make_keypoint_json,
    make_mask_folder,
    make_seg,
    save_image,
    save_mask,
)


def findings(root, **options):
    result = validate(read_annotations(root), **options)
    found = {f["kind"]: [tuple(e.values()) for e in f["examples"]] for f in result["findings"]}
    assert result["num_broken"] == sum(f["count"] for f in result["findings"] if f["broken"])
    return result, found


@pytest.mark.parametrize("format", MAKERS)
def test_a_good_set_is_good(tmp_path, format):
    result, _ = findings(MAKERS[format](tmp_path))
    assert result["num_broken"] == 0
    assert "nothing broken" in validation_text(result)


def test_the_synthetic_set_is_good(tmp_path):
    make_synthetic(tmp_path, num_images=6, size=64, verbosity=0)
    assert findings(tmp_path)[0]["num_broken"] == 0


@pytest.mark.parametrize("quick", [False, True])
def test_images_are_compared_with_their_annotation(tmp_path, quick):
    root = make_coco(tmp_path)
    save_image(root / "images" / "a.jpg", (20, 30))
    (root / "images" / "b.jpg").unlink()
    result, found = findings(root, quick=quick)
    assert found["wrong size"] == [("a.jpg", "", "image 30 x 20, annotation 32 x 24")]
    assert found["missing image"] == [("b.jpg", "", "")]
    assert "wrong size (broken, 1)" in validation_text(result)


def test_a_set_without_any_image_is_not_broken(tmp_path):
    root = make_coco(tmp_path)
    shutil.rmtree(root / "images")
    assert findings(root)[0]["num_broken"] == 0


def test_truncated_images_are_found_unless_quick(tmp_path):
    root = make_coco(tmp_path)
    file = root / "images" / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-120])
    assert findings(root)[1]["unreadable image"][0][0] == "a.jpg"
    assert findings(root, quick=True)[0]["num_broken"] == 0


def test_what_the_reader_left_out_is_told_in_full(tmp_path):
    data = coco_data()
    for number in range(30):
        data["annotations"].append({**data["annotations"][0], "id": 100 + number, "category_id": 55})
    result, found = findings(make_coco(tmp_path, data))
    assert len(found["unknown category id"]) == 30
    assert "and 10 more" in validation_text(result)


def test_a_mask_cut_off_is_found(tmp_path):
    root = make_mask_folder(tmp_path)
    save_mask(root / "masks" / "a.png", np.random.default_rng(0).integers(0, 9, (24, 32)))
    data = (root / "masks" / "a.png").read_bytes()
    (root / "masks" / "a.png").write_bytes(data[: len(data) // 2])
    assert findings(root)[1]["unreadable mask"][0][0] == "a.png"


def test_undeclared_labels_are_found(tmp_path):
    root = make_mask_folder(tmp_path)
    save_mask(root / "masks" / "a.png", np.full((24, 32), 5))
    assert findings(root)[1]["undeclared label"][0][:2] == ("a.png", "label 5")


def test_part_masks_of_another_shape_are_found(tmp_path):
    root = make_celebamask(tmp_path)
    save_mask(root / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png", np.zeros((7, 7)))
    assert findings(root)[1]["unreadable mask"][0][0] == "0.jpg"


def test_object_masks_of_another_size_are_found(tmp_path):
    root = make_keypoint_json(tmp_path)
    save_mask(root / "masks" / "dog" / "0.png", np.zeros((5, 5)))
    assert findings(root)[1]["unreadable mask"][0][:2] == ("images/dog/0.jpg", "object mask")


def test_label_pngs_unlike_the_polygons_are_found(tmp_path):
    root = make_seg(tmp_path)
    file = root / "annotations" / "val" / f"{CAR}_5.png"
    save_mask(file, np.full((24, 32), 40))
    assert findings(root)[1]["unlike the polygons"] == [(f"{CAR}_5.JPEG", "", "111 pixels differ")]
    save_mask(file, np.full((9, 9), 40))
    assert findings(root)[1]["unreadable mask"][0][0] == f"{CAR}_5.JPEG"


def test_parts_in_several_pieces_are_told(tmp_path):
    data = coco_data()
    data["annotations"][0]["segmentation"].append([20, 3, 22, 3, 22, 5, 20, 5])
    found = findings(make_coco(tmp_path, data))[1]
    assert found["several pieces"] == [("a.jpg", "region 0", "2 pieces of head")]
    assert found["several polygons"] == [("a.jpg", "annotation 11", "2")]


def test_nothing_beyond_the_limit_is_looked_at(tmp_path):
    root = make_seg(tmp_path)
    (root / "images" / "val" / f"{CAR}_5.JPEG").unlink()
    assert validate(read_annotations(root), limit=1)["num_images"] == 1
    assert json.loads(json.dumps(validate(read_annotations(root), limit=1)))["num_broken"] == 0
    assert DOG in read_annotations(root).images[0].id
