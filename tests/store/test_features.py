from __future__ import annotations

import pytest
import torch

from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.store.features import (
    DTYPES,
    FeatureEntry,
    FeatureSet,
    FeatureStore,
    Shard,
    check_dtype,
    read_features,
)

KEY = {"backbone": {"name": "net", "layers": ["a"]}, "images": "digest"}


def shard(seed, grids, dtype=torch.float16):
    entries = [
        FeatureEntry(f"{seed}-{i}", (h * 16, w * 16), (h, w), (h - 0.5, float(w)))
        for i, (h, w) in enumerate(grids)
    ]
    rows = sum(entry.num_rows for entry in entries)
    generator = torch.Generator().manual_seed(seed)
    return Shard(
        torch.randn(rows, 5, generator=generator).to(dtype), entries, [{"id": f"bad{seed}", "reason": "no"}]
    )


@pytest.mark.parametrize("dtype", list(DTYPES))
def test_a_store_reads_back_what_was_written(tmp_path, dtype):
    shards = [shard(0, [(2, 3), (1, 1)], check_dtype(dtype)), shard(1, [(4, 2)], check_dtype(dtype))]
    store = FeatureStore(tmp_path, KEY)
    for number, item in enumerate(shards):
        store.write(number, item)
    store.finish(store.open(2))
    assert repr(FeatureSet(shards)) == "FeatureSet(images=3, shape=(15, 5))"
    for features in (store.open(2), read_features(tmp_path), FeatureSet(shards)):
        assert features.shape == (15, 5)
        assert len(features) == 3
        assert features.dtype == check_dtype(dtype)
        assert [tuple(m.shape) for m in features] == [(2, 3, 5), (1, 1, 5), (4, 2, 5)]
        assert features.entries[2] == FeatureEntry("1-0", (64, 32), (4, 2), (3.5, 2.0))
        assert [s["id"] for s in features.skipped] == ["bad0", "bad1"]
        torch.testing.assert_close(features[2].flatten(0, 1), shards[1].features)
        blocks = list(features.blocks(4))
        assert max(len(b) for b in blocks) <= 4
        torch.testing.assert_close(torch.cat(blocks), torch.cat([s.features for s in shards]))
        torch.testing.assert_close(features.matrix(), torch.cat(blocks).float())


def test_an_unfinished_store_knows_its_shards_and_is_not_read(tmp_path):
    FeatureStore(tmp_path, KEY).write(0, shard(0, [(1, 2)]))
    (tmp_path / ".partial-zzz.safetensors").write_text("half")
    again = FeatureStore(tmp_path, KEY)
    assert again.present() == {0}
    assert not list(tmp_path.glob(".partial-*"))
    with pytest.raises(ArtifactError, match="unfinished"):
        read_features(tmp_path)


@pytest.mark.parametrize("images", [range(6), range(1, 5), range(2, 3), range(3), range(5, 6), range(2, 2)])
def test_a_part_holds_consecutive_images_in_the_same_memory(images):
    features = FeatureSet([shard(i, [(2, 3), (1, 1), (4, 2)]) for i in range(2)], KEY)
    part = features.part(images)
    assert part.entries == [features.entries[i] for i in images]
    assert part.shape == (sum(features.entries[i].num_rows for i in images), 5)
    assert part.key == KEY
    for i, found in zip(images, part, strict=True):
        assert torch.equal(found, features[i])
        assert found.data_ptr() == features[i].data_ptr()
    assert sum(len(block) for block in part.blocks(4)) == part.shape[0]


def test_features_made_otherwise_are_refused_and_what_differs_is_named(tmp_path):
    FeatureStore(tmp_path, KEY)
    with pytest.raises(ArtifactError, match='images: "digest" there, "other" here'):
        FeatureStore(tmp_path, {**KEY, "images": "other"})
    with pytest.raises(ArtifactError, match="backbone"):
        FeatureStore(tmp_path, {**KEY, "backbone": {"name": "net", "layers": ["b"]}})


def test_a_damaged_shard_is_named(tmp_path):
    store = FeatureStore(tmp_path, KEY)
    store.write(0, shard(0, [(1, 2)]))
    store.finish(store.open(1))
    store.path(0).write_bytes(store.path(0).read_bytes()[:40])
    with pytest.raises(ArtifactError, match="00000.safetensors"):
        read_features(tmp_path)


def test_unknown_dtypes_are_refused():
    with pytest.raises(ConfigError, match="float16, bfloat16, float32"):
        check_dtype("int8")


@pytest.mark.parametrize("shapes", [[], [(3, 4)], [(2, 2, 3), (2, 2, 4)], [(0, 2, 3)]])
def test_maps_that_do_not_fit_together_are_refused(shapes):
    with pytest.raises(DataError, match="Expected"):
        FeatureSet.from_maps([torch.zeros(s) for s in shapes])
