"""Images behind URLs are listed, read and labelled as files are."""

from __future__ import annotations

import io
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

import partdisc
from partdisc.data import decode_image, list_images
from partdisc.data.remote import to_text, to_url
from partdisc.errors import ConfigError, DataError
from tests.discovery.conftest import paint_images
from tests.runs.test_pipeline import SETTINGS


@pytest.fixture
def bucket():
    """Three images, a note, a hidden and a damaged file; also their pixels."""
    system = fsspec.filesystem("memory")
    pixels = {
        f"{name}.png": image for name, image in zip(("a", "x/b", "x/y/c"), paint_images(3), strict=True)
    }
    for name, image in pixels.items():
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        system.pipe(f"/bucket/{name}", buffer.getvalue())
    system.pipe("/bucket/notes.txt", b"no image")
    system.pipe("/bucket/.hidden.png", b"hidden")
    system.pipe("/bucket/x/bad.png", b"bad")
    yield pixels
    system.rm("/bucket", recursive=True)


def test_a_folder_is_walked(bucket):
    images = list_images("memory://bucket")
    assert [r.id for r in images] == list(bucket)
    assert [(r.height, r.width) for r in images] == [p.shape[:2] for p in bucket.values()]
    assert all(r.file_size > 0 for r in images)
    assert images.ignored == 2
    assert [s.id for s in images.skipped] == ["x/bad.png"]
    assert "not an image" in images.skipped[0].reason
    for record, pixels in zip(images, bucket.values(), strict=True):
        np.testing.assert_array_equal(decode_image(record.path), pixels)


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ("memory://bucket/x", ["b.png", "y/c.png"]),
        ("memory://bucket/*.png", ["a.png"]),
        ("memory://bucket/**/c.png", ["x/y/c.png"]),
        ("memory://bucket/x/b.png", ["b.png"]),
        (["memory://bucket/a.png", "memory://bucket/x/b.png"], ["a.png", "x/b.png"]),
        (Path("memory://bucket/x/y"), ["c.png"]),
    ],
)
def test_what_a_url_names_is_found(bucket, source, ids):
    assert [r.id for r in list_images(source)] == ids


def test_a_list_may_name_urls(bucket, tmp_path):
    (tmp_path / "list.txt").write_text("memory://bucket/x/b.png\nmemory://bucket/a.png\n")
    assert [r.id for r in list_images(tmp_path / "list.txt")] == ["x/b.png", "a.png"]
    (tmp_path / "here.png").write_bytes(b"")
    with pytest.raises(ConfigError, match="all files of this machine, or all URLs"):
        list_images(["memory://bucket/a.png", str(tmp_path / "here.png")])


def test_a_file_url_is_a_path(tmp_path):
    Image.fromarray(paint_images(1)[0]).save(tmp_path / "a.png")
    assert list_images(f"file://{tmp_path}") == list_images(tmp_path)


@pytest.mark.parametrize(
    ("url", "words"),
    [("memory://nowhere", "nothing of that name"), ("nonsense://a/b", "URL that fsspec knows")],
)
def test_what_is_not_there_is_told(url, words):
    with pytest.raises(ConfigError, match=words):
        list_images(url)


def test_only_urls_are_urls():
    for path in ("a/b.png", "/a/b.png", "C:/a.png", "a:b/c.png", "http:", ""):
        assert to_url(Path(path)) is None, path
    assert to_url(Path("simplecache::s3://b/c.png")) == "simplecache::s3://b/c.png"
    assert to_text(Path("s3://b/c")) == "s3://b/c"
    assert to_text(Path("c")) == str(Path.cwd() / "c")


def test_a_run_labels_images_behind_a_url(bucket, tmp_path):
    run = partdisc.discover("memory://bucket", tmp_path / "run", 2, **SETTINGS, workers=0)
    assert run.info["images_root"] == run.masks.images_root == "memory://bucket"
    assert [entry.id for entry, _ in run.masks] == list(bucket)
    assert len(list((tmp_path / "run" / "figures" / "overlays").rglob("*.jpg"))) == 3


def test_a_run_is_not_written_to_a_url(bucket):
    with pytest.raises(ConfigError, match="--out as a folder of this machine"):
        partdisc.discover("memory://bucket", "memory://run", 2, **SETTINGS)


def test_a_file_that_goes_away_is_told(bucket):
    path = list_images("memory://bucket").records[0].path
    fsspec.filesystem("memory").rm("/bucket/a.png")
    with pytest.raises(DataError, match="no such file"):
        decode_image(path)
