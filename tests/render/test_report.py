from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image

from partdisc.errors import ConfigError, DataError
from partdisc.render.report import ReportSource, write_report
from partdisc.render.report.outlines import part_paths
from partdisc.render.runs import open_run

HOSTILE = "<script>window.hit=1</script> & \"q\" 'a'.png".replace("/", "∕")


def read_image(path, size=None):
    image = Image.open(path).convert("RGB")
    return np.asarray(image if size is None else image.resize(size[::-1]))


def source(*runs, **options):
    return ReportSource(runs, read_image, **options)


def index_of(report):
    text = (report / "data" / "index.js").read_text(encoding="ascii")
    return json.loads(re.fullmatch(r"partdisc\.index\((.*)\);\n", text, re.S)[1])


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_report_holds_every_image_part_and_score(make_run):
    run = open_run(make_run(part_names=["head", "leg", "tail"]))
    page = write_report(source(run, annotated_names=run.annotated_names), run.folder / "report", verbosity=0)
    data = index_of(page.parent)
    assert data["ids"] == [entry.id for entry in run.masks.entries]
    assert data["layers"] == ["run"]
    assert [part["name"] for part in data["parts"]] == list(run.annotated_names)
    assert data["scores"]["part_miou"] == [run.per_image[i]["part_miou"] for i in data["ids"]]
    for entry, present in zip(run.masks.entries, data["present"], strict=True):
        assert {run.targets["all"][label] for label in np.unique(run.masks.labels(entry)) if label} == set(
            present
        )
    assert all(part["occurs"] for part in data["parts"])
    assert data["score_names"] == {"part_miou": "part mIoU"}
    assert len(list(page.parent.rglob("thumbs/*/*.jpg"))) == 6
    text = page.read_text(encoding="utf-8")
    for expected in (
        "head",
        "matched to <b>annotated 3</b>, IoU 0.300",
        "[0.150, 0.250]",
        "not computed",
        "a note",
    ):
        assert expected in text


def test_page_loads_nothing_from_elsewhere(make_run):
    page = write_report(source(open_run(make_run())), make_run("other") / "report", verbosity=0)
    tags = Tags(page.read_text(encoding="utf-8")).tags
    addresses = [
        a[k] for tag, a in tags if tag in ("script", "link", "img") for k in ("src", "href") if k in a
    ]
    assert addresses
    for address in addresses:
        assert address == "data:," or (page.parent / address).is_file(), address
    script = (page.parent / "report.js").read_text(encoding="utf-8")
    for word in ("fetch(", "XMLHttpRequest", "innerHTML", "getImageData", "eval("):
        assert word not in script


def test_hostile_names_stay_text(make_run):
    folder = make_run(
        HOSTILE, file_names=[HOSTILE, "b.png"], part_names=["</script><b>x", "'\"", "{{ 7*7 }}"]
    )
    page = write_report(source(open_run(folder)), folder / "report", verbosity=0)
    parsed = Tags(page.read_text(encoding="utf-8"))
    assert [a.get("src") for tag, a in parsed.tags if tag == "script"] == ["report.js", "data/index.js"]
    assert not [tag for tag, _ in parsed.tags if tag == "b"]
    assert "</script><b>x" in parsed.texts
    assert "{{ 7*7 }}" in html.unescape("".join(parsed.texts))
    assert HOSTILE in "".join(parsed.texts)
    assert index_of(page.parent)["ids"][0] == HOSTILE


def test_outlines_draw_the_parts_again():
    labels = np.zeros((60, 70), np.uint8)
    labels[5:40, 10:50] = 1
    labels[12:20, 20:30] = 2
    labels[50:, 60:] = 3
    paths = part_paths(labels, [0, 4, 5, 0])
    assert list(paths) == [4, 5]  # the largest first; key 0 is not shown
    for label, key in ((1, 4), (2, 5)):
        assert rasterize(paths[key], labels.shape) == pytest.approx((labels == label).sum(), rel=0.02)


def rasterize(path, shape):
    """Area of a path of integer steps with its one pixel wide stroke: what an even-odd filling draws."""
    rings = []
    for ring in path.split("M")[1:]:
        start, steps = ring.removesuffix("z").split("l")
        points = [[int(v) for v in start.split()]]
        numbers = [int(v) for v in steps.split()]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            points.append([points[-1][0] + dx, points[-1][1] + dy])
        rings.append(np.array(points))
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, rings, 1)
    return int(canvas.sum())


def test_earlier_report_is_replaced_and_other_files_are_left_alone(make_run, tmp_path):
    run = open_run(make_run())
    target = tmp_path / "report"
    write_report(source(run), target, verbosity=0)
    (target / "stale").write_text("")
    write_report(source(run), target, verbosity=0)
    assert not (target / "stale").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds no report, so it is left alone"):
        write_report(source(run), mine, verbosity=0)
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    assert not list(tmp_path.glob(".partial*"))


def test_images_that_cannot_be_shown_are_listed_with_the_reason(make_run, tmp_path):
    run = open_run(make_run(file_names=["a.png", "b.png", "c.png"]))
    run.masks.image_path(run.masks.entries[1]).unlink()
    Image.new("RGB", (9, 9)).save(run.masks.image_path(run.masks.entries[2]), format="PNG")
    page = write_report(source(run), tmp_path / "report", verbosity=0)
    text = page.read_text(encoding="utf-8")
    assert "2 images could not be shown" in text
    assert "the image changed since the run" in text
    assert index_of(page.parent)["missing"] == [1, 2]
    with pytest.raises(DataError, match=r"No image can be shown.*--images DIR"):
        write_report(source(run, images_root=tmp_path / "gone"), tmp_path / "second", verbosity=0)
    assert not (tmp_path / "second").exists()
