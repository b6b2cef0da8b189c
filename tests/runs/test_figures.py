from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from partdisc.progress import Progress
from partdisc.render.palette import part_palette
from partdisc.runs import figures
from partdisc.store.masks import MaskEntry, MaskSet, write_mask


@pytest.fixture
def masks(tmp_path):
    """Four images of 60 x 40 pixels, the left half of each its only part."""
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 60), np.uint8)
    labels[:, :30] = 1
    entries = []
    for name in "abcd":
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
        write_mask(tmp_path / "parts" / "masks" / f"{name}.png", labels, part_palette(1))
        entries.append(MaskEntry(name, f"{name}.png", 60, 40, f"masks/{name}.png"))
    return MaskSet(tmp_path / "parts", 1, part_palette(1), images_root=str(tmp_path), entries=entries)


def write(masks, overlays):
    root = masks.folder.parent
    figures.write_figures(root, masks, overlays=overlays, progress=lambda s, n: Progress(s, n, verbosity=0))
    return sorted(path.stem for path in (root / "figures" / "overlays").glob("*.jpg"))


@pytest.mark.parametrize(("overlays", "decoded"), [(None, "abcd"), (2, "ac"), (1, "aabcd"), (0, "abcd")])
def test_the_sheet_shows_overlaid_images_where_there_are_enough_and_decodes_nothing_twice(
    masks, monkeypatch, overlays, decoded
):
    monkeypatch.setattr(figures, "SHEET_IMAGES", 4 if overlays == 1 or overlays == 0 else 2)
    seen = []
    once = figures.picture_of
    monkeypatch.setattr(figures, "picture_of", lambda m, e, side: seen.append(e.id) or once(m, e, side))
    assert write(masks, overlays) == sorted(set(decoded))[: 4 if overlays is None else overlays]
    assert "".join(sorted(seen)) == decoded
    assert (masks.folder.parent / "figures" / "contact_sheet.jpg").exists()


def test_the_sheet_says_which_colour_is_which_part(masks):
    write(masks, None)
    with Image.open(masks.folder.parent / "figures" / "contact_sheet.jpg") as sheet:
        strip = np.asarray(sheet)[-30:].astype(int)
    assert (np.abs(strip - np.array(masks.palette[1])).max(2) < 20).sum() > 50


def test_images_that_are_gone_are_left_out(masks):
    (masks.folder.parent / "b.png").unlink()
    assert write(masks, None) == ["a", "c", "d"]
    width, height = Image.open(masks.folder.parent / "figures" / "contact_sheet.jpg").size
    assert width > 6 * figures.SHEET_CELL
    assert height < 2 * figures.SHEET_CELL
