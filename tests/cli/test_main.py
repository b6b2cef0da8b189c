from __future__ import annotations

import json
import subprocess
import sys
import warnings

import pytest

import partdisc
from partdisc.cli.main import COMMANDS, main, run_command
from partdisc.cli.options import FORMAT_HELP, OVERLAP_HELP
from partdisc.data.annotations import OVERLAP_RULES
from partdisc.data.annotations.detect import FORMATS


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 300


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if name not in ("dataset", "make-synthetic", "export")]
)
def test_usage_is_one_line_that_shows_what_is_needed(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    usage, empty = capsys.readouterr().out.splitlines()[:2]
    assert usage.startswith(f"usage: partdisc {command} ")
    assert usage.endswith("[options]")
    assert empty == ""


def test_help_names_every_format_and_overlap_rule():
    assert FORMAT_HELP.split(": ")[1].replace(" or ", ", ").split(", ") == list(FORMATS)
    assert OVERLAP_HELP.split(": ")[1].replace(" or ", ", ").split(", ") == list(OVERLAP_RULES)


@pytest.mark.parametrize("arguments", [["--version"], ["discover", "--version"]])
def test_the_version_is_told(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert partdisc.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["dicsover"], ["discover", "--magic"], ["discover", "--seed", "four"]]
)
def test_wrong_usage_is_one_line_and_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1


def test_what_the_user_can_mend_is_one_line_and_exit_2(tmp_path, capsys):
    code = run_command(
        "discover", [str(tmp_path / "nowhere"), "--out", str(tmp_path / "run"), "--num-parts", "3"]
    )
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    [line] = err.strip().splitlines()
    assert "nowhere" in line


def test_verbose_tells_where_an_error_arose(tmp_path, capsys):
    words = [str(tmp_path / "nowhere"), "--out", str(tmp_path / "run"), "--num-parts", "3", "-v"]
    assert run_command("discover", words) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("partdisc discover: Expected images at")


def test_a_warning_is_one_line_without_its_place_in_the_code(monkeypatch, capsys):
    monkeypatch.setattr(
        "partdisc.cli.name.name_parts", lambda *a: warnings.warn("No object\nstands out.", stacklevel=1)
    )
    run_command("name", ["RUN"])
    assert capsys.readouterr().err.startswith("warning: No object stands out.\n")


def test_a_bug_is_exit_1_with_its_traceback(monkeypatch, capsys):
    monkeypatch.setattr("partdisc.cli.name.name_parts", lambda *a: 1 / 0)
    assert run_command("name", ["RUN"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_full_disk_is_no_bug(monkeypatch, capsys):
    def fill(*args):
        raise OSError(28, "No space left on device", "RUN/parts/masks/a.png")

    monkeypatch.setattr("partdisc.cli.name.name_parts", fill)
    assert run_command("name", ["RUN"]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "No space left on device (RUN/parts/masks/a.png)" in line


def test_an_interruption_is_130(monkeypatch, capsys):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("partdisc.cli.name.name_parts", stop)
    assert run_command("name", ["RUN"]) == 130


def test_a_closed_pipe_is_no_error():
    code = "from partdisc.cli.main import main; import sys; sys.exit(main(['discover', '--print-config']))"
    shell = f'{sys.executable} -c "{code}" | true; exit ${{PIPESTATUS[0]}}'
    assert subprocess.run(["bash", "-c", shell]).returncode == 0


def test_options_come_from_a_file_and_the_command_line_wins(tmp_path, capsys):
    (tmp_path / "c.json").write_text(json.dumps({"num-parts": 4, "seed": 1, "method": "kmeans"}))
    assert (
        run_command("discover", ["--config", str(tmp_path / "c.json"), "--seed", "2", "--print-config"]) == 0
    )
    assert json.loads(capsys.readouterr().out) == {"num_parts": 4, "seed": 2, "method": "kmeans"}


def test_a_file_may_spell_options_as_the_command_line_does_or_as_they_are_printed(tmp_path, capsys):
    for names in ({"layer": 3, "features": "disk"}, {"layers": "3", "storage": "disk"}):
        (tmp_path / "c.json").write_text(json.dumps({**names, "overlays": 4, "levels": [2], "tol": 1}))
        assert run_command("discover", ["--config", str(tmp_path / "c.json"), "--print-config"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found == {"layers": "3", "storage": "disk", "overlays": "4", "levels": [2], "tol": 1}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_prints_what_it_was_given(command, tmp_path, capsys):
    argv = ["describe"] if command == "dataset" else []
    argv += ["out"] if command == "make-synthetic" else []
    config = tmp_path / "c.json"
    config.write_text("{}")
    assert run_command(command, [*argv, "--config", str(config), "-v", "--print-config"]) == 0
    assert set(json.loads(capsys.readouterr().out)) <= {"action", "out"}


def test_what_is_named_in_the_file_alone_is_not_hidden_by_nothing(tmp_path, capsys):
    (tmp_path / "c.json").write_text(json.dumps({"runs": ["A", "B"]}))
    assert run_command("evaluate", ["--config", str(tmp_path / "c.json"), "--print-config"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": ["A", "B"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "as a JSON object"),
        ("[]", "JSON object of options, got list"),
        ('{"numparts": 3}', "unknown options: numparts"),
        ('{"quiet": true}', "unknown options: quiet"),
        ('{"limit": "3"}', "a whole number for the option 'limit', but got '3'"),
        ('{"image-size": true}', "a whole number for the option 'image-size', but got True"),
        ('{"tol": [1]}', "a number for the option 'tol'"),
        ('{"levels": [2, "4"]}', "a whole number for the option 'levels'"),
        ('{"strict": "no"}', "true or false for the option 'strict', but got 'no'"),
        ('{"weights": {}}', "text for the option 'weights'"),
    ],
)
def test_a_config_file_that_is_none_is_told(tmp_path, capsys, text, words):
    (tmp_path / "c.json").write_text(text)
    assert run_command("discover", ["--config", str(tmp_path / "c.json"), "--print-config"]) == 2
    assert words in capsys.readouterr().err
