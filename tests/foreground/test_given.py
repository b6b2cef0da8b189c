from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from partdisc.data import list_images
from partdisc.errors import ConfigError, DataError
from partdisc.foreground import fit_to_masks, open_masks, resize_mask
from partdisc.store.features import FeatureSet

SIZE = (6, 8)


def mask_of(number):
    mask = np.zeros(SIZE, bool)
    mask[number : number + 3, 1:5] = True
    return mask


@pytest.fixture
def images(tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 90, np.uint8)).save(path)
    return list_images(tmp_path / "images")


def write(folder, masks):
    for name, mask in masks.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(path)
    return folder


@pytest.mark.parametrize("ending", [".png", ".jpg.png", ".PNG"])
def test_a_folder_mirrors_the_images(images, tmp_path, ending):
    stems = ["a/1", "a/2", "b/1"]
    folder = write(tmp_path / "masks", {stem + ending: mask_of(n) for n, stem in enumerate(stems)})
    (folder / "notes.txt").write_text("by hand")
    masks = open_masks(folder, images)
    assert (masks.missing, masks.soft) == ((), False)
    for number, record in enumerate(images):
        np.testing.assert_array_equal(masks[record.id], mask_of(number))


def test_images_without_a_mask_are_named(images, tmp_path):
    masks = open_masks(write(tmp_path / "masks", {"a/1.png": mask_of(0), "c/9.png": mask_of(1)}), images)
    assert masks.missing == ("a/2.jpg", "b/1.jpg")
    assert "a/1.jpg" in masks
    assert "a/2.jpg" not in masks


def test_one_soft_mask_makes_the_folder_soft(images, tmp_path):
    folder = write(tmp_path / "masks", {"a/1.png": mask_of(0), "b/1.png": mask_of(1)})
    faint = np.full(SIZE, 40, np.uint8)
    faint[0] = 130
    Image.fromarray(faint).save(folder / "a" / "2.png")
    masks = open_masks(folder, images)
    assert masks.soft
    np.testing.assert_allclose(masks["a/2.jpg"], faint / 255, rtol=1e-6)
    np.testing.assert_array_equal(masks["a/1.jpg"], mask_of(0))


def test_masks_of_another_size_are_resized(images, tmp_path):
    folder = write(tmp_path / "masks", {"a/1.png": np.kron(mask_of(0), np.ones((5, 5)))})
    np.testing.assert_allclose(
        resize_mask(open_masks(folder, images)["a/1.jpg"], SIZE), mask_of(0), atol=1e-6
    )


def test_masks_of_other_proportions_are_named(images, tmp_path):
    small = mask_of(1)[::2, ::2]
    folder = write(tmp_path / "masks", {"a/1.png": mask_of(0).T, "a/2.png": small, "b/1.png": mask_of(2)})
    assert open_masks(folder, images).distorted == ("a/1.jpg",)


def test_the_opacity_of_the_images_is_a_mask(tmp_path):
    (tmp_path / "images").mkdir()
    alpha = np.linspace(0, 255, 48).astype(np.uint8).reshape(SIZE)
    rgba = np.dstack([np.full((*SIZE, 3), 90, np.uint8), alpha])
    Image.fromarray(rgba).save(tmp_path / "images" / "cut.png")
    Image.fromarray(rgba[..., :3]).save(tmp_path / "images" / "whole.png")
    images = list_images(tmp_path / "images")
    masks = open_masks("alpha", images)
    assert (masks.missing, masks.soft) == (("whole.png",), True)
    np.testing.assert_allclose(masks["cut.png"], alpha / 255, rtol=1e-6)
    (tmp_path / "images" / "cut.png").unlink()
    with pytest.raises(DataError, match=r"None of the 1 images in .*images has an alpha channel"):
        open_masks("alpha", list_images(tmp_path / "images"))


def coco(path, boxes, names=("a/1.jpg", "b/1.jpg")):
    height, width = SIZE
    images = [{"id": n, "file_name": name, "width": width, "height": height} for n, name in enumerate(names)]
    annotations = [
        {
            "id": n,
            "image_id": image,
            "category_id": 1 + n % 2,
            "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
        }
        for n, (image, x0, y0, x1, y1) in enumerate(boxes)
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_the_instances_of_a_coco_file_are_united(images, tmp_path):
    file = coco(tmp_path / "objects.json", [(0, 0, 0, 3, 2), (0, 2, 1, 8, 3)])
    masks = open_masks(file, images)
    expected = np.zeros(SIZE, bool)
    expected[0:2, 0:3] = expected[1:3, 2:8] = True
    np.testing.assert_array_equal(masks["a/1.jpg"], expected)
    assert not masks["b/1.jpg"].any()  # listed, and nothing is there
    assert masks.missing == ("a/2.jpg",)


def test_a_run_stands_for_its_masks(images, tmp_path):
    run = tmp_path / "RUN"
    write(run / "parts" / "masks", {"a/1.jpg.png": mask_of(0)})
    (run / "run.json").write_text("{}")
    np.testing.assert_array_equal(open_masks(run, images)["a/1.jpg"], mask_of(0))
    write(run / "foreground", {"a/1.jpg.png": mask_of(2)})
    np.testing.assert_array_equal(open_masks(run, images)["a/1.jpg"], mask_of(2))


def test_masks_that_fit_no_image_are_told_with_both_folders(images, tmp_path):
    folder = write(tmp_path / "masks", {"x/7.png": mask_of(0)})
    with pytest.raises(
        DataError, match=r"No image of .*images has a foreground mask in .*masks: .*'x/7.png'"
    ):
        open_masks(folder, images)
    file = coco(tmp_path / "objects.json", [], names=("x/7.jpg",))
    with pytest.raises(DataError, match=r"No image of .*images has a foreground mask in .*objects.json"):
        open_masks(file, images)


def test_what_holds_no_masks_is_told(images, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere, a folder of PNGs or a COCO file, but there is nothing"):
        open_masks(tmp_path / "nowhere", images)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no PNG in it"):
        open_masks(tmp_path / "empty", images)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="COCO"):
        open_masks(tmp_path / "list.json", images)
    (tmp_path / "broken" / "a").mkdir(parents=True)
    (tmp_path / "broken" / "a" / "1.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"Cannot read the mask .*1.png"):
        open_masks(tmp_path / "broken", images)


def test_the_masks_are_learnt_for_images_that_have_none(scenes):
    features = FeatureSet.from_maps(scenes.maps)
    ids = [entry.id for entry in features.entries]
    masks = {id: truth.numpy().astype(np.float32) for id, truth in zip(ids[:6], scenes.truth, strict=False)}
    learnt = fit_to_masks(features, masks)
    for features_of_one, truth in zip(scenes.maps[6:], scenes.truth[6:], strict=True):
        assert ((learnt(features_of_one) > 0.5) == truth).float().mean() > 0.97
    again = fit_to_masks(features, masks)
    assert all((a == b).all() for a, b in zip(learnt.state().values(), again.state().values(), strict=True))
    with pytest.raises(DataError, match="at least one of the images"):
        fit_to_masks(features, {})
