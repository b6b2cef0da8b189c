from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from partdisc.data.annotations import read_annotations
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.store.exports import EXPORTS, export_masks
from partdisc.store.masks import MaskEntry, MaskSet, read_masks, write_index, write_mask

NAMES = ["head", 'a "b" <c> & d', "Flügel"]
COLORS = [(0, 0, 0), (200, 10, 0), (0, 200, 10), (10, 0, 200)]


@pytest.fixture
def masks(tmp_path):
    """Ragged parts with holes, touching corners and ignored pixels; ids in subfolders, two of one stem."""
    rng = np.random.default_rng(0)
    entries = []
    for index, name in enumerate(["a/x.png", "a/y.png", "a/y.jpg", "z & <1>.png"]):
        height, width = 23 + index, 31
        labels = rng.integers(0, 4, (height, width), dtype=np.uint8)
        labels[4:14, 3:20] = 1
        labels[6:9, 8:12] = 0
        if index == 1:
            labels[labels == 2] = 0
            labels[-3:] = 255
        mask = f"masks/{name}.png"
        write_mask(tmp_path / "parts" / mask, labels, COLORS)
        entries.append(MaskEntry(name, name, width, height, mask))
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height)).save(tmp_path / "images" / name, format="PNG")
    write_index(MaskSet(tmp_path / "parts", 3, COLORS, NAMES, str(tmp_path / "images"), entries))
    return read_masks(tmp_path)


def expected(masks):
    return {entry.file_name: np.where(labels == 255, 0, labels) for entry, labels in masks}


@pytest.mark.parametrize("polygons", [False, True])
def test_coco_gives_identical_masks_through_pycocotools(masks, tmp_path, polygons):
    coco = COCO(str(export_masks(masks, "coco", tmp_path / "coco.json", polygons=polygons)))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == NAMES
    truth = expected(masks)
    assert len(coco.imgs) == len(truth)
    for image in coco.imgs.values():
        labels = truth[image["file_name"]]
        seen = set()
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            part = annotation["category_id"]
            mask = coco.annToMask(annotation).astype(bool)
            assert np.array_equal(mask, labels == part)
            rows, columns = np.nonzero(mask)
            box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert annotation["bbox"] == box
            assert annotation["area"] == mask.sum()
            seen.add(part)
        assert seen == set(np.unique(labels)) - {0}


def test_cvat_masks_are_identical(masks, tmp_path):
    root = ET.parse(export_masks(masks, "cvat", tmp_path / "cvat.xml")).getroot()
    assert [label.findtext("name") for label in root.iter("label")] == NAMES
    truth = expected(masks)
    for image in root.iter("image"):
        labels = np.zeros((int(image.get("height")), int(image.get("width"))), np.uint8)
        for mask in image.iter("mask"):
            left, top, width, height = (int(mask.get(k)) for k in ("left", "top", "width", "height"))
            flat, value = [], False
            for run in mask.get("rle").split(","):
                flat += [value] * int(run)
                value = not value
            inside = np.array(flat).reshape(height, width)
            assert inside.any(0)[[0, -1]].all()  # the box is tight
            part = NAMES.index(mask.get("label")) + 1
            labels[top : top + height, left : left + width][inside] = part
        assert np.array_equal(labels, truth[image.get("name")])


def test_cvat_polygons_name_their_part(masks, tmp_path):
    root = ET.parse(export_masks(masks, "cvat", tmp_path / "cvat.xml", polygons=True)).getroot()
    shapes = list(root.iter("polygon"))
    assert {shape.get("label") for shape in shapes} == set(NAMES)
    assert all(len(shape.get("points").split(";")) >= 4 for shape in shapes)
    assert not list(root.iter("mask"))


def test_label_studio_polygons_cover_their_parts(masks, tmp_path):
    from pycocotools import mask as rle

    path = export_masks(masks, "label-studio", tmp_path / "tasks.json", url_prefix="/data/?d=")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    truth = expected(masks)
    for task in tasks:
        labels = truth[task["data"]["image"].removeprefix("/data/?d=")]
        height, width = labels.shape
        drawn = np.zeros_like(labels)
        for item in task["predictions"][0]["result"]:
            points = np.array(item["value"]["points"])
            assert 0 <= points.min() <= points.max() <= 100
            polygon = np.rint(points * (width / 100, height / 100)).ravel().tolist()
            mask = rle.decode(rle.frPyObjects([polygon], height, width))[..., 0]
            drawn[mask > 0] = NAMES.index(item["value"]["polygonlabels"][0]) + 1
        assert np.array_equal(drawn, labels)
    interface = ET.parse(tmp_path / "tasks.xml").getroot()
    assert [label.get("value") for label in interface.iter("Label")] == NAMES
    assert interface.find("PolygonLabels/Label").get("background") == "#c80a00"


def test_label_studio_s_own_check_accepts_the_tasks(masks, tmp_path):
    sdk = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is not installed")
    path = export_masks(masks, "label-studio", tmp_path / "tasks.json")
    interface = sdk.LabelInterface((tmp_path / "tasks.xml").read_text(encoding="utf-8"))
    interface.validate()
    for task in json.loads(path.read_text(encoding="utf-8")):
        assert interface.validate_task({"data": task["data"]})
        assert all(interface.validate_prediction(prediction) for prediction in task["predictions"])


def test_png_folder_is_an_annotated_set(masks, tmp_path):
    out = export_masks(masks, "png", tmp_path / "png")
    found = read_annotations(out, images=tmp_path / "images")
    assert tuple(found.part_names) == tuple(NAMES)
    for entry, labels in masks:
        stem = {"a/x.png": "a/x", "z & <1>.png": "z & <1>"}.get(entry.id, entry.id)
        with Image.open(out / "masks" / f"{stem}.png") as image:
            assert image.mode == "L"
            assert np.array_equal(np.array(image), labels)


@pytest.mark.parametrize("files_by", ["copy", "link"])
def test_fiftyone_folder_pairs_images_and_masks(masks, tmp_path, files_by):
    out = export_masks(masks, "fiftyone", tmp_path / "fiftyone", files_by=files_by)
    data = {path.stem: path for path in (out / "data").iterdir()}
    labels = {path.stem: path for path in (out / "labels").iterdir()}
    assert set(data) == set(labels)
    assert len(data) == len(masks)
    for path in data.values():
        assert path.is_symlink() == (files_by == "link")
        assert Image.open(path).size == Image.open(labels[path.stem]).size
    assert json.loads((out / "mask_targets.json").read_text(encoding="utf-8"))["3"] == "Flügel"


@pytest.mark.parametrize("format", EXPORTS)
def test_nothing_is_overwritten_unasked(masks, tmp_path, format):
    out = tmp_path / "there"
    out.mkdir()
    (out / "mine").write_text("x")
    with pytest.raises(ConfigError, match="--overwrite"):
        export_masks(masks, format, out)
    assert [path.name for path in out.iterdir()] == ["mine"]


def test_bad_input_is_told_in_one_line(masks, tmp_path):
    with pytest.raises(ConfigError, match="coco, label-studio, cvat, fiftyone, png"):
        export_masks(masks, "voc", tmp_path / "x")
    with pytest.raises(ConfigError, match="png has no option polygons"):
        export_masks(masks, "png", tmp_path / "x", polygons=True)
    with pytest.raises(DataError, match="--images DIR"):
        export_masks(masks, "fiftyone", tmp_path / "x", images=tmp_path / "gone")
    with pytest.raises(ConfigError, match="copy or link"):
        export_masks(masks, "fiftyone", tmp_path / "y", files_by="moving")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="Cannot write"):
        export_masks(masks, "coco", tmp_path / "file" / "coco.json")
    masks.part_names[0] = "be\x07ll"
    with pytest.raises(DataError, match="control characters"):
        export_masks(masks, "cvat", tmp_path / "cvat.xml")
