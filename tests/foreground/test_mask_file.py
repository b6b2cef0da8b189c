from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.errors import DataError
from partdisc.foreground.mask_file import (
    holds_shades,
    lay_on_grid,
    mask_size,
    read_levels,
    read_mask_file,
    resize_mask,
)
from partdisc.store.features import FeatureEntry

OBJECT = np.zeros((6, 8), bool)
OBJECT[1:4, 2:7] = True


def saved(path, array, mode=None, palette=None):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    if palette:
        image.putpalette(palette)
    image.save(path)
    return path


def rgba(colour, alpha):
    picture = np.zeros((6, 8, 4), np.uint8)
    picture[..., :3], picture[..., 3] = colour, alpha
    return picture


@pytest.mark.parametrize(
    "array",
    [
        np.where(OBJECT, 255, 0).astype(np.uint8),
        np.where(OBJECT, 1, 0).astype(np.uint8),
        np.where(OBJECT, np.arange(8) + 1, 0).astype(np.uint8),
        OBJECT,
        np.repeat(np.where(OBJECT, 255, 0).astype(np.uint8)[..., None], 3, axis=2),
        np.where(OBJECT[..., None], [0, 200, 10], 0).astype(np.uint8),
        rgba(77, np.where(OBJECT, 255, 0)),
        rgba(np.where(OBJECT[..., None], 255, 0), 255),
    ],
    ids=["grey", "ones", "labels", "1-bit", "rgb grey", "coloured", "cut out", "opaque rgba"],
)
def test_hard_masks_are_the_same_in_every_mode(tmp_path, array):
    path = saved(tmp_path / "m.png", array)
    assert not holds_shades([read_levels(path)])
    np.testing.assert_array_equal(read_mask_file(path, soft=False), OBJECT.astype(np.float32))


def test_palette_indices_are_labels_whatever_their_colours(tmp_path):
    array = np.where(OBJECT, 200, 0).astype(np.uint8)
    image = Image.fromarray(array).convert("P")
    image.putdata(array.ravel().tolist())
    image.putpalette([255] * 3 + [0] * 765)  # background white, all else black
    image.save(tmp_path / "m.png", transparency=0)
    assert Image.open(tmp_path / "m.png").mode == "P"
    for soft in (True, False):
        np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", soft=soft), OBJECT)


def test_soft_levels_are_probabilities(tmp_path):
    levels = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
    for name, array in (("grey", levels), ("alpha", rgba(9, levels))):
        path = saved(tmp_path / f"{name}.png", array)
        assert holds_shades([read_levels(path)])
        np.testing.assert_allclose(read_mask_file(path, soft=True), levels / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("masks", "soft"),
    [
        ([[0, 255]], False),
        ([[0, 100]], False),  # two levels are no shades
        ([[0, 128, 255]], True),
        ([[0, 255], [0, 64]], True),  # of a folder together
        ([[0, 1, 2, 63, 255]], False),  # labels, and 255 ignored
        ([[0, 3, 254]], True),
        ([[5]], False),
        ([], False),
    ],
)
def test_the_rule_of_shades(masks, soft):
    assert holds_shades(np.array(m, np.uint8) for m in masks) is soft


def test_what_is_no_mask_is_told_with_its_name(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "half.png").write_bytes(
        saved(tmp_path / "a.png", np.eye(64, dtype=np.uint8)).read_bytes()[:60]
    )
    for read in (mask_size, read_levels):
        with pytest.raises(
            DataError, match=r"deep.png: .* 8-bit grey, palette or RGBA, but its mode is I;16"
        ):
            read(tmp_path / "deep.png")
        with pytest.raises(DataError, match=r"text.png: It is not an image"):
            read(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"half.png: It"):
        read_levels(tmp_path / "half.png")


def test_resizing_keeps_the_share_of_the_object():
    mask = OBJECT.astype(np.float32)
    assert resize_mask(mask, (6, 8)) is mask
    assert resize_mask(mask, (3, 4)).mean() == pytest.approx(mask.mean())
    np.testing.assert_array_equal(resize_mask(mask, (24, 32))[2::4, 2::4] > 0.5, OBJECT)


@pytest.mark.parametrize("content", [(3.0, 4.0), (2.5, 3.2)])
@pytest.mark.parametrize("scale", [1, 7])
def test_cells_hold_the_share_of_object_in_them(content, scale):
    """Against means over cells drawn at a common multiple of pixels and cells."""
    rng = np.random.default_rng(0)
    mask = (rng.random((6 * scale, 8 * scale)) > 0.5).astype(np.float32)
    entry = FeatureEntry("a", mask.shape, (3, 4), content)
    found = lay_on_grid(mask, entry)
    fine = np.kron(mask, np.ones((20, 20)))
    rows, columns = (side / cells for side, cells in zip(fine.shape, content, strict=True))
    assert (found.shape, found.dtype) == ((3, 4), torch.float32)
    inner = fine[: int(rows), : int(columns)].mean(), fine[int(rows) : int(2 * rows), : int(columns)].mean()
    tolerance = 0.02 if content == (3.0, 4.0) else 0.15  # pixels of the small mask are rounded
    np.testing.assert_allclose(found[:2, 0], inner, atol=tolerance)


def test_cells_beyond_the_image_repeat_its_border():
    mask = np.zeros((10, 10), np.float32)
    mask[:, 5:] = 1
    found = lay_on_grid(mask, FeatureEntry("a", (10, 10), (4, 4), (2.0, 2.0)))
    assert found.tolist() == [[0, 1, 1, 1]] * 4


ENTRY = FeatureEntry("a", (6, 8), (3, 4), (3.0, 4.0))


@pytest.mark.parametrize("kind", [bool, int, np.uint8, np.float16, np.float64])
def test_masks_of_any_kind_of_number_are_laid_on_the_grid_alike(kind):
    expected = lay_on_grid(OBJECT.astype(np.float32), ENTRY)
    found = lay_on_grid(OBJECT.astype(kind), ENTRY)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert np.allclose(
        resize_mask(OBJECT.astype(kind), (3, 4)), resize_mask(OBJECT.astype(np.float32), (3, 4))
    )


@pytest.mark.parametrize(
    "mask", [None, "abc", [[1, 2], [3]], np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 3))]
)
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(DataError, match=r"a foreground mask (as numbers|with pixels).*, but got"):
        lay_on_grid(mask, ENTRY)


@pytest.mark.parametrize("mask", [OBJECT * 255, OBJECT * np.nan, OBJECT - 2.0])
def test_values_beyond_0_to_1_are_refused(mask):
    with pytest.raises(DataError, match=r"the foreground mask of a to hold values within 0\.\.1 alone"):
        lay_on_grid(mask, ENTRY)
