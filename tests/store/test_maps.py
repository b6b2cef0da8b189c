from __future__ import annotations

import numpy as np
import pytest

from partdisc.errors import ArtifactError
from partdisc.parts import PartMaps
from partdisc.store.maps import read_maps, shard_path, write_maps


def test_maps_read_back_with_their_geometry(tmp_path):
    rng = np.random.default_rng(0)
    maps = [
        PartMaps(rng.random((3, 4, 5), np.float32), (60, 80), (3.75, 5.0), "sub/a.jpg"),
        PartMaps(rng.random((3, 2, 2), np.float32), (30, 30), None, "b.jpg"),
    ]
    write_maps(shard_path(tmp_path / "parts" / "maps", 0), maps)
    for folder in (tmp_path, tmp_path / "parts", tmp_path / "parts" / "maps"):
        store = read_maps(folder)
        assert set(store) == {"sub/a.jpg", "b.jpg"}
        again = store["sub/a.jpg"]
        assert (again.size, again.content, again.image_id) == ((60, 80), (3.75, 5.0), "sub/a.jpg")
        np.testing.assert_allclose(again.maps, maps[0].maps, atol=1e-3)
        np.testing.assert_array_equal(store["b.jpg"].to_labels(), again_labels(maps[1]))


def again_labels(maps):
    return PartMaps(maps.maps.astype(np.float16).astype(np.float32), maps.size).to_labels()


def test_maps_that_are_not_there_are_told_and_a_notebook_shows_a_line(tmp_path):
    write_maps(shard_path(tmp_path, 0), [PartMaps(np.ones((3, 4, 5), np.float32), (8, 10), image_id="a.jpg")])
    found = read_maps(tmp_path)
    assert repr(found) == "MapStore(1 images)"
    with pytest.raises(KeyError, match=r"no maps of 0; ids are such as 'a\.jpg'"):
        found[0]


def test_missing_and_damaged_maps_are_told(tmp_path):
    with pytest.raises(ArtifactError, match="--no-maps"):
        read_maps(tmp_path)
    shard_path(tmp_path, 0).write_bytes(b"no")
    with pytest.raises(ArtifactError, match="Cannot read the part maps"):
        read_maps(tmp_path)
