from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from partdisc.errors import DataError
from partdisc.render.bulk import write_overlays
from partdisc.render.overlay import PartOverlay
from partdisc.render.runs import open_run


@pytest.mark.parametrize("workers", [1, 3])
def test_every_image_is_drawn_and_broken_ones_are_told(make_run, scene, tmp_path, workers):
    entries = open_run(make_run()).masks.entries
    overlay = PartOverlay()

    def read_pair(entry):
        if entry is entries[2]:
            raise DataError("It is\nbroken.")
        return scene

    out = tmp_path / "out"
    problems = write_overlays(entries, read_pair, overlay, out, suffix=".png", workers=workers, verbosity=0)
    assert problems == [(entries[2].id, "It is broken.")]
    drawn = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert drawn == sorted(entry.id + ".png" for entry in entries if entry is not entries[2])
    with Image.open(out / drawn[0]) as image:
        assert np.array_equal(np.asarray(image), overlay.annotate(*scene))


def test_nothing_is_written_outside(make_run, scene, tmp_path):
    entry = dataclasses.replace(open_run(make_run()).masks.entries[0], id="../../elsewhere")
    with pytest.raises(DataError, match="leads out of"):
        write_overlays([entry], lambda entry: scene, PartOverlay(), tmp_path / "a" / "b", verbosity=0)
    assert not list(tmp_path.glob("elsewhere*"))
