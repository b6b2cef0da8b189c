from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import partdisc
from partdisc.discovery.models import METHODS
from partdisc.errors import ArtifactError, ConfigError, DataError
from partdisc.runs import collection, extracting, pipeline
from partdisc.store.collection import counterpart, is_collection
from tests.discovery.conftest import paint_images
from tests.runs.test_pipeline import SETTINGS, contents

TRAINING = {"steps": 2}


@pytest.fixture
def zoo(tmp_path):
    """Folders cat and dog with equal file names, each with an image in a folder of its own."""
    for seed, name in enumerate(("cat", "dog")):
        for i, image in enumerate(paint_images(3, seed=seed)):
            path = tmp_path / "zoo" / name / ("deep" if i == 2 else "") / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "zoo"


def discover(images, out, num_parts=3, **options):
    return partdisc.discover_by_folder(images, out, num_parts, **{**SETTINGS, "workers": 0, **options})


def learnt(folder: Path) -> bytes:
    return (folder / "model" / "weights.safetensors").read_bytes()


def test_each_folder_gets_a_whole_run_whose_ids_keep_the_folder(zoo, tmp_path):
    found = discover(zoo, tmp_path / "out")
    assert (found.status, list(found), found.skipped) == ("done", ["cat", "dog"], [])
    assert repr(found).endswith("status='done', runs=2)")
    for name in found:
        run = partdisc.load_run(tmp_path / "out" / name)
        assert run.status == "done"
        assert [e.id for e in run.masks.entries] == [f"{name}/0.png", f"{name}/1.png", f"{name}/deep/2.png"]
        assert all(run.masks.image_path(entry).is_file() for entry in run.masks.entries)
        assert (run.folder / "figures" / "contact_sheet.jpg").is_file()
    data = json.loads((tmp_path / "out" / "collection.json").read_text())
    assert (data["schema"], data["version"], data["settings"]["num_parts"]) == ("partdisc/collection", 1, 3)


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"foreground"}))
def test_a_folder_learns_what_it_learns_alone(zoo, tmp_path, method):
    """The one backbone that all share is left by each as it was."""
    options = {"method": method, "options": TRAINING if method == "scops" else {}}
    found = discover(zoo, tmp_path / "out", **options)
    for name in found:
        partdisc.discover(zoo / name, tmp_path / name, 3, **{**SETTINGS, "workers": 0, **options})
        assert learnt(tmp_path / "out" / name) == learnt(tmp_path / name)
        alone = dict(partdisc.load_run(tmp_path / name).masks)
        for entry, labels in found[name].masks:
            [same] = [other for e, other in alone.items() if entry.id == f"{name}/{e.id}"]
            np.testing.assert_array_equal(labels, same)


def test_the_backbone_is_loaded_once(zoo, tmp_path, monkeypatch):
    from partdisc.discovery import base

    made = []
    create = collection.create_backbone
    monkeypatch.setattr(collection, "create_backbone", lambda *a, **k: made.append(a) or create(*a, **k))
    monkeypatch.setattr(base, "create_backbone", lambda *a, **k: pytest.fail("loaded again"))
    discover(zoo, tmp_path / "out")
    assert len(made) == 1


def test_resume_goes_on_and_ends_the_same(zoo, tmp_path, monkeypatch):
    discover(zoo, tmp_path / "whole")
    written = []

    def stop_at_the_second(root, *arguments, **options):
        written.append(root.name)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write_parts(root, *arguments, **options)

    write_parts = pipeline.write_parts
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_parts", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            discover(zoo, tmp_path / "out")
    assert written == ["cat", "dog"]
    stopped = partdisc.load_collection(tmp_path / "out")
    assert (stopped.status, list(stopped)) == ("interrupted", ["cat"])
    assert partdisc.load_run(tmp_path / "out" / "dog").status == "interrupted"
    before = (tmp_path / "out" / "cat" / "run.json").read_bytes()
    assert discover(zoo, tmp_path / "out", resume=True).status == "done"
    assert (tmp_path / "out" / "cat" / "run.json").read_bytes() == before
    for name in ("cat", "dog"):
        assert contents(tmp_path / "out" / name) == contents(tmp_path / "whole" / name)


def test_resume_of_a_finished_collection_does_nothing(zoo, tmp_path, monkeypatch):
    discover(zoo, tmp_path / "out")
    before = contents(tmp_path / "out")
    monkeypatch.setattr(extracting, "run_extraction", lambda *a, **k: pytest.fail("worked again"))
    discover(zoo, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == before


def test_resume_refuses_other_settings_and_other_images(zoo, tmp_path):
    discover(zoo, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"num_parts \(3 there, 2 now\)"):
        discover(zoo, tmp_path / "out", 2, resume=True)
    (zoo / "dog" / "0.png").unlink()
    (zoo / "owl").mkdir()
    with pytest.raises(DataError, match="images have changed since the collection began, in dog, owl"):
        discover(zoo, tmp_path / "out", resume=True)


def test_a_folder_that_cannot_be_used_is_skipped_with_the_reason_and_the_others_go_on(zoo, tmp_path, capsys):
    (zoo / "ant").mkdir()
    (zoo / "bee").mkdir()
    (zoo / "bee" / "broken.png").write_bytes(b"\x89PNG")
    (zoo / "cow").mkdir()
    Image.new("RGB", (8, 8)).save(zoo / "cow" / "0.png")  # 64 cells
    found = discover(zoo, tmp_path / "out", 70, image_size=32, verbosity=1)
    reasons = {member.name: member.reason for member in found.skipped}
    assert (found.status, list(found)) == ("done", ["cat", "dog"])
    assert reasons["ant"] == "It holds no usable image."
    assert reasons["bee"].startswith("It holds no usable image. ")
    assert reasons["cow"] == "Expected at least 70 grid cells for 70 parts, but got 64."
    assert "3 folders were skipped: ant: It holds no usable image. (and 2 more)" in capsys.readouterr().err
    with pytest.raises(KeyError, match="no finished run of 'cow'; it has cat, dog"):
        found["cow"]
    with pytest.raises(DataError, match="ant: It holds no usable image"):
        discover(zoo, tmp_path / "strict", strict=True)


def test_a_folder_that_was_skipped_has_another_chance_with_resume(zoo, tmp_path, monkeypatch):
    """As after a file that could not be read for a while: the others are left as they are."""
    make_run = collection.make_run

    def no_dogs(job, *arguments, **options):
        if job.root.name == "dog":
            raise DataError("The dogs are away.")
        make_run(job, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(collection, "make_run", no_dogs)
        first = discover(zoo, tmp_path / "out")
        assert [(member.name, member.reason) for member in first.skipped] == [("dog", "The dogs are away.")]
        assert discover(zoo, tmp_path / "out", resume=True).skipped == first.skipped
    before = (tmp_path / "out" / "cat" / "run.json").read_bytes()
    again = discover(zoo, tmp_path / "out", resume=True)
    assert (again.status, list(again), again.skipped) == ("done", ["cat", "dog"], [])
    assert (tmp_path / "out" / "cat" / "run.json").read_bytes() == before


def test_no_usable_folder_at_all_is_an_error(zoo, tmp_path):
    with pytest.raises(DataError, match=r"None of the 2 folders could be used\. cat: Expected at least 200"):
        discover(zoo, tmp_path / "out", 200, image_size=32, limit=1)
    assert partdisc.load_collection(tmp_path / "out").status == "failed"


def test_images_beside_folders_are_left_out_and_counted(zoo, tmp_path, capsys):
    shutil.copy(zoo / "cat" / "0.png", zoo / "stray.png")
    found = discover(zoo, tmp_path / "out", verbosity=1)
    assert found.info["images_outside"] == 1
    assert "1 images lie beside the folders and are left out" in capsys.readouterr().err
    with pytest.raises(DataError, match="in sub-folders"):
        discover(zoo, tmp_path / "strict", strict=True)
    with pytest.raises(ConfigError, match="all 2 images lie in none"):
        discover(zoo / "cat" / "deep" / ".." / "*.png", tmp_path / "none")


def test_the_limit_holds_for_each_folder(zoo, tmp_path):
    found = discover(zoo, tmp_path / "out", limit=2)
    assert [len(found[name].masks) for name in found] == [2, 2]


def test_apply_and_like_take_the_run_of_the_same_folder(zoo, tmp_path):
    first = discover(zoo, tmp_path / "a")
    again = partdisc.discover_by_folder(zoo, tmp_path / "b", apply=tmp_path / "a", workers=0, device="cpu")
    for name in first:
        assert learnt(tmp_path / "a" / name) == learnt(tmp_path / "b" / name)
        assert again[name].info["settings"]["apply"] == str(tmp_path / "a" / name)
        for (_, one), (_, other) in zip(first[name].masks, again[name].masks, strict=True):
            np.testing.assert_array_equal(one, other)
    like = discover(zoo, tmp_path / "c", seed=5, like=tmp_path / "a")
    assert like["dog"].info["settings"]["like"] == str(tmp_path / "a" / "dog")
    shared = partdisc.discover_by_folder(
        zoo, tmp_path / "d", apply=tmp_path / "a" / "cat", workers=0, device="cpu"
    )
    assert learnt(shared["dog"].folder) == learnt(tmp_path / "a" / "cat")


def test_an_unknown_folder_is_told_before_the_work_begins(zoo, tmp_path):
    discover(zoo, tmp_path / "a")
    (zoo / "dog").rename(zoo / "owl")
    with pytest.raises(ConfigError, match=r"finished run of the folder 'owl' in .*, but it has cat, dog"):
        partdisc.discover_by_folder(zoo, tmp_path / "b", apply=tmp_path / "a", workers=0)
    assert not (tmp_path / "b").exists()


def test_given_masks_are_those_of_the_folder_and_no_other(zoo, tmp_path):
    """Masks of the cats alone: the dogs, whose files are called the same, must not get them."""
    for path in (zoo / "cat").rglob("*.png"):
        mask = tmp_path / "masks" / path.relative_to(zoo)
        mask.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            Image.new("L", image.size, 255).save(mask)
    found = discover(zoo, tmp_path / "out", foreground=str(tmp_path / "masks"))
    assert list(found) == ["cat"]
    assert found["cat"].info["masks"]["given"] == 3
    assert "None of the 3 images has a foreground mask in" in found.skipped[0].reason


def test_a_number_of_parts_is_chosen_for_each_folder(zoo, tmp_path):
    found = discover(zoo, tmp_path / "out", "auto:2-3", method="kmeans")
    assert all((run.folder / "num_parts.json").exists() for run in map(found.__getitem__, found))


def test_what_goes_wrong_otherwise_names_the_folder_and_stops(zoo, tmp_path):
    with pytest.raises(ConfigError, match=r"cat: .*no image in common"):
        other = tmp_path / "other"
        other.mkdir()
        Image.fromarray(paint_images(1)[0]).save(other / "z.png")
        partdisc.discover(other, tmp_path / "like", 3, **SETTINGS)
        discover(zoo, tmp_path / "out", like=tmp_path / "like")
    assert partdisc.load_collection(tmp_path / "out").status == "failed"


def test_a_run_and_a_collection_are_not_mistaken_for_each_other(zoo, tmp_path):
    discover(zoo, tmp_path / "out")
    partdisc.discover(zoo, tmp_path / "run", 3, **SETTINGS)
    with pytest.raises(ConfigError, match="Add --by-folder"):
        partdisc.discover(zoo, tmp_path / "out", 3, resume=True, **SETTINGS)
    with pytest.raises(ConfigError, match="Leave --by-folder out"):
        discover(zoo, tmp_path / "run", overwrite=True)
    for load in (partdisc.load_run, partdisc.load_discoverer, partdisc.show):
        with pytest.raises(ArtifactError, match="a run for each folder of images: name one of these"):
            load(tmp_path / "out")
    assert is_collection(tmp_path / "out")
    assert not is_collection(tmp_path / "run")
    assert counterpart(tmp_path / "run", "any") == tmp_path / "run"


def test_folders_and_places_that_cannot_be(zoo, tmp_path):
    with pytest.raises(ConfigError, match="outside of the images"):
        discover(zoo, zoo / "out")
    (zoo / "cat").rename(zoo / "report")
    with pytest.raises(ConfigError, match="'report' has a name that the results need"):
        discover(zoo, tmp_path / "out")


def test_a_damaged_record_is_told(zoo, tmp_path):
    discover(zoo, tmp_path / "out", limit=1)
    path = tmp_path / "out" / "collection.json"
    whole = json.loads(path.read_text())
    for change, words in (
        ({"members": [{"name": "x"}]}, "damaged"),
        ({"members": [{**whole["members"][0], "name": "../x"}]}, "outside its own"),
        ({"version": 2}, "newer partdisc"),
        ({"schema": "partdisc/run"}, "Expected .* to be a partdisc/collection file"),
    ):
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(ArtifactError, match=words):
            partdisc.load_collection(tmp_path / "out")
