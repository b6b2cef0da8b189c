from __future__ import annotations

from dataclasses import replace

import fsspec
import numpy as np
import pytest
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.cli.render import FIGURES
from partdisc.cli.rendering.drawings import FIGURES as DRAW
from partdisc.parts import PartMaps
from partdisc.render.palette import part_palette
from partdisc.store.maps import shard_path, write_maps
from partdisc.store.masks import MaskEntry, MaskSet, read_masks, write_index, write_mask
from partdisc.store.matching import GroupMatching, MatchingRecord, write_matching


@pytest.fixture
def world(tmp_path):
    """Five images, two runs on them, and an annotation in a mask folder."""
    rng = np.random.default_rng(0)
    names = [f"sub/{i}.png" for i in range(5)]
    for name in names:
        image = tmp_path / "set" / "images" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(image)
        labels = np.zeros((40, 60), np.uint8)
        labels[5:30, 10:30], labels[5:30, 30:50] = 1, 2
        write_mask(tmp_path / "set" / "masks" / name, labels, part_palette(2))
        for run, shift in (("one", 3), ("two", 9)):
            moved = np.roll(np.where(labels == 2, 1, labels * 2), shift, 1).astype(np.uint8)
            write_mask(tmp_path / run / "parts" / "masks" / f"{name}.png", moved, part_palette(3))
    (tmp_path / "set" / "parts.json").write_text('{"1": "left", "2": "right"}')
    for run in ("one", "two"):
        entries = [MaskEntry(n, n, 60, 40, f"masks/{n}.png") for n in names]
        images = str(tmp_path / "set" / "images")
        write_index(MaskSet(tmp_path / run / "parts", 3, part_palette(3), None, images, entries))
        record = MatchingRecord(
            "one-to-one", "iou", "dataset", 3, ("left", "right"), {"all": GroupMatching((0, 2, 1, -1))}
        )
        write_matching(tmp_path / run / "evaluation" / "matching.json", record)
        (tmp_path / run / "evaluation" / "per_image.csv").write_text(
            "image,part_miou\n" + "".join(f"{n},0.{i}\n" for i, n in enumerate(names))
        )
        (tmp_path / run / "evaluation" / "metrics.json").write_text('{"part_miou": 0.4}')
    return tmp_path


def render(capsys, *words):
    status = run_command("render", [*map(str, words), "-q"])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


def test_command_and_library_know_the_same_figures():
    assert tuple(DRAW) == FIGURES


def test_one_command_draws_all_there_is_something_for(world, capsys):
    annotated = ["--annotations", world / "set", "--compare", world / "two"]
    status, paths, err = render(capsys, world / "one", *annotated, "--dpi", 60, "--save", "png,svg")
    assert (status, err) == (0, "")
    names = {path.split("/one/")[1] for path in paths}
    figures = {
        f"figures/{name}.{ending}" for name in ("comparison", "parts", "scores") for ending in ("png", "svg")
    }
    sheets = {f"figures/sheet_{which}.jpg" for which in ("best", "worst", "median", "random")}
    assert names == figures | sheets | {"figures/legend.png", "report/index.html"}
    svg = (world / "one" / "figures" / "comparison.svg").read_text(encoding="utf-8")
    for text in ("image", "annotation", "one", "two", "left", "right"):
        assert f">{text}<" in svg


def test_images_behind_a_url_are_drawn(world, capsys):
    memory = fsspec.filesystem("memory")
    for image in (world / "set" / "images").rglob("*.png"):
        memory.pipe(f"/render/{image.relative_to(world / 'set' / 'images').as_posix()}", image.read_bytes())
    masks = read_masks(world / "one")
    write_index(replace(masks, images_root="memory://render"))
    (world / "set").rename(world / "gone")
    status, paths, err = render(capsys, world / "one", "--dpi", 60)
    assert (status, err) == (0, "")
    assert paths[-1].endswith("report/index.html")
    assert run_command("export", [str(world / "one"), "--to", "fiftyone"]) == 2
    assert "they lie at memory://render; copy them here" in capsys.readouterr().err


def test_a_run_scored_without_parts_is_drawn_without_the_scores(world, capsys):
    (world / "one" / "evaluation" / "metrics.json").write_text('{"foreground_iou": 0.4}')
    status, paths, err = render(capsys, world / "one", "--dpi", 60)
    assert (status, err) == (0, "")
    assert any(path.endswith("report/index.html") for path in paths)
    assert not any("scores" in path for path in paths)


def test_matched_parts_have_the_annotation_s_color(world, capsys):
    options = ["--only", "overlays", "--opacity", 1, "--contours", 0, "--overlay-format", "png"]
    status, _, err = render(capsys, world / "one", *options)
    assert status == 0, err
    drawn = np.asarray(
        Image.open(world / "one" / "figures" / "overlays" / "sub" / "0.png.png").convert("RGB")
    )
    labels = read_masks(world / "one").labels(read_masks(world / "one").entries[0])
    assert (drawn[labels == 1] == part_palette(2)[2]).all()  # matched to "right"
    assert (drawn[labels == 2] == part_palette(2)[1]).all()


def test_same_command_gives_the_same_bytes(world, capsys):
    options = ["--only", "comparison,sheets", "--annotations", world / "set", "--dpi", 60]
    for out in ("a", "b"):
        assert render(capsys, world / "one", *options, "--out", world / out)[0] == 0
    written = sorted(path.name for path in (world / "a").iterdir())
    assert len(written) == 5
    for name in written:
        assert (world / "a" / name).read_bytes() == (world / "b" / name).read_bytes()


def test_soft_maps_become_heat_maps(world, capsys):
    rng = np.random.default_rng(0)
    maps = [
        PartMaps(rng.random((4, 5, 6)).astype(np.float32), (40, 60), None, f"sub/{i}.png") for i in range(5)
    ]
    folder = world / "one" / "parts" / "maps"
    folder.mkdir()
    write_maps(shard_path(folder, 0), maps)
    status, paths, err = render(capsys, world / "one", "--only", "heatmaps", "--dpi", 60, "--count", 2)
    assert status == 0, err
    assert paths == [str(world / "one" / "figures" / "heatmaps.png")]


BAD = [
    (["{nowhere}"], "does not exist"),
    ([], "Expected RUN"),
    (["{one}", "--only", "art"], "comparison, parts, sheets"),
    (["{one}", "--save", "bmp"], "png, pdf, svg"),
    (["{one}", "--choose", "nicest"], "first, random, best"),
    (["{one}", "--score", "miou"], "--score among part_miou"),
    (["{one}", "--count", "0"], "--count of at least 1"),
    (["{one}", "--opacity", "2"], r"opacity within 0..1"),
    (["{one}", "--show", "nothing.png"], "fits 0"),
    (["{one}", "--compare", "{one}"], "--titles"),
    (["{one}", "--titles", "a", "b"], "1 titles, one for each run"),
    (["{one}", "--images", "{nowhere}"], "to be a folder"),
    (["{one}", "--images", "{one}"], "--images DIR"),
    (["{one}", "--only", "heatmaps"], "no part maps"),
    (["{one}", "--only", "curves"], "no training curves"),
    (["{one}", "--out", "{file}"], "Cannot write"),
    (["{one}", "--only", "report", "--out", "{file}"], "Cannot write"),
    (["{one}", "--style", "no-such-style"], "matplotlib style"),
]


@pytest.mark.parametrize(("words", "told"), BAD, ids=[told for _, told in BAD])
def test_bad_input_is_one_clear_line(world, capsys, words, told):
    (world / "file").write_text("")
    places = {name: str(world / name) for name in ("one", "nowhere", "file")}
    words = [word.format(**places) for word in words]
    if "--only" not in words:
        words += ["--only", "comparison"]
    status, _, err = render(capsys, *words)
    assert status == 2
    assert told in err
    assert err.count("\n") == 1


def test_other_annotated_parts_than_evaluated_are_refused(world, capsys):
    (world / "set" / "parts.json").write_text('{"1": "left", "2": "other"}')
    status, _, err = render(capsys, world / "one", "--annotations", world / "set")
    assert status == 2
    assert "evaluated against the parts left, right" in err


def test_changed_image_is_told(world, capsys):
    Image.new("RGB", (9, 9)).save(world / "set" / "images" / "sub" / "0.png")
    status, _, err = render(capsys, world / "one", "--only", "comparison", "--show", "0.png")
    assert status == 2
    assert "the image changed since the run" in err
