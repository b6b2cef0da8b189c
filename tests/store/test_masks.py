from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.store.masks import MaskEntry, MaskSet, read_mask, read_masks, write_index, write_mask
from partdisc.store.run import name_parts

PALETTE = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
LABELS = np.array([[0, 1, 2], [255, 2, 1]], np.uint8)


@pytest.fixture
def masks(tmp_path):
    write_mask(tmp_path / "parts" / "masks" / "sub" / "a.jpg.png", LABELS, PALETTE)
    found = MaskSet(tmp_path / "parts", 2, PALETTE, images_root="/photos")
    found.entries = [MaskEntry("sub/a.jpg", "sub/a.jpg", 3, 2, "masks/sub/a.jpg.png")]
    write_index(found)
    return found


def test_masks_read_back_and_show_their_colours(masks):
    path = masks.folder / masks.entries[0].mask
    np.testing.assert_array_equal(read_mask(path), LABELS)
    with Image.open(path) as image:
        assert image.mode == "P"
        colors = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(colors[0], PALETTE)
    np.testing.assert_array_equal(colors[1, 0], [255, 255, 255])


def test_a_mask_set_reads_back_from_the_run_or_its_parts(masks):
    for folder in (masks.folder, masks.folder.parent):
        again = read_masks(folder)
        assert again.entries == masks.entries
        assert again.palette == PALETTE
        [(entry, labels)] = list(again)
        assert entry.id == "sub/a.jpg"
        np.testing.assert_array_equal(labels, LABELS)


def test_masks_are_found_by_their_images_ids(masks):
    entry = masks.entries[0]
    assert masks.entry(entry.id) is entry
    assert list(masks.by_id.values()) == masks.entries
    assert np.array_equal(masks.labels(entry.id), masks.labels(entry))
    assert masks.image_path(entry.id) == masks.image_path(entry)
    with pytest.raises(
        DataError, match=f"There is no mask of 'nope.jpg' in .*; ids are such as '{entry.id}'"
    ):
        masks.labels("nope.jpg")


def test_a_mask_that_differs_from_the_index_is_named(masks):
    write_mask(masks.folder / "masks" / "sub" / "a.jpg.png", LABELS.T, PALETTE)
    with pytest.raises(ArtifactError, match="3 x 2 as the index says, but it is 2 x 3"):
        masks.labels(masks.entries[0])


def test_a_notebook_shows_a_line_of_a_mask_set(masks):
    assert repr(masks) == f"MaskSet({str(masks.folder)!r}, num_parts=2, images={len(masks)})"


def test_colour_pictures_are_no_masks(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ArtifactError, match="RGB"):
        read_mask(tmp_path / "a.png")
    with pytest.raises(ArtifactError, match="does not exist"):
        read_mask(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no")
    with pytest.raises(ArtifactError, match="Cannot read"):
        read_mask(tmp_path / "c.png")


@pytest.mark.parametrize(
    "change",
    [
        {"num_parts": 0},
        {"num_parts": "many"},
        {"part_names": ["one"]},
        {"images": [{"id": "a"}]},
        {"images": [{"id": "a", "file_name": "a", "width": 1, "height": 1, "mask": "../../etc/passwd"}]},
        {"images": [{"id": "../up", "file_name": "a", "width": 1, "height": 1, "mask": "a.png"}]},
        {"images": [{"id": "/tmp/a", "file_name": "a", "width": 1, "height": 1, "mask": "a.png"}]},
        {"palette": [[1]]},
    ],
)
def test_a_damaged_index_is_refused(masks, change):
    index = masks.folder / "index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **change}))
    with pytest.raises(ArtifactError, match=r"index\.json"):
        read_masks(masks.folder)


def test_parts_can_be_named_and_unnamed(masks):
    run = masks.folder.parent
    assert list(name_parts(run, {2: "wheel"}).names) == ["part 1", "wheel"]
    assert list(name_parts(run, {1: "glass"}).names) == ["glass", "wheel"]
    assert list(read_masks(run).names) == ["glass", "wheel"]
    assert read_masks(name_parts(run, {1: "", 2: ""}).folder).part_names is None
    with pytest.raises(ConfigError, match=r"1\.\.2, but got 3"):
        name_parts(run, {3: "door"})
    with pytest.raises(ConfigError, match="different name"):
        name_parts(run, {1: "door", 2: "door"})
