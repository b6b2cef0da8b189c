from __future__ import annotations

import numpy as np
import pytest

from partdisc.discovery import create_discoverer, load_discoverer
from partdisc.errors import ConfigError
from tests.discovery.conftest import paint_images
from tests.discovery.contract import floor_masked


def test_maps_are_the_foreground_alone(tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setattr("partdisc.discovery.saving.create_backbone", lambda *a, **k: tiny_backbone)
    images, new = paint_images(), paint_images(seed=1)
    masks = {f"image_{i:05d}": floor_masked(image) for i, image in enumerate(images)}
    method = create_discoverer("foreground", 1, backbone=tiny_backbone, image_size=64, device="cpu")
    method.fit(images, foreground=masks).save(tmp_path)
    found = load_discoverer(tmp_path).predict(new)
    for maps, again, image in zip(method.predict(new), found, new, strict=True):
        np.testing.assert_allclose(maps.maps.sum(0), 1, atol=1e-5)
        np.testing.assert_allclose(maps.maps, again.maps, atol=1e-5)
        assert ((maps.to_labels() == 1) == (floor_masked(image) > 0)).mean() > 0.8


def test_it_has_one_part_and_needs_a_foreground(tiny_backbone):
    options = {"backbone": tiny_backbone, "image_size": 64, "device": "cpu"}
    with pytest.raises(ConfigError, match="one part, the object"):
        create_discoverer("foreground", 2, **options).fit(paint_images(2))
    with pytest.raises(ConfigError, match="another name than none"):
        create_discoverer("foreground", 1, foreground="none", **options).fit(paint_images(2))
