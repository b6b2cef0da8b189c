"""Labellings that know nothing of parts, the best a grid allows, and supervision on the same features."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.quality.features import DEFAULT, group_features, in_order, row_ranges
from benchmarks.quality.sets import TRAIN_IMAGES, Group
from benchmarks.quality.tasks import Labelled, Task, label_rows
from partdisc.data import decode_image
from partdisc.metrics.controls import ceiling_labels, color_labels, grid_labels, image_seed, patch_labels
from partdisc.parts import IGNORE
from partdisc.spacing import evenly
from partdisc.store.features import FeatureEntry

PROBE_ROWS = 30_000


def grid(task: Task) -> Labelled:
    """K + 1 cells, the same in every image."""
    count = task.group.num_parts + 1
    with task.clock:
        return Labelled(count, [grid_labels(image.size, count) for image in task.group.images])


def random_patches(task: Task) -> Labelled:
    """The pixels nearest to each of K + 1 random points, drawn anew for each image."""
    count = task.group.num_parts + 1
    with task.clock:
        found = [patch_labels(i.size, count, image_seed(task.seed, i.id)) for i in task.group.images]
    return Labelled(count, found)


def color_kmeans(task: Task) -> Labelled:
    """K + 1 clusters of the colours of each image, from dark to bright."""
    count, group = task.group.num_parts + 1, task.group
    with task.clock:
        found = [
            color_labels(decode_image(path), count, image_seed(task.seed, image.id))
            for path, image in zip(group.paths, group.images, strict=True)
        ]
    return Labelled(count, found)


def resolution_ceiling(task: Task) -> Labelled:
    """The annotation itself, averaged down to the grid of the default features and back up."""
    features, found = task.features(DEFAULT), []
    for position, image in zip(in_order(DEFAULT, features, task.group), task.group.images, strict=True):
        entry = features.entries[position]
        found.append(ceiling_labels(task.bench.target(image), entry.grid, entry.content))
    return Labelled(len(task.bench.part_names), found)


def linear_probe(task: Task) -> Labelled:
    """Supervised: logistic regression of each cell's label on the default features of annotated train images."""
    from sklearn.linear_model import LogisticRegression

    X, y = _train_rows(task)
    mean, scale = X.mean(0), X.std(0) + 1e-6
    with task.clock:
        model = LogisticRegression(C=0.01, max_iter=300).fit((X - mean) / scale, y)
        rows = task.features(DEFAULT).matrix().numpy()
        classes = np.zeros((len(rows), len(task.bench.part_names) + 1), np.float32)
        classes[:, model.classes_] = model.predict_proba((rows - mean) / scale)
        inside = np.maximum(1 - classes[:, :1], 1e-6)
        return label_rows(task, DEFAULT, classes[:, 1:] / inside, background=classes[:, 0])


def _train_rows(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Features (M, C) and labels (M,) of cells of train images, M at most `PROBE_ROWS`."""
    assert task.bench.train is not None
    annotations = task.bench.train()
    images = [i for i in evenly(annotations.images, TRAIN_IMAGES) if annotations.labels(i).any()]
    paths = tuple(path for path in map(annotations.image_path, images) if path is not None)
    group = Group(f"{task.group.name}-train", task.group.num_parts, tuple(images), paths)
    features = group_features(DEFAULT, group, task.work)
    ranges, labels = row_ranges(features.entries), np.full(features.shape[0], IGNORE, np.uint8)
    for position, image in zip(in_order(DEFAULT, features, group), images, strict=True):
        labels[ranges[position]] = cell_labels(annotations.labels(image), features.entries[position]).ravel()
    usable = np.flatnonzero(labels != IGNORE)
    chosen = np.sort(np.random.default_rng(task.seed).permutation(usable)[:PROBE_ROWS])
    return features.matrix()[torch.from_numpy(chosen)].numpy(), labels[chosen]


def cell_labels(target: np.ndarray, entry: FeatureEntry) -> np.ndarray:
    """The annotated label at the centre of each cell, (h, w); ignored where the centre lies beyond the image."""
    (h, w), (rows, columns) = entry.grid, entry.content
    y = (np.arange(h) + 0.5) / rows * target.shape[0]
    x = (np.arange(w) + 0.5) / columns * target.shape[1]
    labels = np.full(entry.grid, IGNORE, np.uint8)
    inside = np.ix_(y < target.shape[0], x < target.shape[1])
    labels[inside] = target[np.ix_(y[y < target.shape[0]].astype(int), x[x < target.shape[1]].astype(int))]
    return labels
