from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch

from partdisc.discovery.drawing import DrawnCells
from partdisc.store.features import FeatureSet

# every row holds its own number, so that rows tell where they come from
NUMBERED = FeatureSet.from_maps(list(torch.arange(40 * 50 * 2.0).view(40, 10, 5, 2)))


def numbers(cells: DrawnCells, max_rows: int) -> torch.Tensor:
    blocks = list(cells.blocks(max_rows))
    assert all(1 <= len(block) <= max_rows for block in blocks)
    return torch.cat(blocks)[:, 0] / 2


@pytest.mark.parametrize("max_rows", [1, 7, 50, 4096])
def test_rows_are_drawn_once_each_in_their_order_however_they_are_read(max_rows):
    cells = DrawnCells(NUMBERED, 300, seed=1)
    found = numbers(cells, max_rows)
    assert cells.shape == (300, 2)
    assert len(found) == 300
    assert (found.diff() > 0).all()
    torch.testing.assert_close(found, numbers(cells, 13), atol=0, rtol=0)


def test_every_image_gives_its_share():
    counts = sum(
        torch.bincount((numbers(DrawnCells(NUMBERED, 400, seed), 64) // 50).long(), minlength=40)
        for seed in range(50)
    )
    assert ((counts - 500).abs() < 100).all()


def test_few_rows_are_all_taken():
    assert torch.equal(numbers(DrawnCells(NUMBERED, 2000), 64), torch.arange(2000.0))
    assert torch.equal(numbers(DrawnCells(NUMBERED, 10**15), 64), torch.arange(2000.0))


def test_seeds_draw_other_rows():
    assert not torch.equal(
        numbers(DrawnCells(NUMBERED, 100, 0), 64), numbers(DrawnCells(NUMBERED, 100, 1), 64)
    )


@dataclass
class Rank:
    """One of several processes, of which only the numbers of rows are known."""

    rank: int
    counts: list[int]

    def gather(self, own: int) -> list[int]:
        assert own == self.counts[self.rank]
        return self.counts


class Share:
    """The rows of some images, as one process has them."""

    def __init__(self, images: range, processes: Rank) -> None:
        self.own, self.processes = NUMBERED.part(images), processes
        self.shape, self.blocks = self.own.shape, self.own.blocks


def test_several_processes_draw_what_one_draws():
    ends = [0, 3, 3, 40]  # the second has no image
    counts = [50 * (stop - start) for start, stop in itertools.pairwise(ends)]
    found = []
    for rank in range(3):
        cells = DrawnCells(Share(range(ends[rank], ends[rank + 1]), Rank(rank, counts)), 300, seed=5)
        found += [block[:, 0] / 2 for block in cells.blocks(64)]
    assert torch.equal(torch.cat(found), numbers(DrawnCells(NUMBERED, 300, seed=5), 64))
