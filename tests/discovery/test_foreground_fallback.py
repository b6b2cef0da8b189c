from __future__ import annotations

import pytest
import torch

from partdisc.discovery import inside
from partdisc.foreground import LinearForeground
from partdisc.store.features import FeatureSet


def answer(support):
    def fit(features, images=None, **options):
        zero = torch.zeros(2)
        return LinearForeground(zero, zero + 1, zero, zero[0], support)

    return fit


FEATURES = FeatureSet.from_maps([torch.zeros(3, 3, 2)])


def test_auto_warns_and_takes_whole_images_where_no_object_stands_out(monkeypatch):
    monkeypatch.setattr(inside, "fit_foreground", answer(-0.3))
    with pytest.warns(UserWarning, match="No object stands out.*whole images"):
        assert inside.fit_stage("auto", None, FEATURES, 0) is None


@pytest.mark.parametrize(("name", "support"), [("auto", 0.6), ("auto", None), ("border", -0.3)])
def test_a_foreground_that_is_supported_or_asked_for_by_name_is_kept(monkeypatch, name, support):
    monkeypatch.setattr(inside, "fit_foreground", answer(support))
    assert inside.fit_stage(name, None, FEATURES, 0) is not None
