from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from partdisc.data import ImageList, ImageLoader, list_images
from partdisc.errors import ConfigError, DataError
from tests.data.odd_files import GOOD, make_odd_files, photo


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("odd")
    return folder, make_odd_files(folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four images in three folders, and a side file."""
    for i, name in enumerate(("b.png", "a.jpg", "sub/a.jpg", "sub-2/c.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        photo(10 + i, 8).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("b.png\n")
    return tmp_path


def ids(images: ImageList) -> list[str]:
    return [image.id for image in images]


@pytest.mark.parametrize("workers", [0, 2])
def test_every_good_odd_file_is_decoded_and_every_bad_one_explained(odd, workers, capfd, recwarn):
    folder, expected = odd
    images = list_images(folder, workers=workers)
    outcome = {skipped.id: skipped.reason for skipped in images.skipped}
    for batch in ImageLoader([images.records], lambda image: (image.height, image.width), workers):
        outcome |= {image.id: GOOD for image in batch.records}
        outcome |= {skipped.id: skipped.reason for skipped in batch.skipped}
        for record, pixels in zip(batch.records, batch.images, strict=True):
            assert pixels.shape == (record.height, record.width, 3)
            assert pixels.dtype == np.uint8
    assert outcome.keys() == expected.keys()
    assert {k: v for k, v in outcome.items() if (v == GOOD) != (expected[k] == GOOD)} == {}
    assert {k: v for k, v in outcome.items() if expected[k] not in v} == {}
    assert len(set(expected.values())) > 12
    assert len(expected) > 100
    assert images.ignored == 8
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_ids_are_paths_below_the_root_in_plain_order(folder):
    images = list_images(folder)
    assert ids(images) == ["a.jpg", "b.png", "sub-2/c.png", "sub/a.jpg"]
    assert all(folder / image.id == image.path for image in images)
    assert [image.width for image in images] == [11, 10, 13, 12]
    assert images.root == folder
    assert images.ignored == 1


def test_the_number_of_workers_does_not_matter(odd):
    assert list_images(odd[0], workers=0) == list_images(odd[0], workers=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_limit_takes_the_first_usable_images(odd, workers):
    everything = list_images(odd[0])
    limited = list_images(odd[0], limit=7, workers=workers)
    assert limited.records == everything.records[:7]
    assert limited.skipped == tuple(s for s in everything.skipped if s.id < limited.records[-1].id)
    assert list_images(everything, limit=7).records == limited.records


def test_oversized_images_are_skipped_by_their_header(folder):
    images = list_images(folder, max_pixels=88)
    assert ids(images) == ["a.jpg", "b.png"]
    assert [s.reason for s in images.skipped] == [
        "It is oversized: 13 x 8 pixels, and at most 88 pixels are read.",
        "It is oversized: 12 x 8 pixels, and at most 88 pixels are read.",
    ]


def test_the_digest_follows_the_content_not_the_place(folder, tmp_path_factory):
    digest = list_images(folder).digest
    moved = tmp_path_factory.mktemp("elsewhere") / "images"
    os.rename(folder, moved)
    os.utime(moved / "a.jpg", (0, 0))
    assert list_images(moved).digest == digest
    assert list_images(moved, limit=3).digest != digest
    photo(11, 8, seed=4).save(moved / "a.jpg", quality=30)
    assert list_images(moved).digest != digest


def test_the_digest_of_arrays_follows_their_pixels():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert list_images([black, white]).digest == list_images([black.copy(), white]).digest
    assert list_images([black, white]).digest != list_images([white, black]).digest


def test_a_glob_has_ids_below_its_fixed_part(folder):
    assert ids(list_images(f"{folder}/*.png")) == ["b.png"]
    assert ids(list_images(f"{folder}/sub*/*")) == ["sub-2/c.png", "sub/a.jpg"]
    assert ids(list_images(f"{folder}/sub*")) == ["sub-2/c.png", "sub/a.jpg"]
    everything = list_images(folder)
    for pattern in ("**", "*", "**/*"):
        assert list_images(f"{folder}/{pattern}") == everything


def test_a_name_with_wildcards_in_it_is_a_name(tmp_path):
    photo().save(tmp_path / "[1].jpg")
    photo().save(tmp_path / "1.jpg")
    assert ids(list_images(tmp_path / "[1].jpg")) == ["[1].jpg"]


def test_one_file_is_taken_whatever_its_name(folder):
    assert ids(list_images(str(folder / "sub" / "a.jpg"))) == ["a.jpg"]
    (folder / "b.png").rename(folder / "picture")
    assert ids(list_images(folder / "picture")) == ["picture"]


def test_a_text_list_keeps_its_order_and_explains_what_is_missing(folder, monkeypatch):
    text = f"\ufeff# a comment\r\n\r\nsub/a.jpg\r\n  b.png  \r\nnowhere.jpg\n{folder}/a.jpg\nb.png\nsub\n"
    (folder / "list.txt").write_text(text, encoding="utf-8", newline="")
    monkeypatch.chdir(folder / "sub-2")
    images = list_images("../list.txt")
    assert ids(images) == ["sub/a.jpg", "b.png", "a.jpg"]
    assert images.root == folder
    assert {s.id: s.reason for s in images.skipped} == {
        "nowhere.jpg": "There is no such file.",
        "b.png": "It is listed more than once; the first one counts.",
        "sub": "It is a folder, not a file.",
    }


def test_a_text_list_may_be_relative_to_the_working_directory(folder, tmp_path_factory, monkeypatch):
    listing = tmp_path_factory.mktemp("lists") / "list.lst"
    listing.write_text("a.jpg\nsub/a.jpg\n")
    monkeypatch.chdir(folder)
    assert ids(list_images(listing)) == ["a.jpg", "sub/a.jpg"]


def test_images_in_memory_are_records_like_others(folder):
    array = np.asarray(photo(9, 7))
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1)
    images = list_images([array, array[..., 0], photo(9, 7), tensor, folder / "a.jpg"])
    assert ids(images) == ["image_00000", "image_00001", "image_00002", "image_00003", "a.jpg"]
    assert [(image.width, image.height) for image in images] == [(9, 7)] * 4 + [(11, 8)]
    assert (images.records[3].pixels == array).all()
    assert images.records[4].pixels is None


def test_an_array_of_images_is_a_sequence():
    batch = np.zeros((3, 6, 5, 3), np.uint8)
    assert [i.width for i in list_images(batch)] == [5, 5, 5]
    assert [i.width for i in list_images(torch.from_numpy(batch).permute(0, 3, 1, 2))] == [5, 5, 5]
    assert ids(list_images(batch[0])) == ["image_00000"]
    assert ids(list_images(photo())) == ["image_00000"]


def test_a_sequence_of_paths_has_ids_below_their_common_folder(folder):
    assert ids(list_images([folder / "sub" / "a.jpg", str(folder / "b.png")])) == ["sub/a.jpg", "b.png"]
    assert ids(list_images([folder / "sub" / "a.jpg"])) == ["a.jpg"]


def test_a_folder_that_cannot_be_opened_is_explained(folder, monkeypatch):
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)  # root may open everything
    images = list_images(folder)
    assert len(images) == 3
    assert [(s.id, s.reason) for s in images.skipped] == [
        ("sub", "The folder cannot be opened: Permission denied.")
    ]


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (
            "nowhere",
            ConfigError,
            "Expected images at .*nowhere, but there is no such file or folder. Give a folder",
        ),
        ("", ConfigError, "Expected images at an empty path"),
        ("*.jpg", DataError, r"at least one usable image in .*\*.jpg, but found none: there is no file."),
        ("empty", DataError, "usable image in .*empty, but found none: there is no file."),
        ("side", DataError, "found none among 2 files: no name ends like an image's"),
        ("bad", DataError, "found none among 2 candidates; the first, a.jpg: It is empty"),
        ("side/a.txt", ConfigError, "Expected .*a.txt to list images, one path a line, but it names none"),
        ("side/b.txt", ConfigError, "Cannot read .*b.txt as a text list of images"),
        ("side/a.txt/x", ConfigError, "there is no such file or folder"),
        ([], DataError, "usable image in the sequence of images, but found none: there is no file"),
        (5, ConfigError, "Expected images as a path, a sequence of paths, .* but got int"),
        ([None], ConfigError, "but got NoneType"),
    ],
)
def test_what_cannot_be_listed_gives_one_clear_line(tmp_path, monkeypatch, source, error, words):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "side/a.txt": b"# nothing\n",
        "side/b.txt": b"\xff\xfe\x80",
        "bad/a.jpg": b"",
        "bad/b.jpg": b"x",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    Path("empty").mkdir()
    with pytest.raises(error, match=words) as caught:
        list_images(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -3}, {"max_pixels": 0}, {"max_pixels": 10**9}])
def test_bad_options_are_refused(folder, options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"Expected {name} .*but got"):
        list_images(folder, **options)


@pytest.mark.real
@pytest.mark.parametrize(("name", "count"), [("carparts/test/images", 100), ("imagenet_sample", 109)])
def test_real_sets_are_usable_as_a_whole(shared_data, name, count):
    images = list_images(shared_data / name)
    assert len(images) == count
    assert not images.skipped
