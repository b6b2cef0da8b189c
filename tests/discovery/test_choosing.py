from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from partdisc.discovery import FeatureClustering, create_discoverer
from partdisc.discovery.choosing import RowSample, choose, number_between, parse_num_parts
from partdisc.discovery.inside import RowsInside
from partdisc.discovery.recurrence import PartSupport
from partdisc.errors import ConfigError, DataError, PartSupportWarning
from partdisc.foreground import LinearForeground
from partdisc.runs.pipeline import discover
from partdisc.store.features import FeatureSet
from tests.discovery.conftest import paint_images

METHODS = {"dff": {}, "kmeans": {}, "two-stage": {"votes": 1}}


def objects(num_parts=4, num_looks=3, images=12, seed=0):
    """Feature maps of objects of `num_parts` bands each; every image has one of `num_looks` looks of its own."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(num_parts, 32, generator=generator)
    looks = torch.randn(num_looks, num_parts, 32, generator=generator)
    maps = []
    for image in range(images):
        codes = 2 * parts + 0.6 * looks[image % num_looks]
        band = torch.arange(12) * num_parts // 12
        noise = 0.3 * torch.randn(12, 8, 32, generator=generator)
        maps.append((codes[band][:, None] + noise).relu())
    return maps


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_parts_is_found_and_not_that_of_looks(method):
    found = create_discoverer(method, "auto:2-8", device="cpu", **METHODS[method]).fit_features(objects())
    assert abs(found.num_parts_ - 4) <= 1, found.choice_.sentence()
    assert found.num_parts == "auto:2-8"
    assert [s.num_parts for s in found.choice_.supports] == list(range(2, 9))
    assert found.predict_features(objects()[:1])[0].maps.shape[0] == found.num_parts_ + 1


@pytest.mark.parametrize("method", METHODS)
def test_auto_equals_asking_for_the_number_it_chose(method):
    options = {"seed": 1, "device": "cpu", **METHODS[method]}
    auto = create_discoverer(method, "auto:2-5", **options).fit_features(objects())
    asked = create_discoverer(method, auto.num_parts_, **options).fit_features(objects())
    assert asked.choice_ is None
    for name, tensor in auto._state().items():
        assert torch.equal(tensor, asked._state()[name]), name


@pytest.mark.filterwarnings("ignore::partdisc.errors.PartSupportWarning")
def test_the_range_is_kept():
    found = create_discoverer("kmeans", "auto:6-8", device="cpu").fit_features(objects())
    assert 6 <= found.num_parts_ <= 8
    assert [s.num_parts for s in found.choice_.supports] == [6, 7, 8]


def test_too_many_parts_are_complained_of_and_the_right_number_is_not(recwarn):
    FeatureClustering(4, device="cpu").fit_features(objects(images=21))
    assert not [w for w in recwarn if w.category is PartSupportWarning]
    with pytest.warns(PartSupportWarning, match=r"(Only \d+|None) of 12 parts recur"):
        FeatureClustering(12, device="cpu").fit_features(objects(images=21))


def curve(*effective, first=2):
    return list(enumerate(effective, start=first))


def test_the_number_lies_between_the_typical_and_what_objects_show():
    steep, flat = curve(1.5, 1.6, 1.6, 1.7, 1.7), curve(*(0.9 * k for k in range(2, 17)))
    assert number_between(steep) == (4, 3)
    assert number_between(flat) == (6, 16)
    for typical in (2, 4, 9):
        for points in (steep, flat):
            found, shown = number_between(points, typical=typical)
            assert min(min(typical, 6), shown) <= found <= max(typical, shown)


def test_the_weight_says_how_far_the_images_move_the_number():
    flat = curve(*range(2, 17))
    found = [number_between(flat, weight=weight)[0] for weight in (0, 0.25, 0.5, 0.75, 1)]
    assert found == [4, 6, 8, 11, 16]


def test_what_is_shown_ends_at_the_first_number_that_is_not():
    assert number_between(curve(2, 3, 1.9, 5, 6))[1] == 3
    assert number_between(curve(2, 3, 2.0, 5, 6))[1] == 6


def test_a_range_moves_what_is_typical():
    assert number_between(curve(1.0, 1.0, 1.0, first=6)) == (6, 6)
    assert number_between(curve(6.0, 7.0, 8.0, first=6)) == (7, 8)
    assert number_between(curve(1.0, 2.0, first=1)) == (2, 2)


def test_a_choice_says_why():
    supports = [PartSupport((1.0,) * k, 10, effective) for k, effective in curve(2.0, 2.5, 2.6, 2.6, 2.7)]
    found = choose(supports)
    assert (found.num_parts, found.shown) == (4, 5)
    assert found.sentence() == (
        "4 parts chosen, between the typical 4 and 5: of more than 5 parts an object here shows less than half."
    )
    kept = json.loads(json.dumps(found.to_json()))
    assert kept["rule"] == {"typical": 4, "weight": 1 / 3, "shown_share": 0.5, "shown": 5}
    assert kept["curve"][1] == {"num_parts": 3, "effective": 2.5, "recurring": 3, "seen": [1.0, 1.0, 1.0]}


@pytest.mark.parametrize(
    ("effective", "ending"),
    [
        (1.0, "and 3: of more than 3 parts an object here shows less than half."),
        (9.0, "and 5: 5 are the most tried, and an object here still shows half of them."),
    ],
)
def test_a_choice_says_that_more_or_fewer_were_not_tried(effective, ending):
    supports = [PartSupport((1.0,) * k, 10, effective) for k in (3, 4, 5)]
    assert choose(supports).sentence().endswith(ending)


def test_a_sample_knows_whose_rows_it_has():
    maps = objects(images=5)
    sample = RowSample(RowsInside(FeatureSet.from_maps(maps), None))
    assert sample.owners.unique().tolist() == [0, 1, 2, 3, 4]
    for row, owner in zip(sample.rows[::7], sample.owners[::7], strict=True):
        assert (maps[owner].flatten(0, 1) == row).all(1).any()


def test_a_found_foreground_is_given_up_where_it_has_no_cells_for_the_fewest_parts(
    tiny_backbone, monkeypatch
):
    def no_cells(*args, **options):
        return LinearForeground(torch.zeros(12), torch.ones(12), torch.zeros(12), torch.tensor(-9.0))

    monkeypatch.setattr("partdisc.discovery.fitting.fit_stage", no_cells)
    method = FeatureClustering("auto:2-4", backbone=tiny_backbone, image_size=64, device="cpu")
    with pytest.warns(UserWarning, match="has 0 cells, too few for 2 parts"):
        method.fit(paint_images(2))
    assert method.foreground_ is None
    assert 2 <= method.num_parts_ <= 4


def test_nothing_inside_the_foreground_is_an_error():
    features = FeatureSet.from_maps(objects(images=2))
    with pytest.raises(DataError, match="Use --foreground none"):
        RowSample(RowsInside(features, lambda rows: torch.zeros(rows.shape[:-1])))


def test_a_range_beyond_the_sampled_cells_is_an_error():
    with pytest.raises(DataError, match="at least 70 cells to choose the number of parts by, but got 48"):
        FeatureClustering("auto:70-80", device="cpu").fit_features(objects(images=1))


@pytest.mark.parametrize(
    "value", ["car", "auto:4", "auto:4-4", "auto:9-3", "auto:0-4", "auto:2-900", 0, 255, 2.5, True, None]
)
def test_other_numbers_of_parts_are_refused(value):
    with pytest.raises(ConfigError, match="Expected --num-parts"):
        parse_num_parts(value)


def test_scops_says_that_it_learns_one_number():
    with pytest.raises(ConfigError, match="scops learns one number of parts"):
        create_discoverer("scops", "auto", foreground="none").fit_features(objects())


def test_a_run_keeps_the_choice_and_says_it(painted, tmp_path, tiny_backbone, capsys, monkeypatch):
    monkeypatch.setattr("partdisc.discovery.base.create_backbone", lambda *a, **k: tiny_backbone)
    options = {
        "method": "kmeans",
        "image_size": 64,
        "foreground": "none",
        "verbosity": 1,
        "weights": "random",
    }
    run = discover(painted, tmp_path / "run", "auto:2-5", **options)
    kept = json.loads((tmp_path / "run" / "num_parts.json").read_text())
    assert kept["schema"] == "partdisc/num-parts"
    assert kept["num_parts"] == run.info["num_parts"] == run.masks.num_parts
    assert kept["reason"] in capsys.readouterr().err
    assert (tmp_path / "run" / "figures" / "num_parts.png").stat().st_size > 1000
    assert run.info["settings"]["num_parts"] == "auto:2-5"
    model = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert model["params"]["num_parts"] == kept["num_parts"]


def test_a_run_says_what_the_images_do_not_support(tmp_path, tiny_backbone, capsys, monkeypatch, recwarn):
    monkeypatch.setattr("partdisc.discovery.base.create_backbone", lambda *a, **k: tiny_backbone)
    options = {
        "method": "kmeans",
        "image_size": 64,
        "foreground": "none",
        "verbosity": 1,
        "weights": "random",
    }
    painted = tmp_path / "images"
    painted.mkdir()
    for number, image in enumerate(paint_images(20)):
        Image.fromarray(image).save(painted / f"{number}.png")
    run = discover(painted, tmp_path / "run", 40, **options)
    said = capsys.readouterr().err
    assert any("of 40 parts recur" in complaint for complaint in run.info["complaints"])
    assert all(f"warning: {complaint}" in said for complaint in run.info["complaints"])
    assert not [w for w in recwarn if w.category is PartSupportWarning]


def test_the_same_seed_chooses_the_same(tiny_backbone):
    options = {"backbone": tiny_backbone, "image_size": 64, "foreground": "none", "device": "cpu"}
    first, second = (FeatureClustering("auto", **options).fit(paint_images()) for _ in range(2))
    assert first.choice_ == second.choice_
    assert np.array_equal(first.cluster_centers_, second.cluster_centers_)
