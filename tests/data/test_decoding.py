from __future__ import annotations

import errno
import io
import resource
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from partdisc.data import decode_image, read_alpha
from partdisc.data.decoding import declares_alpha, quiet, read_size
from partdisc.data.images import ImageRecord, check_file
from partdisc.data.sources import Candidate
from partdisc.errors import ConfigError, DataError
from tests.data.odd_files import exif, make_odd_files, photo


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation_is_that_of_exif_transpose(tmp_path, suffix, orientation):
    path = tmp_path / f"turned.{suffix}"
    photo(50, 30).save(path, exif=exif(orientation))
    expected = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert (decode_image(path) == np.asarray(expected)).all()
    assert read_size(path) == expected.size
    height, width = (12, 20) if orientation < 5 else (20, 12)
    small = expected.resize((width, height), Image.Resampling.BICUBIC)
    assert np.abs(decode_image(path, size=(height, width)).astype(int) - np.asarray(small)).max() <= 1


def test_orientation_in_xmp_counts_too(tmp_path):
    path = tmp_path / "turned.jpg"
    photo(50, 30).save(path, xmp=b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>')
    assert read_size(path) == (30, 50)
    assert decode_image(path).shape == (50, 30, 3)


@pytest.mark.parametrize("size", [(16, 24), (7, 40), (64, 96), (1, 1)])
def test_resizing_is_bicubic_with_antialiasing(tmp_path, size):
    photo().save(tmp_path / "photo.png")
    expected = photo().resize(size[::-1], Image.Resampling.BICUBIC)
    assert (decode_image(tmp_path / "photo.png", size=size) == np.asarray(expected)).all()
    assert (decode_image(np.asarray(photo()), size=size) == np.asarray(expected)).all()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("width", [2000, 2001, 2007])
def test_reduced_decoding_of_jpegs_is_close_to_full_decoding(tmp_path, width, orientation):
    path = tmp_path / "large.jpg"
    photo(500, 375).resize((width, 1501)).save(path, quality=95, exif=exif(orientation))
    size = (168, 224) if orientation == 1 else (224, 168)
    full = ImageOps.exif_transpose(Image.open(path)).resize(size[::-1], Image.Resampling.BICUBIC)
    difference = np.abs(decode_image(path, size=size).astype(int) - np.asarray(full))
    assert difference.max() <= 6
    assert difference.mean() < 0.5


def test_the_first_frame_is_taken(tmp_path):
    frames = {"save_all": True, "append_images": [photo(seed=5)]}
    for name, exact in (("a.gif", False), ("a.tif", True), ("a.png", True)):
        photo().save(tmp_path / name, **frames)
        difference = np.abs(decode_image(tmp_path / name).astype(int) - np.asarray(photo()))
        assert difference.max() == 0 if exact else difference.mean() < 8


def test_alpha_is_read_as_displayed(tmp_path):
    image = photo()
    image.putalpha(photo(seed=2).convert("L"))
    image.save(tmp_path / "alpha.png", exif=exif(6))
    expected = ImageOps.exif_transpose(Image.open(tmp_path / "alpha.png")).getchannel("A")
    assert (read_alpha(tmp_path / "alpha.png") == np.asarray(expected)).all()
    photo().save(tmp_path / "opaque.png")
    assert read_alpha(tmp_path / "opaque.png") is None
    assert declares_alpha(tmp_path / "alpha.png")
    assert not declares_alpha(tmp_path / "opaque.png")


def test_the_callers_array_stays_his(tmp_path):
    pixels = np.asarray(photo()).copy()
    before = pixels.copy()
    decode_image(pixels)[:] = 0
    assert (pixels == before).all()


def test_a_bad_size_is_refused():
    with pytest.raises(ConfigError, match=r"size \(H, W\) of at least 1 x 1 pixels, but got \(0, 5\)"):
        decode_image(photo(), size=(0, 5))


@pytest.mark.parametrize("source", [None, 3, object()])
def test_what_is_no_image_is_refused(source):
    with pytest.raises(ConfigError, match="Expected an image as a path, .*but got"):
        decode_image(source)


def test_errors_name_the_file_and_the_reason(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    for read in (decode_image, read_alpha, declares_alpha):
        with pytest.raises(
            DataError, match=r"text.jpg: It is not an image of a format read here .*'no picture'"
        ):
            read(tmp_path / "text.jpg")
        with pytest.raises(DataError, match=r"nowhere.jpg: There is no such file"):
            read(tmp_path / "nowhere.jpg")


def check(path) -> ImageRecord | str:
    with quiet():
        result = check_file(Candidate(path.name, path), max_pixels=10**6)
    return result if isinstance(result, ImageRecord) else result.reason


def test_forbidden_files_are_explained(tmp_path, monkeypatch):
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "secret.jpg")

    photo().save(tmp_path / "secret.jpg")
    monkeypatch.setattr("partdisc.data.decoding.open", forbidden, raising=False)  # root may read everything
    assert check(tmp_path / "secret.jpg") == "It cannot be opened: Permission denied."


def test_an_exception_nobody_thought_of_is_a_reason_too(tmp_path, monkeypatch):
    class Surprise(Exception):
        pass

    def surprising(*_: object, **__: object) -> None:
        raise Surprise("nobody\nthought of this.")

    photo().save(tmp_path / "odd.jpg")
    monkeypatch.setattr(Image, "open", surprising)
    assert check(tmp_path / "odd.jpg") == "It cannot be decoded: nobody thought of this (Surprise)."


def test_a_decompression_bomb_takes_no_memory(tmp_path):
    make_odd_files(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "oversized" in check(tmp_path / "bomb.png")
    assert "oversized" in check_file(Candidate("plain.jpg", tmp_path / "plain.jpg"), max_pixels=1000).reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # KiB


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "gif", "ppm", "jp2"])
def test_damage_never_raises_anything_but_the_reason(tmp_path, suffix, capfd, recwarn):
    buffer = io.BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(suffix, suffix.upper())
    photo(40, 28).save(buffer, format=kind, **({"exif": exif(6)} if suffix in ("jpg", "png", "tif") else {}))
    data = buffer.getvalue()
    rng = np.random.default_rng(0)
    path = tmp_path / f"damaged.{suffix}"
    outcomes = set()
    for _ in range(120):
        damaged = bytearray(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data)
        for place in rng.integers(
            0, min(len(damaged), 400 if rng.random() < 0.5 else 10**9), rng.integers(0, 6)
        ):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        result = check(path)
        if isinstance(result, str):
            outcomes.add("skipped")
            assert result.startswith("It ")
            assert "\n" not in result
            continue
        try:
            pixels = decode_image(path)
        except DataError:
            outcomes.add("damaged")
        else:
            outcomes.add("decoded")
            assert pixels.shape == (result.height, result.width, 3)
    assert "decoded" in outcomes
    assert len(outcomes) > 1
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_threads_that_are_quiet_at_once_leave_the_filters_as_they_were():
    before, first, second = list(warnings.filters), quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warnings.warn("not to be seen", UserWarning, stacklevel=1)  # an error under pytest's own filters
    second.__exit__(None, None, None)
    assert list(warnings.filters) == before
