from __future__ import annotations

import io
import json

from partdisc.progress import Progress, StepLog


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_step_is_logged_with_its_values(tmp_path):
    log = StepLog(tmp_path / "log.jsonl")
    with Progress("train", 2, log=log, verbosity=0) as progress:
        progress.advance(loss=0.5)
        progress.advance(loss=float("nan"))
    assert lines(log.path) == [
        {"stage": "train", "step": 1, "loss": 0.5},
        {"stage": "train", "step": 2, "loss": None},
    ]


def test_a_resumed_stage_drops_the_steps_it_repeats_and_broken_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"stage": "a", "step": 1}\n{"stage": "b", "step": 5}\n{"stage": "a", "step": 2}\n{"stage": "a", "st'
    )
    Progress("a", 3, log=StepLog(path), verbosity=0).skip(1)
    assert lines(path) == [{"stage": "a", "step": 1}, {"stage": "b", "step": 5}]


def test_the_line_tells_rate_and_time_left():
    stream = io.StringIO()
    with Progress("features", 4, interval=0, stream=stream) as progress:
        progress.advance()
        progress.advance(2)
    text = stream.getvalue()
    assert "features: 1/4 images" in text
    assert "/s" in text
    assert " left" in text


def test_skipped_items_do_not_count_towards_the_rate():
    stream = io.StringIO()
    with Progress("x", 100, interval=0, stream=stream) as progress:
        progress.skip(99)
    assert "99/100 images, 0.0/s" in stream.getvalue()


def test_a_terminal_gets_one_line_as_wide_as_it_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    with Progress("fit", 3, stream=stream) as progress:
        progress._interval = 0
        progress.advance(**{f"a rather long name {i}": 0.5 for i in range(5)})
    assert all(len(line.replace("\x1b[K", "")) < 40 for line in stream.getvalue().split("\r"))


def test_quiet_says_nothing():
    stream = io.StringIO()
    with Progress("x", 1, interval=0, stream=stream, verbosity=0) as progress:
        progress.advance()
    assert stream.getvalue() == ""
