from __future__ import annotations

import json

from partdisc.cli.main import run_command


def run(*argv):
    return run_command("make-synthetic", [str(a) for a in argv])


def test_draws_what_was_asked(tmp_path, capsys):
    out = tmp_path / "set"
    assert (
        run(
            out,
            "--num-images",
            4,
            "--size",
            64,
            80,
            "--splits",
            "test",
            "--super-categories",
            "car",
            "boat",
            "--workers",
            0,
            "-q",
        )
        == 0
    )
    stdout, stderr = capsys.readouterr()
    assert stdout == f"{out}/test.json: 4 images\n"
    assert stderr == ""
    data = json.loads((out / "test.json").read_text())
    assert {(i["height"], i["width"]) for i in data["images"]} == {(64, 80)}
    assert {a["category_id"] for a in data["annotations"]} <= {24, 25, 26, 31, 32}


def test_full_folder_needs_overwrite(tmp_path, capsys):
    arguments = (tmp_path / "set", "--num-images", 1, "--size", 32, "--splits", "train", "--workers", 0)
    assert run(*arguments) == 0
    assert run(*arguments) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(*arguments, "--overwrite") == 0


def test_interrupted_set_can_be_drawn_anew(tmp_path, capsys, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    arguments = (tmp_path / "set", "--num-images", 2, "--size", 32, "--splits", "train", "--workers", 0)
    with monkeypatch.context() as patch:
        patch.setattr("partdisc.data.synthetic.writer.draw_picture", interrupt)
        assert run(*arguments) == 130
    assert "--overwrite" in capsys.readouterr().err
    assert run(*arguments, "--overwrite") == 0


def test_printed_config_draws_the_same(tmp_path, capsys):
    arguments = (
        "--num-images",
        2,
        "--size",
        32,
        48,
        "--splits",
        "val",
        "--super-categories",
        "fish",
        "--workers",
        0,
    )
    assert run(tmp_path / "a", *arguments) == 0
    capsys.readouterr()
    assert run(tmp_path / "b", *arguments, "--print-config") == 0
    config = json.loads(capsys.readouterr().out)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert run(tmp_path / "b", "--config", tmp_path / "config.json") == 0
    assert (tmp_path / "a" / "val.json").read_bytes() == (tmp_path / "b" / "val.json").read_bytes()


def test_three_sizes_are_too_many(tmp_path, capsys):
    assert run(tmp_path / "set", "--size", 1, 2, 3) == 2
    assert "one number or two" in capsys.readouterr().err
