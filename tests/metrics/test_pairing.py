from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partdisc.errors import DataError
from partdisc.metrics.pairing import pair_images

paths = st.lists(st.text("ab", min_size=1, max_size=1), min_size=1, max_size=3).map("/".join)


def pairs(run, annotated):
    return [(run[r], annotated[a]) for r, a in pair_images(run, annotated).pairs]


@pytest.mark.parametrize(
    ("run", "annotated", "expected"),
    [
        (["a.jpg"], ["a.jpg"], [("a.jpg", "a.jpg")]),
        (["train/n01/a.JPEG"], ["a.JPEG"], [("train/n01/a.JPEG", "a.JPEG")]),
        (["a.JPEG"], ["images/train/a.JPEG"], [("a.JPEG", "images/train/a.JPEG")]),
        # bare names are ambiguous, folders decide
        (["x/1.jpg", "y/1.jpg"], ["y/1.jpg", "x/1.jpg"], [("x/1.jpg", "x/1.jpg"), ("y/1.jpg", "y/1.jpg")]),
        # a name that both folders of the run hold is left alone, even when one of them has found its partner
        (["x/1.jpg", "y/1.jpg"], ["x/1.jpg", "1.jpg"], [("x/1.jpg", "x/1.jpg")]),
        # extensions count only where nothing else fits
        (["1.png"], ["1.jpg"], [("1.png", "1.jpg")]),
        (["1.png", "1.jpg"], ["1.jpg"], [("1.jpg", "1.jpg")]),
        (["a\\1.png"], ["a/1.png"], [("a\\1.png", "a/1.png")]),
    ],
)
def test_longest_unique_suffix_decides(run, annotated, expected):
    assert pairs(run, annotated) == expected


def test_what_finds_no_partner_is_counted():
    found = pair_images(["x/1.jpg", "y/1.jpg", "2.jpg", "3.jpg"], ["1.jpg", "2.jpg", "4.jpg"])
    assert found.pairs == [(2, 1)]
    assert (found.run_only, found.annotated_only, found.ambiguous) == ([0, 1, 3], [0, 2], 1)


@pytest.mark.parametrize(
    ("run", "annotated", "words"),
    [
        (["a.jpg"], ["b.jpg"], "share no image: the run has 1, e.g. 'a.jpg', the annotation 1, e.g. 'b.jpg'"),
        (["x/a.jpg", "y/a.jpg"], ["a.jpg"], "share no image"),
        ([], ["a.jpg"], "the run has none"),
        (["a.jpg"], [], "the annotation has none"),
        (["a.jpg", "a.jpg"], ["a.jpg"], "the run names 'a.jpg' twice"),
        (["a.jpg"], ["b.jpg", "b.jpg"], "the annotation names 'b.jpg' twice"),
    ],
)
def test_nothing_shared_is_one_clear_line(run, annotated, words):
    with pytest.raises(DataError, match=words):
        pair_images(run, annotated)


@given(st.lists(paths, unique=True, min_size=1), st.lists(paths, unique=True, min_size=1))
def test_no_image_is_used_twice_and_pairs_share_their_file_name(run, annotated):
    try:
        found = pair_images(run, annotated)
    except DataError:
        return
    assert len({r for r, _ in found.pairs}) == len({a for _, a in found.pairs}) == len(found.pairs)
    assert all(run[r].split("/")[-1] == annotated[a].split("/")[-1] for r, a in found.pairs)
    assert len(found.pairs) + len(found.run_only) == len(run)
    assert len(found.pairs) + len(found.annotated_only) == len(annotated)


@given(st.lists(paths, unique=True, min_size=1))
def test_equal_names_are_always_paired(names):
    assert pairs(names, names) == [(name, name) for name in names]
