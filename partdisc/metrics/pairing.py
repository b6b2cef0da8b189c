"""Which image of a run is which image of an annotated set: by the longest unique path suffix.

A run calls an image `train/n01/a.JPEG`, an annotation `a.JPEG` or `n01/a.JPEG`. Two images belong together if they
share their whole name, or the last n folders and file names that no other image of either side shares; the
longest such n decides. Where nothing fits, file names are compared again without their extension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from partdisc.errors import DataError

Path = tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Pairs of positions (run, annotation), and the positions that found no partner.

    Attributes:
        pairs: in the order of the run.
        run_only: positions in the run without annotation.
        annotated_only: positions in the annotation without prediction.
        ambiguous: of those, how many annotated images fit several of the run, or share one with others.
    """

    pairs: list[tuple[int, int]]
    run_only: list[int]
    annotated_only: list[int]
    ambiguous: int


def pair_images(run: Sequence[str], annotated: Sequence[str]) -> Pairing:
    """Pair image names.

    Args:
        run: the run's image ids, paths with forward slashes.
        annotated: the annotation's file names.

    Raises:
        DataError: if no image is shared, or one side names an image twice.

    >>> pair_images(["a/1.jpg", "b/1.jpg", "b/2.jpg"], ["x/b/1.jpg", "2.png"]).pairs
    [(1, 0), (2, 1)]
    """
    for names, side in ((run, "run"), (annotated, "annotation")):
        _check_unique(names, side)
    position = {name: r for r, name in enumerate(run)}
    partner = {a: position[name] for a, name in enumerate(annotated) if name in position}
    for parts_of in (_parts, _stem_parts):
        _pair_by_suffix([parts_of(name) for name in run], [parts_of(name) for name in annotated], partner)
    if not partner:
        raise DataError(_nothing_shared(run, annotated))
    taken = set(partner.values())
    annotated_only = [a for a in range(len(annotated)) if a not in partner]
    return Pairing(
        pairs=sorted((r, a) for a, r in partner.items()),
        run_only=[r for r in range(len(run)) if r not in taken],
        annotated_only=annotated_only,
        ambiguous=sum(_fits_any(annotated[a], run) for a in annotated_only) if annotated_only else 0,
    )


def pair_groups(groups: Mapping[str, Sequence[str]], annotated: Sequence[str]) -> dict[str, Pairing]:
    """Pair the images of several runs with one annotated set, looking at all runs at once.

    What is unique in one run need not be so among all: `dog/1.jpg` is not the annotated `cat/1.jpg`. In each pairing
    `annotated_only` and `ambiguous` count what no run at all has.

    Args:
        groups: the image ids of each run; no image is in two.
        annotated: the annotation's file names.

    Raises:
        DataError: if no image is shared, or an image is named twice.

    >>> found = pair_groups({"cat": ["cat/1.jpg"], "dog": ["dog/1.jpg", "dog/2.jpg"]}, ["cat/1.jpg", "2.jpg"])
    >>> {name: pairing.pairs for name, pairing in found.items()}
    {'cat': [(0, 0)], 'dog': [(1, 1)]}
    """
    whole = pair_images([image for ids in groups.values() for image in ids], annotated)
    found, start = {}, 0
    for name, ids in groups.items():
        own = range(start, start + len(ids))
        found[name] = replace(
            whole,
            pairs=[(r - start, a) for r, a in whole.pairs if r in own],
            run_only=[r - start for r in whole.run_only if r in own],
        )
        start += len(ids)
    return found


def _check_unique(names: Sequence[str], side: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"Expected every image once, but the {side} names {twice!r} twice.")


def _parts(name: str) -> Path:
    return PurePosixPath(name.replace("\\", "/")).parts


def _stem_parts(name: str) -> Path:
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").parts


def _pair_by_suffix(run: Sequence[Path], annotated: Sequence[Path], partner: dict[int, int]) -> None:
    """Fill `partner` (annotation -> run), longest suffixes first.

    Uniqueness is asked among all images, those already paired too: a bare name that several folders hold must not
    fall to whichever is left over.
    """
    taken = set(partner.values())
    for length in range(min(max(map(len, paths), default=0) for paths in (run, annotated)), 0, -1):
        by_run, by_annotated = _by_suffix(run, length), _by_suffix(annotated, length)
        for suffix, found in by_annotated.items():
            others = by_run.get(suffix, [])
            if len(found) == len(others) == 1 and found[0] not in partner and others[0] not in taken:
                partner[found[0]] = others[0]
                taken.add(others[0])


def _by_suffix(paths: Sequence[Path], length: int) -> dict[Path, list[int]]:
    found: dict[Path, list[int]] = {}
    for index, path in enumerate(paths):
        if len(path) >= length:
            found.setdefault(path[-length:], []).append(index)
    return found


def _fits_any(name: str, others: Sequence[str]) -> bool:
    stem = _stem_parts(name)[-1:]
    return any(_stem_parts(other)[-1:] == stem for other in others)


def _nothing_shared(run: Sequence[str], annotated: Sequence[str]) -> str:
    if not run or not annotated:
        side = "run" if not run else "annotation"
        return f"Expected images on both sides, but the {side} has none."
    return (
        f"The run and the annotation share no image: the run has {len(run)}, e.g. {run[0]!r}, the annotation "
        f"{len(annotated)}, e.g. {annotated[0]!r}. Give the annotation that belongs to these images, or its split."
    )
