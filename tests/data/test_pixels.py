from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.data.pixels import alpha_channel, array_to_rgb, to_rgb, to_uint8
from partdisc.errors import ConfigError
from tests.data.odd_files import photo


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    opacity = alpha[..., None] / 255
    return rgb * opacity + 255 * (1 - opacity)


def test_sixteen_bits_are_scaled_to_the_nearest_level():
    levels = np.arange(65536, dtype=np.uint16)[None]
    exact = levels.astype(np.float64) * 255 / 65535
    assert np.abs(to_uint8(levels) - exact).max() <= 0.5
    assert (to_uint8(np.arange(256, dtype=np.uint16)[None] * 257) == np.arange(256)).all()


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_levels_are_read_in_the_smallest_range_that_holds_them(top):
    levels = np.linspace(0, top, 256, dtype=np.float32)[None]
    assert np.abs(to_uint8(levels) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    "levels", [np.array([[-7, 0, 93]]), np.array([[-7.0, 0.0, 93.0]]), np.array([[0, 7 * 10**6, 10**8]])]
)
def test_other_ranges_are_stretched_from_minimum_to_maximum(levels):
    assert to_uint8(levels).tolist() == [[0, 18, 255]]


def test_what_is_not_finite_is_black():
    levels = np.array([[np.nan, np.inf, -np.inf, 0.5, 1.0]], dtype=np.float32)
    assert to_uint8(levels).tolist() == [[0, 0, 0, 128, 255]]
    assert not to_uint8(np.full((2, 2), np.nan)).any()
    assert not to_uint8(np.full((2, 2), -3.0)).any()


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La"])
def test_transparency_lies_over_white(mode):
    image = photo()
    image.putalpha(photo(seed=3).convert("L"))
    plain = image if mode.startswith("RGB") else image.convert("LA")
    image = plain.convert(mode)
    # premultiplied modes lose levels where hardly anything is to be seen
    straight = np.asarray(image.convert({"RGBa": "RGBA", "La": "LA"}.get(mode, mode)).convert("RGBA")).astype(
        float
    )
    expected = over_white(straight[..., :3], straight[..., 3])
    assert np.abs(np.asarray(to_rgb(image)) - expected).max() <= 1
    assert (np.asarray(alpha_channel(image)) == straight[..., 3]).all()


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_white_and_the_rest_stays(mode):
    image = photo().quantize(8) if mode == "P" else photo().convert(mode)
    key = image.getpixel((20, 9))
    image.info["transparency"] = key
    values = np.asarray(image)
    keyed = (values == np.array(key)).all(-1) if mode == "RGB" else values == key
    bare = image.copy()
    del bare.info["transparency"]
    rgb = np.asarray(to_rgb(image))
    assert keyed.any()
    assert (rgb[keyed] == 255).all()
    assert (rgb[~keyed] == np.asarray(bare.convert("RGB"))[~keyed]).all()
    assert ((np.asarray(alpha_channel(image)) == 0) == keyed).all()


def test_cmyk_is_ink_on_white_paper():
    cmyk = np.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    ink = cmyk.astype(float) / 255
    expected = 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])
    assert np.abs(np.asarray(to_rgb(Image.fromarray(cmyk, "CMYK"))) - expected).max() <= 1


def test_images_without_transparency_have_no_alpha():
    assert alpha_channel(photo()) is None
    assert alpha_channel(photo().convert("CMYK")) is None


def test_every_kind_of_memory_gives_the_same_pixels():
    pixels = np.asarray(photo())
    for same in (pixels, photo(), torch.from_numpy(pixels.copy()).permute(2, 0, 1), pixels[:, ::-1][:, ::-1]):
        assert (array_to_rgb(same) == pixels).all()
    grey = pixels[..., 0]
    for same in (grey, Image.fromarray(grey), torch.from_numpy(grey.copy())):
        assert (array_to_rgb(same) == grey[..., None]).all()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 3)), "expected 8-bit pixels .* got float64"),
        (torch.zeros(3, 4, 4), "got float32"),
        (
            np.zeros((3, 4, 4), np.uint8),
            r"expected an image of shape \(H, W, 3\) or \(H, W\), but got \(3, 4, 4\)",
        ),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), r"expected an image of shape \(3, H, W\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (np.zeros(4, np.uint8), r"got \(4,\)"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array, words):
    with pytest.raises(ConfigError, match=words):
        array_to_rgb(array)
