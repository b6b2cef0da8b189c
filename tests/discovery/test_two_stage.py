from __future__ import annotations

import pytest
import torch

from partdisc.discovery import TwoStageClustering, object_cells, two_stage
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


def objects_of_two_kinds(images: int = 12) -> list[torch.Tensor]:
    """Maps (6, 6, 8) of two kinds of objects in turn, which differ more than their parts, left and right, do."""
    generator, maps = torch.Generator().manual_seed(0), []
    for number in range(images):
        found = 0.2 * torch.randn(6, 6, 8, generator=generator)
        found[..., :5] += 2 * (number % 2)
        found[:, 3:, 5:] += 2
        maps.append(found)
    return maps


def parts_of(maps: list[torch.Tensor]) -> torch.Tensor:
    method = TwoStageClustering(2, device="cpu", foreground="none", fine_clusters=12).fit_features(maps)
    return torch.stack([torch.as_tensor(found.maps[1:]).argmax(0) for found in method.predict_features(maps)])


def test_parts_are_shared_by_kinds_of_objects():
    found = parts_of(objects_of_two_kinds())
    assert (found[:, :, :3] == found[0, 0, 0]).float().mean() > 0.95
    assert (found[:, :, 3:] != found[0, 0, 0]).float().mean() > 0.95


def test_clusters_that_never_meet_are_told_apart_where_objects_show_enough_parts(monkeypatch):
    monkeypatch.setattr(two_stage, "SHOWN", 0.0)
    found = parts_of(objects_of_two_kinds())
    assert all(len(labels.unique()) == 1 for labels in found)  # each kind is a part
    assert found[0, 0, 0] != found[1, 0, 0]


def test_the_number_of_parts_is_chosen_by_what_features_tell_apart():
    method = TwoStageClustering("auto:2-3", device="cpu", foreground="none", fine_clusters=12)
    method.fit_features(objects_of_two_kinds())
    shown = [support.effective for support in method.choice_.supports]
    assert shown == pytest.approx([1, 2**0.5])  # each kind has parts of its own
    assert method.support_.effective > shown[-1] + 0.5  # in the end one is shared
