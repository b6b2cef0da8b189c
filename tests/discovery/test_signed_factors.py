from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import partdisc
from partdisc.discovery import ConvexFeatureFactorization, SemiFeatureFactorization, create_discoverer
from partdisc.errors import ConfigError
from tests.discovery.conftest import paint_images
from tests.discovery.contract import DiscovererContract


class TestSemiFeatureFactorization(DiscovererContract):
    cls = SemiFeatureFactorization


class TestConvexFeatureFactorization(DiscovererContract):
    cls = ConvexFeatureFactorization


def signed_maps(count=3):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 7, 10, generator=generator) for _ in range(count)]


@pytest.mark.parametrize("cls", [SemiFeatureFactorization, ConvexFeatureFactorization])
def test_signed_features_are_taken_whole(cls):
    method = cls(3, device="cpu").fit_features(signed_maps())
    assert method.components_.shape == (3, 10)  # DFF would make 20 channels of them
    assert (method.components_ < 0).any()
    assert (method.scaling_.mean == 0).all()
    torch.testing.assert_close(method.components_.norm(dim=1), torch.ones(3))
    assert np.all(np.diff(method.loss_history_) <= 0)


@pytest.mark.parametrize("cls", [SemiFeatureFactorization, ConvexFeatureFactorization])
def test_features_beyond_memory_give_the_same_parts(cls, monkeypatch):
    in_memory = cls(3, device="cpu", tol=1e-6).fit_features(signed_maps())
    monkeypatch.setattr("partdisc.discovery.factors.fits_in_memory", lambda *_: False)
    by_block = cls(3, device="cpu", tol=1e-6).fit_features(signed_maps())
    torch.testing.assert_close(in_memory.components_, by_block.components_, atol=1e-3, rtol=1e-2)


def test_semi_nmf_fits_better_than_convex_nmf():
    semi, convex = (
        cls(4, device="cpu").fit_features(signed_maps())
        for cls in (SemiFeatureFactorization, ConvexFeatureFactorization)
    )
    assert semi.relative_error_ <= convex.relative_error_ < 1


@pytest.mark.parametrize("method", ["semi-nmf", "convex-nmf"])
def test_a_run_chooses_parts_of_a_vision_transformer_within_a_foreground_and_is_applied(method, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i, image in enumerate(paint_images(4)):
        Image.fromarray(image).save(images / f"{i}.png")
    settings = {
        "backbone": "vit_tiny_patch16_224",
        "weights": "random",
        "image_size": 96,
        "foreground": "border",
    }
    run = partdisc.discover(images, tmp_path / "run", "auto:2-3", method=method, **settings)
    assert run.info["num_parts"] in (2, 3)
    again = partdisc.discover(images, tmp_path / "again", apply=tmp_path / "run")
    for (_, one), (_, two) in zip(run.masks, again.masks, strict=True):
        np.testing.assert_array_equal(one, two)
    resumed = partdisc.discover(images, tmp_path / "run", "auto:2-3", method=method, resume=True, **settings)
    assert resumed.status == "done"


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("semi-nmf", {"init": "nndsvd"}, "init to be one of kmeans, svd, random"),
        ("semi-nmf", {"signed": "split"}, "does not take signed; its own options are init, max_cells, max_iter, tol"),
        ("convex-nmf", {"num_anchors": 0}, "num_anchors to be a whole number of at least 1"),
        ("semi-nmf", {"max_cells": 0}, "max_cells to be a whole number of at least 1"),
        ("convex-nmf", {"solver": "mu"}, "does not take solver; its own options are max_cells, max_iter, num"),
    ],
)  # fmt: skip
def test_unusable_options_are_told(method, options, words):
    with pytest.raises(ConfigError, match=words):
        create_discoverer(method, 2, device="cpu", **options).fit_features(signed_maps())
