"""A folder of every kind of odd or bad image file we could think of, and what should become of each."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, features

GOOD = "good"


def photo(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """A smooth RGB picture without symmetries, so that a wrong turn or channel order shows."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (255 * x / width, 255 * y / height, 127 + 100 * np.sin((x + 2 * y + 5 * seed) / 9))
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def make_odd_files(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Fill `folder`; returns id -> "good", or words that the reason for skipping it must contain.

    Besides the files returned there are some that are passed over in silence: hidden and side files.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    expected: dict[str, str] = {}
    for make in (_modes, _formats, _names, _shapes, _damaged, _foreign, _special):
        expected |= make(root)
    _side_files(root)
    return expected


def _save(root: Path, images: dict[str, tuple[Image.Image, dict]]) -> dict[str, str]:
    for name, (image, options) in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name, **options)
    return dict.fromkeys(images, GOOD)


def _modes(root: Path) -> dict[str, str]:
    rgb = photo()
    grey = rgb.convert("L")
    levels = np.asarray(grey)
    rgba = rgb.copy()
    rgba.putalpha(grey)
    return _save(
        root,
        {
            "grey.jpg": (grey, {}),
            "cmyk.jpg": (rgb.convert("CMYK"), {}),
            "palette.png": (rgb.quantize(16), {}),
            "palette_transparent.png": (rgb.quantize(16), {"transparency": 3}),
            "palette_alphas.png": (rgb.quantize(4), {"transparency": bytes([0, 90, 180, 255])}),
            "rgb_transparent.png": (rgb, {"transparency": rgb.getpixel((5, 5))}),
            "grey_transparent.png": (grey, {"transparency": 77}),
            "alpha.png": (rgba, {}),
            "grey_alpha.png": (rgba.convert("LA"), {}),
            "alpha.webp": (rgba, {"lossless": True}),
            "alpha.tif": (rgba, {}),
            "bilevel.png": (grey.convert("1"), {}),
            "bilevel.tif": (grey.convert("1"), {"compression": "group4"}),
            "deep.png": (Image.fromarray(levels.astype(np.uint16) * 257), {}),
            "deep.tif": (Image.fromarray(levels.astype(np.uint16) * 257), {}),
            "deep.pgm": (Image.fromarray(levels.astype(np.uint16) * 257), {}),
            "integer.tif": (Image.fromarray(levels.astype(np.int32) * 1000 - 5), {}),
            "float.tif": (Image.fromarray(levels.astype(np.float32) / 255), {}),
            "not_a_number.tif": (Image.fromarray(np.full((9, 9), np.nan, dtype=np.float32)), {}),
            "cmyk.tif": (rgb.convert("CMYK"), {}),
            "ycbcr.tif": (rgb.convert("YCbCr"), {}),
        },
    )


def _formats(root: Path) -> dict[str, str]:
    rgb = photo()
    more = {"save_all": True, "append_images": [photo(seed=1), photo(seed=2)]}
    images: dict[str, tuple[Image.Image, dict]] = {
        "plain.jpg": (rgb, {}),
        "progressive.jpg": (rgb, {"progressive": True}),
        "turned.jpg": (rgb, {"exif": exif(6)}),
        "turned.png": (rgb, {"exif": exif(8)}),
        "turned.webp": (rgb, {"exif": exif(5)}),
        "turned.tif": (rgb, {"exif": exif(7)}),
        "orientation_99.jpg": (rgb, {"exif": exif(99)}),
        "damaged_exif.jpg": (rgb, {"exif": b"Exif\0\0II*\0\xff\xff\xff\xff"}),
        "plain.bmp": (rgb, {}),
        "packed.tif": (rgb, {"compression": "tiff_lzw"}),
        "pages.tif": (rgb, more),
        "plain.gif": (rgb, {}),
        "animated.gif": (rgb, more),
        "animated.webp": (rgb, more),
        "animated.png": (rgb, more),
        "plain.webp": (rgb, {}),
        "plain.ppm": (rgb, {}),
        "two_pictures.jpg": (rgb, {"format": "MPO", **more}),
        "png_inside.jpg": (rgb, {"format": "PNG"}),
        "jpeg_inside.PNG": (rgb, {"format": "JPEG"}),
    }
    if features.check("jpg_2000"):
        images["plain.jp2"] = (rgb, {})
    expected = _save(root, images)
    (root / "trailing.jpg").write_bytes((root / "plain.jpg").read_bytes() + b"\0" * 999)
    _write_deep_rgb_png(root / "deep_colour.png")
    return expected | {"trailing.jpg": GOOD, "deep_colour.png": GOOD}


def _names(root: Path) -> dict[str, str]:
    names = [
        "twin.jpg", "twin.png", "sub/twin.jpg", "sub/deeper/twin.jpg", "UPPER.JPG", "sub/Mixed.JpEg",
        "köln 東京 🐦.jpg", "decomposed_e\u0301.png", "two words.jpg", "new\nline.jpg", "tab\t.png", "quote'\".jpg",
        "back\\slash.png", "-dash.jpg", "100%#?&.png", "[1].jpg", "dots...jpg", "comma,semi;.png", "é" * 100 + ".jpg",
        "folder.jpg/inner.png",
    ]  # fmt: skip
    expected = _save(root, {name: (photo(seed=i), {}) for i, name in enumerate(names)})
    (root / "link.jpg").symlink_to("twin.jpg")
    (root / "linked_folder").symlink_to("sub/deeper", target_is_directory=True)
    expected |= {"link.jpg": GOOD, "linked_folder/twin.jpg": GOOD}
    expected |= _save(root, {"x" * 247 + ".jpg": (photo(), {})})
    (root / os.fsdecode(b"latin\xe9.jpg")).write_bytes((root / "twin.jpg").read_bytes())
    return expected | {"x" * 247 + ".jpg": "too long", "latin\\xe9.jpg": "not valid UTF-8"}


def _shapes(root: Path) -> dict[str, str]:
    sizes = {"one_pixel.png": (1, 1), "one_pixel.jpg": (1, 1), "tall.png": (1, 5000), "wide.jpg": (5000, 1)}
    return _save(root, {name: (photo(*size), {}) for name, size in sizes.items()})


def _damaged(root: Path) -> dict[str, str]:
    def cut(source: str, name: str, keep: float | int) -> str:
        data = (root / source).read_bytes()
        (root / name).write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
        return name

    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for suffix in ("jpg", "png", "webp", "bmp", "tif", "gif"):
        noise.save(root / f"noise.{suffix}")
    expected = {f"noise.{suffix}": GOOD for suffix in ("jpg", "png", "webp", "bmp", "tif", "gif")}
    expected |= {cut(f"noise.{s}", f"cut.{s}", 0.5): "truncated" for s in ("jpg", "png", "bmp", "tif", "gif")}
    expected[cut("noise.webp", "cut.webp", 0.5)] = "decoded"
    expected[cut("noise.jpg", "magic_only.jpg", 4)] = "begins like a JPEG"
    expected[cut("noise.png", "magic_only.png", 8)] = "begins like a PNG"
    (root / "zero.jpg").touch()
    (root / "zero.png").touch()
    (root / "nulls.png").write_bytes(b"\0" * 4096)
    flipped = bytearray((root / "noise.png").read_bytes())
    flipped[len(flipped) // 2] ^= 0xFF
    (root / "flipped.png").write_bytes(bytes(flipped))
    (root / "bomb.png").write_bytes(_png(60_000, 60_000, 8, 2, b""))
    (root / "bomb_below_pillows_limit.png").write_bytes(_png(13_370, 13_400, 8, 2, b""))
    (root / "no_pixels.png").write_bytes(_png(0, 0, 8, 2, b""))
    return expected | {
        "zero.jpg": "empty (zero bytes)",
        "zero.png": "empty (zero bytes)",
        "nulls.png": "not an image",
        "flipped.png": "decoded",
        "bomb.png": "oversized",
        "bomb_below_pillows_limit.png": "oversized",
        "no_pixels.png": "damaged",
    }


def _foreign(root: Path) -> dict[str, str]:
    contents = {
        "text.jpg": b"this is not a photograph\n",
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "document.png": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "program.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "film.jpg": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 64,
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64,
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "pointer.webp": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "sound.webp": b"RIFF\x24\0\0\0WAVEfmt ",
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    with zipfile.ZipFile(root / "archive.jpg", "w") as archive:
        archive.writestr("inside.txt", "nothing")
    np.save(root / "array.npy", np.zeros(3))
    (root / "array.npy").rename(root / "array.png")
    expected = dict.fromkeys([*contents, "archive.jpg", "array.png"], "not an image")
    return expected | {"sound.webp": "damaged or cut off"}


def _special(root: Path) -> dict[str, str]:
    (root / "empty_folder.jpg").mkdir()
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "circular.jpg").symlink_to("circular.jpg")
    (root / "sub" / "loop").symlink_to("..", target_is_directory=True)
    (root / "device.jpg").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.jpg")
    os.mknod(root / "socket.jpg", stat.S_IFSOCK | 0o600)
    return {
        "empty_folder.jpg": "a folder",
        "dangling.jpg": "no such file",
        "circular.jpg": "symbolic link",
        "sub/loop": "leads back",
        "device.jpg": "a device",
        "pipe.jpg": "a named pipe",
        "socket.jpg": "a socket",
    }


def _side_files(root: Path) -> None:
    for name in (
        "notes.txt",
        "labels.json",
        "Thumbs.db",
        ".DS_Store",
        "no_suffix",
        ".hidden.jpg",
        "._twin.jpg",
    ):
        (root / name).write_bytes(b"{}")
    (root / ".cache").mkdir()
    photo().save(root / ".cache" / "thumbnail.jpg")


def _png(width: int, height: int, bits: int, colour: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _write_deep_rgb_png(path: Path) -> None:
    deep = np.asarray(photo()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    path.write_bytes(_png(deep.shape[1], deep.shape[0], 16, 2, rows))
