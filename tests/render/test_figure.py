from __future__ import annotations

import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.render.canvas import save_figure
from partdisc.render.figure import Cell, LegendEntry, picture_grid
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import part_palette

LEGEND = [LegendEntry(color, f"a part called ${i}$") for i, color in enumerate(part_palette(18)[1:])]


def grid(scene, **options):
    image, labels = scene
    return picture_grid([[Cell(image), Cell(image, labels)], [Cell(image), None]], **options)


@pytest.mark.parametrize(("width", "dpi"), [(60, 100), (100, 72)])
def test_png_is_as_wide_as_asked(scene, tmp_path, width, dpi):
    save_figure(grid(scene, width_mm=width, dpi=dpi), tmp_path / "a.png", dpi=dpi)
    assert Image.open(tmp_path / "a.png").width == pytest.approx(width / 25.4 * dpi, abs=1)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_same_figure_gives_the_same_bytes(scene, tmp_path, suffix):
    for name in ("a", "b"):
        figure = grid(scene, columns=["image", "annotation"], legend=LEGEND, width_mm=60, dpi=100)
        save_figure(figure, tmp_path / (name + suffix), dpi=100)
    assert (tmp_path / ("a" + suffix)).read_bytes() == (tmp_path / ("b" + suffix)).read_bytes()


def test_text_stays_text_in_vector_files(scene, tmp_path):
    figure = grid(scene, columns=["image", "annotation"], legend=LEGEND, width_mm=60, dpi=100)
    save_figure(figure, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "annotation" in svg
    assert "a part called $3$" in svg


def test_legend_stays_inside_and_below_the_pictures(scene, tmp_path):
    figure = picture_grid([[Cell(scene[0][..., 0])]], legend=LEGEND, width_mm=80, dpi=150)
    save_figure(figure, tmp_path / "a.png", dpi=150)
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    for color in part_palette(18)[1:]:
        rows, columns = np.nonzero((pixels == color).all(2))
        assert rows.size > 50, color
        assert columns.min() > 0
        assert columns.max() < pixels.shape[1] - 30  # its text follows


def test_parts_are_drawn_at_the_size_shown(scene, tmp_path):
    image, labels = scene
    overlay = PartOverlay(opacity=1, contours=0)
    save_figure(
        picture_grid([[Cell(image, labels, overlay)]], width_mm=25.4, dpi=80), tmp_path / "a.png", dpi=80
    )
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (pixels == part_palette(1)[1]).all(2).sum() == (labels == 1).sum()


def test_no_state_of_matplotlib_stays_behind(scene):
    before = dict(matplotlib.rcParams)
    grid(scene, style="ggplot", columns=["image", "annotation"])
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_bad_input_is_told_in_one_line(scene, tmp_path):
    image, labels = scene
    with pytest.raises(DataError, match="at least one picture"):
        picture_grid([])
    with pytest.raises(DataError, match="rows of one length"):
        picture_grid([[Cell(image)]], columns=["a", "b"])
    with pytest.raises(DataError, match="image's size 80 x 60"):
        picture_grid([[Cell(image, labels[1:])]])
    with pytest.raises(ConfigError, match="dpi"):
        grid(scene, dpi=3)
    with pytest.raises(ConfigError, match="matplotlib style"):
        grid(scene, style="no such style")
    with pytest.raises(ConfigError, match=r"\.pdf, \.svg or \.png"):
        save_figure(grid(scene), tmp_path / "a.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="Cannot write"):
        save_figure(grid(scene), tmp_path / "file" / "a.png")
