from __future__ import annotations

import numpy as np
import pytest
from pycocotools.coco import COCO

from partdisc.cli.export import FORMATS
from partdisc.cli.main import run_command
from partdisc.store.exports import EXPORTS
from partdisc.store.masks import MaskEntry, MaskSet, write_index, write_mask


@pytest.fixture
def run(tmp_path):
    labels = np.array([[0, 1, 1], [2, 2, 1]], np.uint8)
    write_mask(tmp_path / "run" / "parts" / "masks" / "a.png", labels, [(0, 0, 0)] * 3)
    entries = [MaskEntry("a.png", "a.png", 3, 2, "masks/a.png")]
    write_index(MaskSet(tmp_path / "run" / "parts", 2, [(0, 0, 0)] * 3, None, None, entries))
    return tmp_path / "run"


def export(capsys, *words):
    status = run_command("export", list(map(str, words)))
    out, err = capsys.readouterr()
    return status, out.strip(), err


def test_command_and_library_know_the_same_formats():
    assert tuple(EXPORTS) == FORMATS


def test_coco_is_written_into_the_run_and_not_over_itself(run, capsys):
    status, out, _ = export(capsys, run, "--to", "coco", "--polygons")
    assert (status, out) == (0, str(run / "exports" / "coco.json"))
    assert len(COCO(out).anns) == 2
    capsys.readouterr()
    assert export(capsys, run, "--to", "coco")[0] == 2
    assert export(capsys, run, "--to", "coco", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{run}"], "Expected RUN and --to"),
        (["{run}", "--to", "voc"], "invalid choice"),
        (["{run}/nothing", "--to", "coco"], "does not exist"),
        (["{run}", "--to", "cvat", "--url-prefix", "x"], "cvat has no option url_prefix"),
        (["{run}", "--to", "fiftyone"], "--images DIR"),
    ],
)
def test_bad_input_is_one_clear_line(run, capsys, words, told):
    words = [word.format(run=run) for word in words]
    try:
        status, _, err = export(capsys, *words)
    except SystemExit as stop:  # argparse's own way out
        status, err = stop.code, capsys.readouterr().err
    assert status == 2
    assert told in err
    assert err.count("\n") == 1
