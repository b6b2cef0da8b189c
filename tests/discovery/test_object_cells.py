from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from partdisc.discovery.inside import RowsInside
from partdisc.discovery.object_cells import (
    COLOUR_SHARES,
    collect_cells,
    find_fine_clusters,
    leading_coordinates,
)
from partdisc.errors import DataError
from partdisc.store.features import FeatureSet


def scenes_of_two_parts(count=8):
    """Features (10, 12, 16) of two parts on a background, their label map, an image of a pixel a cell."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(3, 16, generator=generator)
    label = torch.zeros(10, 12, dtype=torch.long)
    label[2:8, 2:5], label[2:8, 5:10] = 1, 2
    maps = [codes[label] + 0.5 * torch.randn(10, 12, 16, generator=generator) for _ in range(count)]
    image = np.array([[0, 0, 0], [200, 30, 30], [30, 30, 200]], np.uint8)[label.numpy()]
    return maps, label, image


def inside_of(maps, image=None, share=1.0):
    """Rows where the true label is a part: the classifier knows the codes by their first scene."""
    label = scenes_of_two_parts(1)[1]
    codes = torch.stack([maps[0][label == k].mean(0) for k in range(3)])

    def foreground(rows):
        return share * (torch.cdist(rows.float(), codes).argmin(-1) > 0).float()

    return RowsInside(
        FeatureSet.from_maps(maps), foreground, pictures=image if image is None else lambda i: image
    )


def test_cells_are_those_inside_with_their_colours():
    maps, label, image = scenes_of_two_parts()
    cells = collect_cells(inside_of(maps, image))
    assert len(cells.rows) == sum(cells.counts) == len(cells.weights) == len(cells.colours)
    assert abs(len(cells.rows) / len(maps) / int((label > 0).sum()) - 1) < 0.05
    torch.testing.assert_close(cells.rows.norm(dim=1), torch.full((len(cells.rows),), 4.0))
    assert collect_cells(inside_of(maps)).colours is None


def test_layers_weigh_alike_whatever_their_channels():
    maps, _, _ = scenes_of_two_parts()
    features = FeatureSet.from_maps(maps)
    features.key["backbone"] = {"channels": [4, 12]}
    cells = collect_cells(RowsInside(features, None))
    shares = cells.rows.square().mean(0)
    assert abs(float(shares[:4].sum() / shares[4:].sum()) - 1) < 0.2


def test_fine_clusters_merge_to_the_parts():
    maps, _, image = scenes_of_two_parts()
    cells = collect_cells(inside_of(maps, image))
    everyone = torch.arange(len(cells.rows))
    votes = find_fine_clusters(cells, leading_coordinates(cells), everyone, 12, seed=0).merged(2)
    assert len(votes) == len(COLOUR_SHARES)
    red = torch.from_numpy(cells.colours[:, 1] > cells.colours[:, 1].mean())
    for parts in votes:
        torch.testing.assert_close(parts.sum(1), torch.ones(len(parts)))
        hard = parts.argmax(1)
        assert float((hard == hard[red].mode().values)[red].float().mean()) > 0.95
        assert hard[red].mode().values != hard[~red].mode().values


def test_without_colours_fine_clusters_vote_once():
    maps, _, _ = scenes_of_two_parts()
    cells = collect_cells(inside_of(maps))
    fine = find_fine_clusters(cells, leading_coordinates(cells), torch.arange(9), 12, seed=0)
    assert [vote.shape for vote in fine.merged(2)] == [(9, 2)]


def test_leading_coordinates_keep_distances_where_few_directions_matter():
    maps, _, _ = scenes_of_two_parts()
    cells = collect_cells(inside_of(maps))
    narrow = leading_coordinates(
        replace(cells, rows=torch.cat([cells.rows, torch.zeros(len(cells.rows), 90)], 1))
    )
    assert narrow.shape == (len(cells.rows), 48)
    torch.testing.assert_close(
        torch.cdist(narrow, narrow), torch.cdist(cells.rows, cells.rows), atol=1e-2, rtol=0
    )


def test_no_more_clusters_than_cells():
    maps, _, _ = scenes_of_two_parts(1)
    cells = collect_cells(inside_of(maps))
    voters = torch.tensor([3, 1])
    found = find_fine_clusters(cells, leading_coordinates(cells), voters, 1000, seed=0)
    assert len(found.centers) == found.masses.sum() == len(cells.rows)
    assert found.soft.shape == (2, len(cells.rows))


def test_no_cell_inside():
    maps, _, _ = scenes_of_two_parts(2)
    with pytest.raises(DataError, match="foreground holds none"):
        collect_cells(inside_of(maps, share=0.3))
