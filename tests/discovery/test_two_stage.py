from __future__ import annotations

import pytest
import torch

from partdisc.discovery import TwoStageClustering, object_cells
from partdisc.errors import ConfigError
from tests.discovery.contract import DiscovererContract
from tests.discovery.test_object_cells import scenes_of_two_parts


class TestTwoStageClustering(DiscovererContract):
    cls = TwoStageClustering


def test_many_images_are_sampled_evenly(monkeypatch):
    maps, _, _ = scenes_of_two_parts(9)
    monkeypatch.setattr(object_cells, "SAMPLE_IMAGES", 3)
    sampled = TwoStageClustering(3, device="cpu", foreground="none").fit_features(maps)
    third = TwoStageClustering(3, device="cpu", foreground="none").fit_features([maps[i] for i in (0, 3, 6)])
    for name, tensor in sampled._state().items():
        assert torch.equal(tensor, third._state()[name])


def test_parts_are_numbered_by_their_area():
    maps, _, _ = scenes_of_two_parts()
    method = TwoStageClustering(3, device="cpu", foreground="none").fit_features(maps)
    found = method.predict_features(maps[:1])[0].maps.argmax(0)
    inner = {int(found[y, x]) for y, x in ((0, 0), (4, 3), (4, 7))}  # background, narrow part, wide part
    assert inner == {1, 2, 3}
    assert found[0, 0] == 1
    assert found[4, 7] == 2
    assert method.areas_[0] > method.areas_[1] > method.areas_[2]


def test_fewer_fine_clusters_than_parts_are_raised_to_the_parts():
    maps, _, _ = scenes_of_two_parts()
    method = TwoStageClustering(5, device="cpu", foreground="none", fine_clusters=2).fit_features(maps)
    assert method.parts_.weight.shape[1] == 5


@pytest.mark.parametrize("name", ["fine_clusters", "votes"])
def test_nothing_to_cluster_or_to_vote_is_refused(name):
    maps, _, _ = scenes_of_two_parts()
    with pytest.raises(ConfigError, match=f"{name} to be a whole number of at least 1, but got 0"):
        TwoStageClustering(2, device="cpu", **{name: 0}).fit_features(maps)
