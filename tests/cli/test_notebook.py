from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.rendering.notebook import show
from partdisc.errors import ConfigError, DataError
from partdisc.render.palette import part_palette
from partdisc.store.masks import MaskEntry, MaskSet, read_masks, write_index, write_mask


@pytest.fixture
def run(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), (90, 90, 90)).save(tmp_path / "images" / name)
        labels = np.ones((20, 30), np.uint8)
        write_mask(tmp_path / "parts" / "masks" / name, labels, part_palette(1))
    entries = [MaskEntry(n, n, 30, 20, f"masks/{n}") for n in ("a.png", "b.png", "c.png")]
    write_index(MaskSet(tmp_path / "parts", 1, part_palette(1), None, str(tmp_path / "images"), entries))
    return tmp_path


def test_show_takes_a_folder_or_a_mask_set_and_draws_the_parts(run):
    sheet = show(run, 2, columns=2, cell=40)
    assert isinstance(sheet, Image.Image)
    half = (np.array(part_palette(1)[1]) + 90) / 2
    assert (np.abs(np.asarray(sheet) - half).max(2) <= 1).sum() > 500
    assert np.array_equal(np.asarray(show(read_masks(run), 2, columns=2, cell=40)), np.asarray(sheet))


def test_bad_input_is_told_in_one_line(run, tmp_path):
    with pytest.raises(ConfigError, match="a run directory, a run or a mask set, but got int"):
        show(3)
    with pytest.raises(ConfigError, match="at least 1 image"):
        show(run, 0)
    (tmp_path / "moved").mkdir()
    with pytest.raises(DataError, match="--images DIR"):
        show(run, images=tmp_path / "moved")
