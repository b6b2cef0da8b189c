"""Lloyd's algorithm over row blocks: one read of X for each iteration.

A block's distances ‖x − c‖² = ‖x‖² − 2⟨x, c⟩ + ‖c‖² come from one matrix product; ‖x‖² is found once. Of the nearest
centre only the label is kept, and the sums of each cluster are added up while the block is in the cache; those of
the blocks are added up in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from partdisc.factorization.blocks import BlockReader
from partdisc.factorization.checks import check_finite
from partdisc.factorization.sampling import pick_rows
from partdisc.threads import spread


@dataclass(frozen=True)
class Clustering:
    """Centres and what one pass over X says of them.

    Attributes:
        centers: (K, C).
        labels: (M,) int64, the nearest centre of each row, ties to the lower one.
        inertia: sum of squared distances to the nearest centre.
        inertia_history: the inertia before each iteration and at the end; never rises.
        n_iter: iterations done.
    """

    centers: torch.Tensor
    labels: torch.Tensor
    inertia: float
    inertia_history: list[float]
    n_iter: int


@dataclass(frozen=True)
class Assignment:
    """The nearest centres of all rows, and sums over clusters."""

    labels: torch.Tensor
    distances: torch.Tensor  # (M,) squared, to the nearest centre
    sums: torch.Tensor  # (K, C) float64
    counts: torch.Tensor  # (K,) float64
    inertia: float


@dataclass(frozen=True)
class RowNorms:
    """What a pass over X tells before any clustering.

    Attributes:
        squares: (M,) ‖x‖² of each row of this process.
        mean_variance: of the columns of X.
    """

    squares: torch.Tensor
    mean_variance: float


def row_norms(reader: BlockReader) -> RowNorms:
    """Read X once for its rows' norms and its columns' variance.

    Raises:
        DataError: if X holds NaN or infinity.
    """
    squares = reader.columns(1)[0]
    total = torch.zeros(reader.shape[1], dtype=torch.float64, device=reader.device)

    square = torch.zeros((), dtype=torch.float64, device=reader.device)

    def visit(item: tuple[slice, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        rows, block = item
        norms = torch.linalg.vector_norm(block, dim=1)
        squares[rows] = norms.square()
        return block.sum(dim=0), norms.double().square().sum()

    for of_total, of_square in spread(visit, reader, reader.device):
        total += of_total
        square += of_square
    reader.processes.add_up(total, square)
    check_finite(square.item())
    M = reader.place()[1]
    return RowNorms(squares, max(0.0, (square / M - (total / M).square().sum()).item() / len(total)))


def lloyd(
    reader: BlockReader, norms: RowNorms, centers: torch.Tensor, max_iter: int, tol: float
) -> Clustering:
    """Alternate assignment and means from `centers` (K, C) until nothing moves (Lloyd 1982).

    Args:
        reader: X of shape (M, C).
        norms: of its rows.
        centers: the start; not changed.
        max_iter: iterations at most.
        tol: stop once the squared shift of all centres is at most `tol` times the mean variance of the columns.
    """
    allowed_shift = tol * norms.mean_variance
    processes = reader.processes
    processes.agree(centers)
    found = assign(reader, norms, centers)
    history = [found.inertia]
    shift, settled = math.inf, False
    while len(history) <= max_iter and shift > allowed_shift and not settled:
        moved = _means(reader, found)
        processes.agree(moved)
        shift = (moved - centers).double().square().sum().item()
        centers, labels = moved, found.labels
        found = assign(reader, norms, centers)
        history.append(found.inertia)
        settled = all(processes.gather(torch.equal(labels, found.labels)))
    return Clustering(centers, found.labels, found.inertia, history, len(history) - 1)


def assign(reader: BlockReader, norms: RowNorms, centers: torch.Tensor) -> Assignment:
    """Read X once for the nearest centre of every row, ties to the lower one."""
    K = len(centers)
    labels, distances = reader.columns(1, torch.int64)[0], reader.columns(1)[0]
    sums = torch.zeros(centers.shape, dtype=torch.float64, device=reader.device)

    def visit(item: tuple[slice, torch.Tensor]) -> torch.Tensor:
        rows, block = item
        least, nearest = nearest_center(beyond_own_squares(block, centers))
        distances[rows], labels[rows] = (least + norms.squares[rows]).clamp_(min=0), nearest
        return cluster_sums(block, nearest, K)

    for share in spread(visit, reader, reader.device):
        sums += share
    counts, inertia = torch.bincount(labels, minlength=K).double(), distances.sum(dtype=torch.float64)
    reader.processes.add_up(sums, counts, inertia)
    return Assignment(labels, distances, sums, counts, inertia.item())


def _means(reader: BlockReader, found: Assignment) -> torch.Tensor:
    """The clusters' means; an empty cluster takes the row farthest from its centre, which leaves its cluster."""
    sums, counts = found.sums.clone(), found.counts.clone()
    empty = (counts == 0).nonzero().flatten()
    if len(empty):
        for cluster, (_, label, x) in zip(empty, _farthest(reader, found, len(empty)), strict=True):
            sums[label] -= x
            counts[label] -= 1
            sums[cluster], counts[cluster] = x, 1
    return (sums / counts.clamp(min=1)[:, None]).to(reader.dtype)


def _farthest(reader: BlockReader, found: Assignment, count: int) -> list[tuple[float, int, torch.Tensor]]:
    """Distance, label and row of those that lie farthest from their centres, in all processes."""
    distances, rows = found.distances.topk(min(count, len(found.distances)))
    picked = pick_rows(reader, rows).double().cpu()
    own = list(zip(distances.tolist(), found.labels[rows].tolist(), picked, strict=True))
    everywhere = [item for items in reader.processes.gather(own) for item in items]
    everywhere.sort(key=lambda item: -item[0])
    return [(distance, label, x.to(reader.device)) for distance, label, x in everywhere[:count]]


def cluster_sums(rows: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    """The sums (count, C) of the rows (m, C) of each label."""
    if rows.device.type == "cpu":
        return rows.new_zeros(count, rows.shape[1]).index_add_(0, labels, rows)
    # an accelerator adds rows in any order, a product always in the same
    return torch.nn.functional.one_hot(labels, count).to(rows.dtype).T @ rows


def beyond_own_squares(rows: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Squared distances of rows (m, C) to centres (K, C) less the rows' own ‖x‖², (K, m)."""
    return centers.square().sum(dim=1)[:, None].addmm(centers, rows.T, alpha=-2)


def nearest_center(distances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least of the distances (K, m) of each row, and whose it is, (m,) int64, ties to the lower one.

    >>> nearest_center(torch.tensor([[3.0, 1.0], [2.0, 1.0]]))
    (tensor([2., 1.]), tensor([1, 0]))
    """
    if distances.device.type != "cpu":
        found = distances.min(dim=0)
        return found.values, found.indices
    array = distances.numpy()  # the same in numpy takes a sixth of the time
    least, last = np.minimum.reduce(array), len(array) - 1
    countdown = np.arange(last, -1, -1, dtype=np.min_scalar_type(last))
    labels = last - ((array == least) * countdown[:, None]).max(axis=0).astype(np.int64)
    return torch.from_numpy(least), torch.from_numpy(labels)


def squared_distances(rows: torch.Tensor, centers: torch.Tensor, squares: torch.Tensor) -> torch.Tensor:
    """Squared distances (K, m) of rows (m, C) to centres, never below zero by rounding; `squares` (m,) are ‖x‖²."""
    both = squares + centers.square().sum(dim=1)[:, None]
    return both.addmm_(centers, rows.T, alpha=-2).clamp_(min=0)
