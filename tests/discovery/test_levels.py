from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from partdisc.discovery import FeatureClustering, PartTree, load_discoverer, merge_parts
from partdisc.discovery.levels import check_levels
from partdisc.errors import ConfigError, NotFittedError
from partdisc.runs.level_files import tree_palettes
from partdisc.runs.pipeline import discover
from partdisc.store.levels import read_tree
from partdisc.store.maps import read_maps
from partdisc.store.masks import read_masks
from tests.discovery.conftest import paint_images

TINY = {"backbone": "resnet18", "weights": "random", "layers": "layer1", "image_size": 64, "device": "cpu"}


def make(images, out, num_parts=6, **settings):
    chosen = {"method": "kmeans", "foreground": "none", "overlays": 0, **TINY, **settings}
    return discover(images, out, num_parts, **chosen)


@pytest.fixture
def run(painted, tmp_path):
    return make(painted, tmp_path / "run", levels=[4, 2])


def test_the_most_alike_parts_are_merged_first(tiny_backbone):
    images = paint_images()
    method = FeatureClustering(6, backbone=tiny_backbone, image_size=64, device="cpu", foreground="none").fit(
        images
    )
    with pytest.raises(NotFittedError, match="not fitted yet"):
        merge_parts(type(method)(4), images, [3])
    tree = merge_parts(method, images, [3])
    assert method.tree_ is tree
    seen = set()
    for image, maps in zip(images, method.predict(images), strict=True):
        labels = tree.labels_at(3, maps.to_labels())
        for color in range(3):
            where = image[..., color] > 150
            inside = np.array([np.roll(where, s, a) for s in (-5, 5) for a in (0, 1)]).all(0) & where
            inside[:6] = inside[-6:] = inside[:, :6] = inside[:, -6:] = False
            values, counts = np.unique(labels[inside], return_counts=True)
            if counts.sum() > 20:
                assert counts.max() / counts.sum() > 0.9
                seen.add((color, int(values[counts.argmax()])))
    assert len(seen) == len({part for _, part in seen}) == 3, seen


def test_every_level_of_a_run_is_a_set_of_masks_and_maps_nested_in_the_next(run):
    tree = read_tree(run.folder)
    assert list(tree.levels) == [2, 4]
    fine, maps = run.masks, run.maps
    for level in (2, 4):
        masks, merged = (
            read_masks(run.folder / "levels" / str(level)),
            read_maps(run.folder / "levels" / str(level)),
        )
        assert (masks.num_parts, len(masks)) == (level, len(fine))
        assert masks.images_root == fine.images_root
        for a, b in zip(fine.entries, masks.entries, strict=True):
            np.testing.assert_array_equal(masks.labels(b), tree.labels_at(level, fine.labels(a)))
            assert merged[b.id].maps.shape[0] == level + 1
            np.testing.assert_allclose(merged[b.id].maps.sum(0), maps[a.id].maps.sum(0), atol=5e-3)
        assert (run.folder / "levels" / str(level) / "figures" / "contact_sheet.jpg").is_file()
    assert (run.folder / "figures" / "levels.jpg").is_file()


def test_parts_of_a_method_that_learns_one_number_are_merged_and_stay(painted, tmp_path):
    trained = {"method": "scops", "options": {"steps": 2, "training": {"batch_size": 2}}}
    run = make(painted, tmp_path / "run", levels=[2], **trained)
    alone = make(painted, tmp_path / "alone", **trained)
    for a, b in zip(run.masks, alone.masks, strict=True):
        np.testing.assert_array_equal(a[1], b[1])
    assert list(read_tree(run.folder).levels) == [2]
    assert not (alone.folder / "levels").exists()


def test_an_applied_model_brings_its_levels(run, painted, tmp_path):
    again = discover(painted, tmp_path / "again", apply=run.folder, device="cpu", maps=False)
    assert read_tree(again.folder) == read_tree(run.folder) == load_discoverer(run.folder).tree_
    for level in (2, 4):
        first, second = (read_masks(r.folder / "levels" / str(level)) for r in (run, again))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a[1], b[1])
        assert not (again.folder / "levels" / str(level) / "parts" / "maps").exists()
    with pytest.raises(ConfigError, match="no --levels beside --apply"):
        discover(painted, tmp_path / "other", apply=run.folder, levels=[2])


def test_a_run_that_was_stopped_among_its_levels_goes_on_to_the_same_files(run, painted):
    before = {p: p.read_bytes() for p in (run.folder / "levels").rglob("*") if p.is_file()}
    shutil.rmtree(run.folder / "levels" / "4" / "parts" / "masks")
    for name in ("levels/4/parts/index.json", "levels/tree.json"):
        (run.folder / name).unlink()
    info = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
    make(painted, run.folder, levels=[4, 2], resume=True)
    assert {p: p.read_bytes() for p in (run.folder / "levels").rglob("*") if p.is_file()} == before


def test_renumbering_a_method_renumbers_its_tree(tiny_backbone):
    images = paint_images()
    method = FeatureClustering(4, backbone=tiny_backbone, image_size=64, device="cpu", foreground="none")
    tree = merge_parts(method.fit(images), images, [2])
    before = [tree.labels_at(2, maps.to_labels()) for maps in method.predict(images)]
    method.reorder([2, 0, 3, 1])
    after = [method.tree_.labels_at(2, maps.to_labels()) for maps in method.predict(images)]
    pairs = {
        (int(a), int(b))
        for x, y in zip(before, after, strict=True)
        for a, b in zip(x.flat, y.flat, strict=True)
    }
    assert len(pairs) == 2
    assert method.fit(images).tree_ is None  # another fit has none


@pytest.mark.parametrize(
    ("num_parts", "levels"),
    [
        (4, [4]),
        (4, [5, 2]),
        (4, [1, 2]),
        (4, [0]),
        (4, [2.0]),
        (4, []),
        (4, ["2"]),
        (4, "2"),
        (4, 2.5),
        ("auto", [2]),
    ],
)
def test_unusable_levels_are_told(num_parts, levels):
    with pytest.raises(ConfigError, match="--levels as whole numbers from 2 to below --num-parts"):
        check_levels(levels, num_parts)


def test_levels_named_twice_are_told():
    with pytest.raises(ConfigError, match="different numbers of parts"):
        check_levels([2, 3, 2], 4)


def test_a_range_of_k_allows_levels_below_all_of_it():
    assert check_levels([3, 2], "auto:4-8") == (2, 3)


def test_children_have_shades_of_their_own_around_their_parents_colour():
    tree = PartTree(6, {2: (1, 2, 2, 1, 1, 1), 3: (1, 2, 2, 3, 1, 3)})
    coarse, middle, fine = tree_palettes(tree, [2, 3, 6])
    assert middle[2] == coarse[2]  # alone within its parent
    for palette in (coarse, middle, fine):
        assert len(set(palette)) == len(palette)


def test_the_documentation_runs(capsys):
    text = (Path(__file__).parents[2] / "docs" / "levels.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(block, {})
    assert capsys.readouterr().out.strip().endswith(" 2")
