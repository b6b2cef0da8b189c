from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import NMF

from partdisc.discovery import DeepFeatureFactorization
from partdisc.errors import ConfigError, DataError
from tests.discovery.conftest import paint_images
from tests.discovery.contract import DiscovererContract

RNG = np.random.default_rng(0)


class TestDeepFeatureFactorization(DiscovererContract):
    cls = DeepFeatureFactorization


def test_it_reaches_the_error_of_scikit_learn_on_non_negative_features():
    maps = [RNG.random((8, 9, 12), dtype=np.float32) for _ in range(3)]
    X = np.concatenate([m.reshape(-1, 12) for m in maps])
    reference = NMF(4, init="nndsvda", solver="cd", max_iter=2000, tol=1e-7, random_state=0).fit(X)
    dff = DeepFeatureFactorization(4, max_iter=2000, tol=1e-7, device="cpu", foreground="none").fit_features(
        maps
    )
    assert dff.relative_error_ == pytest.approx(reference.reconstruction_err_ / np.linalg.norm(X), rel=5e-3)
    assert np.all(np.diff(dff.loss_history_) <= 1e-6 * dff.loss_history_[0])


def test_non_negative_features_are_taken_as_they_are():
    maps = [torch.rand(4, 4, 6)]
    dff = DeepFeatureFactorization(2, device="cpu", foreground="none").fit_features(maps)
    assert dff.scaling_.rule == "keep"
    assert dff.components_.shape == (2, 6)
    assert (dff.scaling_.mean == 0).all()


@pytest.mark.parametrize(("signed", "channels"), [("auto", 12), ("split", 12), ("relu", 6)])
def test_signed_features_are_split_or_cut_never_shifted(signed, channels):
    maps = [torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(0))]
    dff = DeepFeatureFactorization(2, signed=signed, device="cpu", foreground="none").fit_features(maps)
    assert dff.components_.shape == (2, channels)
    assert (dff.components_ >= 0).all()


def test_signed_features_can_be_refused():
    with pytest.raises(DataError, match="Choose a layer after a ReLU"):
        DeepFeatureFactorization(2, signed="error", device="cpu", foreground="none").fit_features(
            [torch.randn(6, 6, 6)]
        )
    with pytest.raises(ConfigError, match="auto, split, relu, error"):
        DeepFeatureFactorization(2, signed="shift", device="cpu", foreground="none").fit_features(
            [torch.randn(6, 6, 6)]
        )


def test_heat_maps_are_activations_of_unit_basis_rows(tiny_backbone):
    dff = DeepFeatureFactorization(
        3, backbone=tiny_backbone, image_size=64, device="cpu", foreground="none"
    ).fit(paint_images(3))
    heat = dff.transform(paint_images(1))[0]
    maps = dff.predict(paint_images(1))[0].maps[1:]
    assert heat.shape == maps.shape
    assert heat.min() >= 0
    np.testing.assert_allclose(heat / heat.sum(0).clip(1e-9), maps, atol=1e-5)
    torch.testing.assert_close(dff.components_.norm(dim=1), torch.ones(3))


def test_results_do_not_depend_on_how_features_lie_in_shards(monkeypatch):
    maps = [torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    in_memory = DeepFeatureFactorization(3, device="cpu", foreground="none").fit_features(maps)
    monkeypatch.setattr("partdisc.discovery.factors.fits_in_memory", lambda *_: False)
    by_block = DeepFeatureFactorization(3, device="cpu", foreground="none").fit_features(maps)
    torch.testing.assert_close(in_memory.components_, by_block.components_, atol=1e-3, rtol=1e-2)
    assert in_memory.relative_error_ == pytest.approx(by_block.relative_error_, rel=1e-4)


def test_a_basis_learnt_from_some_cells_explains_all_nearly_as_well_as_one_learnt_from_all():
    truth = RNG.gamma(0.3, size=(4, 24)).astype(np.float32)
    weights = RNG.gamma(0.3, size=(30, 12, 10, 4)).astype(np.float32)
    maps = list(weights @ truth + 0.05 * RNG.random((30, 12, 10, 24), dtype=np.float32))
    X = np.concatenate([m.reshape(-1, 24) for m in maps])
    reference = NMF(4, init="nndsvda", max_iter=2000, random_state=0).fit(X)
    model = DeepFeatureFactorization(4, max_cells=600, device="cpu", foreground="none").fit_features(maps)
    explained = NMF(4).fit(X[:10])  # scikit-learn's own solver for all cells, with the basis found here
    explained.components_ = model.scaling_.scale.numpy() * model.components_.numpy()
    explained.n_components_ = 4
    rest = X - explained.transform(X) @ explained.components_
    assert np.linalg.norm(rest) < 1.03 * reference.reconstruction_err_
    assert sum(m.num_parts for m in model.predict_features(maps)) == 4 * len(maps)


def test_all_cells_are_used_where_there_are_no_more_than_may_be():
    maps = [torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    bases = [
        DeepFeatureFactorization(3, max_cells=n, device="cpu", foreground="none")
        .fit_features(maps)
        .components_
        for n in (119, 120, 10**9)
    ]
    assert torch.equal(bases[1], bases[2])
    assert not torch.equal(bases[0], bases[1])


def test_the_papers_settings_run():
    maps = [torch.rand(5, 6, 8)]
    dff = DeepFeatureFactorization(
        2, solver="mu", init="random", max_iter=200, device="cpu", foreground="none"
    ).fit_features(maps)
    assert dff.relative_error_ < 0.5
