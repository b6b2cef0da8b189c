"""`discover --by-folder`, and what evaluate and render make of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from partdisc.cli.main import run_command
from partdisc.render.palette import part_palette
from partdisc.store.collection import CollectionWriter
from partdisc.store.masks import MaskEntry, MaskSet, write_index, write_mask
from partdisc.store.run import RunWriter
from tests.cli.test_discover import TINY
from tests.discovery.conftest import paint_images

SIZE = (24, 32)
QUICK = ["--bootstrap", "5", "-q"]


def call(command, *words):
    return run_command(command, [str(word) for word in words])


def run_of(folder, set_, ids, labels):
    """A finished run on the images of `set_` whose masks are `labels`."""
    parts = folder / "parts"
    for image_id, mask in zip(ids, labels, strict=True):
        write_mask(parts / "masks" / f"{image_id}.png", mask, part_palette(2))
    entries = [MaskEntry(i, i, SIZE[1], SIZE[0], f"masks/{i}.png") for i in ids]
    write_index(MaskSet(parts, 2, part_palette(2), None, str(set_ / "images"), entries))
    RunWriter(folder, settings={}, runtime={}, command=["x"]).update("done")


@pytest.fixture
def world(tmp_path):
    """A set that annotates cats and dogs, a collection of the two and of unannotated owls, and one shared run.

    All three have the same file names. The cats' parts are found exactly, the dogs' are half right, and in the shared
    run the dogs' numbers are exchanged.
    """
    set_, ids, labels = tmp_path / "set", {}, {}
    for seed, name in enumerate(("cat", "dog", "owl")):
        rng = np.random.default_rng(seed)
        ids[name] = [f"{name}/{i}.png" for i in range(4)]
        labels[name] = [
            rng.integers(0, 3, (6, 8)).repeat(4, 0).repeat(4, 1).astype(np.uint8) for _ in ids[name]
        ]
        for image_id, mask in zip(ids[name], labels[name], strict=True):
            path = set_ / "images" / image_id
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(path)
            if name != "owl":
                write_mask(set_ / "masks" / image_id, mask, part_palette(2))
    (set_ / "parts.json").write_text('{"1": "head", "2": "tail"}')
    labels["dog"] = [np.where(np.arange(SIZE[1]) < 16, mask, 0).astype(np.uint8) for mask in labels["dog"]]
    for name in ids:
        run_of(tmp_path / "many" / name, set_, ids[name], labels[name])
    members = [
        {"name": name, "num_images": 4, "digest": "", "status": "done", "reason": ""} for name in sorted(ids)
    ]
    members.append(
        {"name": "pig", "num_images": 0, "digest": "", "status": "skipped", "reason": "It is empty."}
    )
    writer = CollectionWriter(tmp_path / "many", settings={}, runtime={}, command=["x"])
    writer.update("done", members=members)
    swapped = [np.array([0, 2, 1], np.uint8)[mask] for mask in labels["dog"]]
    run_of(tmp_path / "shared", set_, ids["cat"] + ids["dog"], labels["cat"] + swapped)
    return tmp_path


def images_in_folders(root):
    for seed, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i, image in enumerate(paint_images(2, seed=seed)):
            Image.fromarray(image).save(root / name / f"{i}.png")
    return root


def test_discover_prints_a_line_for_each_folder_and_their_number(tmp_path, capsys):
    images = images_in_folders(tmp_path / "zoo")
    (images / "ant").mkdir()
    words = [images, "--out", tmp_path / "run", "--num-parts", 2, "--by-folder", *TINY]
    assert call("discover", *words) == 0
    out, err = capsys.readouterr()
    assert [line.split(";")[0] for line in out.splitlines()] == [
        f"{tmp_path}/run/cat: 2 parts in 2 images, 0 skipped",
        f"{tmp_path}/run/dog: 2 parts in 2 images, 0 skipped",
        f"{tmp_path}/run: 2 folders, 1 skipped",
    ]
    assert "folder 2 of 3: cat, 2 images" in err
    assert "the folder ant is skipped. It holds no usable image." in err
    assert call("discover", *words) == 2
    assert "--resume" in capsys.readouterr().err
    assert call("discover", *words, "--resume", "-q") == 0
    assert call("discover", *words[:4], 2, "--resume", *TINY) == 2
    assert "Add --by-folder" in capsys.readouterr().err


def test_members_are_scored_by_themselves_and_averaged(world, capsys):
    assert call("evaluate", world / "many", "--annotations", world / "set", *QUICK) == 0
    out = capsys.readouterr().out
    scores = {
        name: json.loads((world / "many" / name / "evaluation" / "metrics.json").read_text())
        for name in ("cat", "dog")
    }
    assert scores["cat"]["part_miou"] == 1
    assert 0 < scores["dog"]["part_miou"] < 0.9
    found = json.loads((world / "many" / "evaluation" / "members.json").read_text())
    assert (found["schema"], found["num_images"]) == ("partdisc/member-metrics", 8)
    for name in ("part_miou", "nmi"):
        mean = (scores["cat"][name] + scores["dog"][name]) / 2
        assert found["mean"][name] == pytest.approx(mean)
    grids = [s["controls"]["grid"]["part_miou"] for s in scores.values()]
    assert found["controls"]["grid"]["part_miou"] == pytest.approx(np.mean(grids))
    assert found["left_out"] == {"owl": "None of its images is annotated."}
    assert f"{world / 'many' / 'owl'}: left out." in out
    for text in ("| cat ", "| dog ", "| mean of 2 ", "| (grid) "):
        assert text in out
        assert text in (world / "many" / "evaluation" / "members.md").read_text()


def test_a_collection_stands_beside_a_shared_run(world, capsys):
    """The shared run's one matching cannot hold for cats and dogs both."""
    words = ["--annotations", world / "set", *QUICK]
    assert call("evaluate", world / "many", world / "shared", *words, "--out", world / "out") == 0
    table = (world / "out" / "comparison.md").read_text()
    assert f"| {world / 'many'} (mean of 2)" in table
    assert (world / "out" / "many" / "cat" / "metrics.json").is_file()
    assert (world / "out" / "many" / "members.md").is_file()
    assert call("evaluate", world / "many", *words, "--against", world / "shared") == 0
    against = json.loads((world / "many" / "dog" / "evaluation" / "metrics.json").read_text())["against"]
    assert against["num_images"] == 4
    assert against["scores"]["part_miou"]["difference"] == pytest.approx(0)  # matched to these images alone


def test_what_a_collection_cannot_be_asked(world, capsys):
    words = ["--annotations", world / "set", *QUICK]
    (world / "m.json").write_text("{}")
    assert call("evaluate", world / "many", *words, "--matching", world / "m.json") == 2
    assert "holds several: name one of these" in capsys.readouterr().err
    assert call("evaluate", world / "shared", *words, "--together") == 2
    assert "Expected several RUNs" in capsys.readouterr().err
    assert call("evaluate", world / "many", *words, "--together") == 2
    assert "scope 'category'" in capsys.readouterr().err
    assert call("render", world / "many", "--show", "0.png") == 2
    assert "--show with one run" in capsys.readouterr().err
    assert call("name", world / "many", "1=x") == 2
    assert "a run for each folder of images" in capsys.readouterr().err


def test_nothing_annotated_at_all_is_an_error(world, capsys):
    for name in ("cat", "dog"):
        (world / "set" / "masks" / name).rename(world / "set" / "masks" / f"{name}s")
        for path in sorted((world / "set" / "masks" / f"{name}s").iterdir()):
            path.rename(path.with_name("x" + path.name))
    assert call("evaluate", world / "many", "--annotations", world / "set", *QUICK) == 2
    assert capsys.readouterr().err != ""


def test_render_draws_every_member_and_an_index_that_leads_to_them(world, capsys):
    assert call("evaluate", world / "many", "--annotations", world / "set", *QUICK) == 0
    for name in ("cat", "dog"):
        (world / "many" / name / "figures").mkdir()
        Image.new("RGB", (2000, 800), "red").save(world / "many" / name / "figures" / "contact_sheet.jpg")
    capsys.readouterr()
    words = [
        "--only",
        "report,comparison",
        "--annotations",
        world / "set",
        "--compare",
        world / "shared",
        "-q",
    ]
    # the shared run has no owls, and nothing is annotated of them
    assert call("render", world / "many", *words, "--dpi", 50) == 0, capsys.readouterr().err
    paths = capsys.readouterr().out.splitlines()
    assert paths[-1] == str(world / "many" / "report" / "index.html")
    for name in ("cat", "dog", "owl"):
        assert (world / "many" / name / "report" / "index.html").is_file()
        assert (world / "many" / name / "figures" / "comparison.png").is_file()
    page = (world / "many" / "report" / "index.html").read_text(encoding="utf-8")
    for text in ('href="../cat/report/index.html"', "mean of 2", "pig: It is empty.", "sheets/0001.jpg"):
        assert text in page
    with Image.open(world / "many" / "report" / "sheets" / "0000.jpg") as image:
        assert image.size == (960, 384)
    assert call("render", world / "many", "--only", "report", "--out", world / "elsewhere", "-q") == 0
    assert (world / "elsewhere" / "dog" / "report" / "index.html").is_file()
    assert (world / "elsewhere" / "report" / "index.html").is_file()
