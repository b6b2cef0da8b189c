"""The paper's tables and figures, counted on sets small enough to know by heart."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from partdisc.data import taxonomy
from partdisc.data.annotations import read_annotations
from partdisc.data.dataset_tool import describe, description_text, write_plots
from partdisc.data.synthetic import make_synthetic
from partdisc.store.files import to_json
from tests.data.annotations.makers import (
    CAR,
    DOG,
    MAKERS,
    make_coco,
    make_keypoint_json,
    make_mask_folder,
    make_ood,
    make_pascal_part,
)


def test_table_1_table_2_and_the_figures(tmp_path):
    found = describe(read_annotations(make_ood(tmp_path)))
    assert found["super_categories"] == [
        {"name": "Quadruped", "parts": ["Head", "Body"], "num_classes": 1, "num_images": 2},
        {"name": "Car", "parts": ["Body", "Tier"], "num_classes": 1, "num_images": 1},
        {"name": "Bottle", "parts": ["Mouth", "Body"], "num_classes": 0, "num_images": 0},
    ]
    assert found["splits"] == {
        "train": {"num_classes": 1, "num_images": 2, "num_annotations": 4},
        "test": {"num_classes": 1, "num_images": 1, "num_annotations": 2},
        "total": {"num_classes": 2, "num_images": 3, "num_annotations": 6},
    }
    assert found["images_per_class"] == {DOG: 2, CAR: 1}
    section = found["annotations_per_image"]
    assert section["histogram"] == {"0": 0, "1": 0, "2": 3}
    assert (section["total"], section["min"], section["median"], section["counted"]) == (
        6,
        2,
        2,
        "annotations",
    )
    head = found["parts"][0]
    assert (head["num_images"], head["num_annotations"], head["pixels"]) == (2, 2, 2 * 6 * 5)
    # two dogs and a car, each of 30 and 81 pixels
    assert head["share_of_part_pixels"] == pytest.approx(60 / 333)
    assert found["pixels"]["parts"] == pytest.approx(333 / (3 * 24 * 32))


def test_the_synthetic_set_is_described_as_it_was_drawn(tmp_path):
    """Counted a second time from the JSON files alone."""
    make_synthetic(tmp_path, num_images=24, size=64, verbosity=0)
    found = describe(read_annotations(tmp_path))
    per_image, classes = [], set()
    for split in taxonomy.SPLITS:
        data = json.loads((tmp_path / f"{split}.json").read_text())
        own = {image["file_name"].split("_")[0] for image in data["images"]}
        classes |= own
        row = found["splits"][split]
        assert row["num_classes"] == len(own)
        assert row["num_images"] == len(data["images"])
        assert row["num_annotations"] == len(data["annotations"])
        per_image += [sum(a["image_id"] == i["id"] for a in data["annotations"]) for i in data["images"]]
    assert found["splits"]["total"]["num_classes"] == len(classes)
    assert found["annotations_per_image"]["histogram"] == {
        str(n): int(count) for n, count in enumerate(np.bincount(per_image))
    }
    listed = {
        group.name: {c for own in group.classes.values() for c in own}
        for group in taxonomy.super_categories()
    }
    for row, group in zip(found["super_categories"], taxonomy.super_categories(), strict=True):
        assert row["name"] == group.name
        assert row["parts"] == list(group.parts)
        assert row["num_classes"] == len(classes & listed[group.name])
    assert sum(row["num_images"] for row in found["super_categories"]) == 24


@pytest.mark.parametrize("format", MAKERS)
def test_every_format_can_be_described(tmp_path, format):
    annotations = read_annotations(MAKERS[format](tmp_path / "set"))
    found = describe(annotations)
    assert found["set"]["num_images"] == len(annotations)
    assert json.loads(json.dumps(to_json(found))) == to_json(found)
    text = description_text(found)
    assert text.startswith(f"{tmp_path / 'set'} ({format}): {len(annotations)} images")
    files = write_plots(found, tmp_path / "plots")
    assert len(files) == 2 * bool(found["parts"]) + bool(found["images_per_class"])
    for file in files:
        with Image.open(file) as image:
            assert image.format == "PNG"
            assert image.width > 500


def test_plots_leave_pyplot_alone(tmp_path):
    import sys

    write_plots(describe(read_annotations(make_coco(tmp_path / "set"))), tmp_path / "plots")
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_objects_and_keypoints(tmp_path):
    objects = describe(read_annotations(make_pascal_part(tmp_path / "a")))["objects"]
    assert {"class": "dog", "num_objects": 1, "num_part_masks": 3} in objects
    points = describe(read_annotations(make_keypoint_json(tmp_path / "b")))
    assert points["keypoints"] == [{"name": "nose", "num_visible": 2}, {"name": "tail", "num_visible": 0}]
    assert points["parts"] is None
    assert points["set"]["num_units"] == 2


def test_mask_folders_count_parts_present(tmp_path):
    section = describe(read_annotations(make_mask_folder(tmp_path)))["annotations_per_image"]
    assert section["counted"] == "parts present"
    assert section["histogram"] == {"0": 0, "1": 1, "2": 1}


def test_limit_describes_the_first_images(tmp_path):
    found = describe(read_annotations(make_ood(tmp_path)), limit=2)
    assert found["set"]["num_images"] == found["splits"]["total"]["num_images"] == 2
    assert found["images_per_class"] == {DOG: 2}


@pytest.mark.real
def test_real_pascal_part(shared_data):
    found = describe(read_annotations(shared_data / "pascal_part_sample"))
    assert sum(row["num_objects"] for row in found["objects"]) == 53
    assert (
        found["annotations_per_image"]["total"]
        == sum(row["num_part_masks"] for row in found["objects"])
        == 398
    )
