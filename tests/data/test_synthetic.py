from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from scipy import ndimage

from partdisc.data import taxonomy
from partdisc.data.synthetic import draw, make_synthetic
from partdisc.data.synthetic.picture import draw_picture
from partdisc.errors import ConfigError

NAMES = [category.name for category in taxonomy.super_categories()]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "set"
    counts = make_synthetic(out, num_images=66, size=96, seed=5)
    return out, counts


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def redrawn(info, split, index):
    """The labels of image `index`, drawn again without the writer."""
    wanted = [taxonomy.super_category(name) for name in info["super_categories"]]
    available = [c for c in wanted if c.classes[split]]
    category = available[index % len(available)]
    synset = category.classes[split][index // len(available) % len(category.classes[split])]
    rng = np.random.default_rng([info["seed"], taxonomy.SPLITS.index(split), index])
    return synset, draw_picture(category, synset, tuple(info["size"]), rng)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("split", taxonomy.SPLITS)
def test_annotations_rasterise_to_the_drawn_labels(small_set, split, capsys):
    out, _ = small_set
    coco = COCO(out / f"{split}.json")
    for image_id, entry in coco.imgs.items():
        synset, (_, labels) = redrawn(coco.dataset["info"], split, image_id)
        assert entry["file_name"].startswith(synset)
        rebuilt = np.zeros_like(labels)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[image_id])):
            mask = coco.annToMask(annotation) > 0
            assert not rebuilt[mask].any()  # parts do not overlap
            assert annotation["area"] == mask.sum()
            x, y, w, h = annotation["bbox"]
            assert mask[y : y + h, x : x + w].sum() == mask.sum()
            rebuilt[mask] = annotation["category_id"] + 1
        np.testing.assert_array_equal(rebuilt, labels)


def test_layout_is_partimagenets(small_set):
    out, counts = small_set
    assert counts == {"train": 45, "val": 8, "test": 13}
    for split, count in counts.items():
        data = json.loads((out / f"{split}.json").read_text())
        assert len(data["images"]) == count
        assert data["categories"] == taxonomy.coco_categories()
        for entry in data["images"]:
            synset = entry["file_name"].split("_")[0]
            assert any(synset in c.classes[split] for c in taxonomy.super_categories())
            image = cv2.imread(str(out / split / synset / entry["file_name"]))
            assert image.shape == (entry["height"], entry["width"], 3)


def test_every_super_category_has_its_turn(small_set):
    out, _ = small_set
    data = json.loads((out / "train.json").read_text())
    by_id = {c["id"]: c["supercategory"] for c in data["categories"]}
    assert {by_id[a["category_id"]] for a in data["annotations"]} == set(NAMES)


def test_same_bytes_with_any_number_of_workers(tmp_path):
    for workers in (0, 1, 2):
        make_synthetic(tmp_path / str(workers), num_images=12, size=64, seed=2, workers=workers)
    alone = contents(tmp_path / "0")
    assert alone == contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_larger_set_begins_with_the_smaller_one(tmp_path):
    for count in (5, 9):
        make_synthetic(tmp_path / str(count), num_images=count, size=64, splits=["test"])
    small, large = contents(tmp_path / "5"), contents(tmp_path / "9")
    pictures = [name for name in small if name.endswith(".JPEG")]
    assert len(pictures) == 5
    assert all(small[name] == large[name] for name in pictures)


def test_another_seed_gives_other_pictures():
    first, again, other = (draw("car", seed, 64)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", NAMES)
def test_every_part_shows_and_only_its_own(name):
    category = taxonomy.super_category(name)
    allowed = {0} | {category.part_id(part) + 1 for part in category.parts}
    seen: set[int] = set()
    for seed in range(12):
        image, labels = draw(name, seed, (80, 100))
        assert image.shape == (80, 100, 3)
        assert image.dtype == labels.dtype == np.uint8
        found = set(np.unique(labels).tolist())
        assert found <= allowed
        assert (labels > 0).mean() > 0.02
        seen |= found
    assert seen == allowed


@pytest.mark.parametrize("name", NAMES)
def test_labels_follow_what_is_drawn(name):
    """The outline of the labels lies on edges of the picture more than anywhere else."""
    strength_on, strength_off = [], []
    for seed in range(4):
        image, labels = draw(name, seed, 128)
        edges = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F)
        inside = labels > 0
        outline = inside ^ ndimage.binary_erosion(inside)
        strength_on.append(np.abs(edges[outline]).mean())
        strength_off.append(np.abs(edges[~ndimage.binary_dilation(inside, iterations=4)]).mean())
    assert np.mean(strength_on) > 1.5 * np.mean(strength_off)


def test_classes_keep_their_look_and_images_differ():
    first = draw("fish", 0, 128, synset="n01443537")[0]
    second = draw("fish", 1, 128, synset="n01443537")[0]
    assert np.abs(first.astype(int) - second).mean() > 5


def test_some_parts_are_cut_by_things_in_front(small_set):
    out, _ = small_set
    data = json.loads((out / "train.json").read_text())
    assert any(len(a["segmentation"]) > 1 for a in data["annotations"])


def test_splits_without_a_class_stay_empty(tmp_path):
    assert make_synthetic(tmp_path / "a", num_images=4, size=64, super_categories=["aeroplane"])["val"] == 0
    assert json.loads((tmp_path / "a" / "val.json").read_text())["images"] == []
    with pytest.raises(ConfigError, match="no class of Aeroplane in val"):
        make_synthetic(tmp_path / "b", num_images=4, super_categories=["aeroplane"], splits=["val"])


def test_overwrite_replaces_only_a_synthetic_set(tmp_path):
    out = tmp_path / "set"
    make_synthetic(out, num_images=3, size=64, splits=["train"])
    with pytest.raises(ConfigError, match=r"not empty.*--overwrite"):
        make_synthetic(out, num_images=3, size=64)
    make_synthetic(out, num_images=2, size=64, splits=["test"], overwrite=True)
    assert not (out / "train.json").exists()
    assert not (out / "train").exists()
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "train.json").write_text("{}")
    with pytest.raises(ConfigError, match="no synthetic set"):
        make_synthetic(foreign, num_images=2, size=64, overwrite=True)
    assert (foreign / "train.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_images": 0}, "at least one image"),
        ({"size": 8}, "size of 32 to 4096"),
        ({"size": (64, 64, 3)}, "size of 32 to 4096"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"splits": ["dev"]}, "train, val, test"),
        ({"splits": []}, "train, val, test"),
        ({"super_categories": []}, "at least one super-category"),
        ({"super_categories": ["dragon"]}, "but got 'dragon'"),
    ],
)
def test_unusable_arguments_are_named_and_nothing_is_written(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        make_synthetic(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


def test_unknown_class_is_refused():
    with pytest.raises(ConfigError, match="class of Car"):
        draw("car", synset="n02102040")
