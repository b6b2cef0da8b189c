"""Runs whose foreground masks the user gives."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import partdisc
from partdisc.discovery.inside import check_foreground
from partdisc.discovery.labelling import labels_within
from partdisc.errors import ConfigError, DataError
from partdisc.parts import PartMaps
from tests.discovery.contract import floor_masked
from tests.runs.test_pipeline import contents, discover


@pytest.fixture
def masks(painted, tmp_path):
    """A mask for each painted image, in the same subfolders."""
    folder = tmp_path / "masks"
    for path in painted.rglob("*.png"):
        target = folder / path.relative_to(painted)
        target.parent.mkdir(parents=True, exist_ok=True)
        mask = floor_masked(np.asarray(Image.open(path)))
        Image.fromarray((mask * 255).astype(np.uint8)).save(target)
    return folder


def mask_of(folder, entry):
    return np.asarray(Image.open(folder / entry.id)) > 0


@pytest.mark.parametrize("refine", ["none", "auto"])
@pytest.mark.parametrize("method", ["dff", "kmeans"])
def test_parts_fill_the_masks_to_the_pixel(painted, masks, tmp_path, method, refine):
    run = discover(painted, tmp_path / "run", 2, foreground=masks, method=method, refine=refine)
    for entry, labels in run.masks:
        np.testing.assert_array_equal(labels > 0, mask_of(masks, entry))
    assert {label for _, labels in run.masks for label in np.unique(labels)} == {0, 1, 2}
    assert run.info["masks"] == {
        "source": str(masks),
        "soft": False,
        "given": 6,
        "missing": [],
        "distorted": [],
    }


def test_masks_of_half_the_size_give_the_same_parts_but_for_the_edge(painted, masks, tmp_path):
    for path in masks.rglob("*.png"):
        mask = Image.open(path)
        mask.resize((mask.width // 2, mask.height // 2), Image.Resampling.NEAREST).save(path)
    run = discover(painted, tmp_path / "run", 2, foreground=masks)
    for entry, labels in run.masks:
        truth = floor_masked(np.asarray(Image.open(painted / entry.id))) > 0
        assert ((labels > 0) == truth).mean() > 0.95


def test_images_without_a_mask_have_what_the_others_taught(painted, masks, tmp_path, capsys):
    (masks / "0.png").unlink()
    run = discover(painted, tmp_path / "run", 2, foreground=masks, verbosity=1)
    assert run.info["masks"]["missing"] == ["0.png"]
    assert "1 images have no mask but what was learnt, first: 0.png" in capsys.readouterr().err
    [labels] = [labels for entry, labels in run.masks if entry.id == "0.png"]
    truth = floor_masked(np.asarray(Image.open(painted / "0.png"))) > 0
    assert ((labels > 0) == truth).mean() > 0.9
    with pytest.raises(DataError, match=r"every image \(--strict\). 1 images .* first: 0.png"):
        discover(painted, tmp_path / "strict", 2, foreground=masks, strict=True)


def test_a_model_is_applied_with_and_without_masks(painted, masks, tmp_path):
    discover(painted, tmp_path / "a", 2, foreground=masks)
    options = {"apply": tmp_path / "a", "workers": 0, "device": "cpu"}
    for name, foreground in (("with", {"foreground": masks}), ("without", {})):
        run = partdisc.discover(painted, tmp_path / name, **options, **foreground)
        exact = [((labels > 0) == mask_of(masks, entry)).mean() for entry, labels in run.masks]
        assert min(exact) == 1 if name == "with" else np.mean(exact) > 0.9
    # a model that knows no background takes what is given, and else the whole image
    discover(painted, tmp_path / "b", 2)
    (masks / "0.png").unlink()
    run = partdisc.discover(painted, tmp_path / "b2", **options | {"apply": tmp_path / "b"}, foreground=masks)
    for entry, labels in run.masks:
        inside = np.ones_like(labels) if entry.id == "0.png" else mask_of(masks, entry)
        np.testing.assert_array_equal(labels > 0, inside)


def test_a_run_with_masks_resumes_to_the_same_bytes(painted, masks, tmp_path):
    whole = discover(painted, tmp_path / "run", 2, foreground=masks)
    expected = contents(whole.folder)
    (tmp_path / "run" / "parts" / "index.json").unlink()
    for path in (tmp_path / "run" / "parts" / "maps").iterdir():
        path.unlink()
    info = (tmp_path / "run" / "run.json").read_text().replace('"status": "done"', '"status": "failed"')
    (tmp_path / "run" / "run.json").write_text(info)
    assert contents(discover(painted, tmp_path / "run", 2, foreground=masks, resume=True).folder) == expected


def test_the_opacity_of_images_cuts_them_out(painted, masks, tmp_path):
    for path in painted.rglob("*.png"):
        image = Image.open(path)
        image.putalpha(Image.open(masks / path.relative_to(painted)))
        image.save(path)
    run = discover(painted, tmp_path / "run", 2, foreground="alpha")
    for entry, labels in run.masks:
        np.testing.assert_array_equal(labels > 0, mask_of(masks, entry))


def test_a_part_reaches_wherever_the_mask_does():
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0], maps[0, :, 0], maps[2, :, 0] = 1, 0.9, 0.1  # nothing but a trace of part 2
    mask = np.zeros((8, 8), np.float32)
    mask[2:4] = 1
    labels = labels_within(PartMaps(maps, (8, 8)), mask)
    assert labels[2:4, :6].tolist() == [[2] * 6] * 2
    assert ((labels > 0) == (mask > 0)).all()
    assert maps[0, 0, 0] == np.float32(0.9)  # the caller's


def test_only_what_is_there_is_a_foreground(tmp_path):
    assert check_foreground("alpha") == "alpha"
    assert check_foreground(str(tmp_path)) == str(tmp_path)
    with pytest.raises(
        ConfigError, match=r"auto, none, .* or a folder or COCO file of masks, but got 'maks/'"
    ):
        check_foreground("maks/")
