from __future__ import annotations

import json
import subprocess
import sys

import pytest

from partdisc.errors import ArtifactError, ConfigError
from partdisc.store.run import RunWriter, clear_run, load_run, locked, prepare_folder


def writer(root, **settings):
    return RunWriter(root, settings=settings, runtime={"workers": 1}, command=["x"])


def test_a_run_is_locked_while_it_is_written(tmp_path):
    code = (
        "import sys; from partdisc.store.run import locked\n"
        "from pathlib import Path; from partdisc.errors import ConfigError\n"
        "try:\n    locked(Path(sys.argv[1])).__enter__()\n"
        "except ConfigError as e: print(e)\nelse: print('free')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with locked(tmp_path):
        assert "written by another process (pid" in subprocess.check_output(command, text=True)
    assert "free" in subprocess.check_output(command, text=True)


def test_the_lock_goes_with_its_process(tmp_path):
    code = (
        "import os, sys; from partdisc.store.run import locked; from pathlib import Path\n"
        "locked(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -9
    with locked(tmp_path):
        pass


def test_a_folder_in_use_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for options in ({"resume": False}, {"resume": True}):
        with pytest.raises(ConfigError, match="not empty"):
            prepare_folder(tmp_path, overwrite=not options["resume"], **options)
    with pytest.raises(ConfigError, match="holds no run"):
        prepare_folder(tmp_path, resume=False, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_run_needs_resume_or_overwrite(tmp_path):
    writer(tmp_path, seed=0).update()
    with pytest.raises(ConfigError, match="--resume"):
        prepare_folder(tmp_path, resume=False, overwrite=False)
    prepare_folder(tmp_path, resume=True, overwrite=False)
    clear_run(prepare_folder(tmp_path, resume=False, overwrite=True))
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        prepare_folder(tmp_path / "file", resume=False, overwrite=False)
    with pytest.raises(ConfigError, match="Cannot write"):
        prepare_folder(tmp_path / "file" / "run", resume=False, overwrite=False)


def test_resuming_with_other_settings_names_all_that_differ(tmp_path):
    writer(tmp_path, seed=0, num_parts=4, backbone="a").update()
    with pytest.raises(ConfigError, match=r"num_parts \(4 there, 5 now\), seed \(0 there, 1 now\)"):
        writer(tmp_path, seed=1, num_parts=5, backbone="a")
    assert writer(tmp_path, seed=0, num_parts=4, backbone="a").info["settings"]["seed"] == 0


def test_a_run_says_what_made_it(tmp_path):
    writer(tmp_path, seed=0).update("done", counts={"images": 3})
    run = load_run(tmp_path)
    assert run.status == "done"
    assert run.info["command"] == ["x"]
    assert {"python", "torch", "timm", "partdisc"} <= run.info["versions"].keys()
    assert "images=3" in repr(run)
    assert json.loads((tmp_path / "run.json").read_text())["schema"] == "partdisc/run"
    with pytest.raises(ArtifactError, match=r"run\.json"):
        load_run(tmp_path / "nothing")
