from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from partdisc.render.heat import heat_map, shares


def test_shares_and_background_add_up_to_one():
    maps = PartMaps(np.random.default_rng(0).random((4, 3, 5)).astype(np.float32), size=(30, 50))
    found = shares(maps, (30, 50))
    resized = maps.resized((30, 50))
    assert np.allclose(found.sum(0) + resized[0] / resized.sum(0), 1, atol=1e-5)


def test_highest_value_has_the_last_color_of_the_scale():
    activation = np.array([[0.0, 2.0], [1.0, 4.0]])
    drawn = heat_map(np.zeros((2, 2, 3), np.uint8), activation, opacity=1)
    table = np.rint(matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255)
    assert np.array_equal(drawn[1, 1], table[255])
    assert np.array_equal(drawn[0, 0], table[0])
    half = heat_map(np.zeros((2, 2, 3), np.uint8), activation, opacity=1, highest=8)
    assert np.array_equal(half[1, 1], table[127])


def test_empty_map_and_bad_input():
    pixels = np.full((2, 2, 3), 100, np.uint8)
    assert np.array_equal(heat_map(pixels, np.zeros((1, 1)), opacity=0), pixels)
    with pytest.raises(DataError, match="shape"):
        heat_map(pixels, np.zeros(3))
    with pytest.raises(ConfigError, match="colour scales"):
        heat_map(pixels, np.zeros((1, 1)), scale="nothing")
