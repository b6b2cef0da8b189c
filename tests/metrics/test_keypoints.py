from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from partdisc.errors import DataError
from partdisc.metrics.centroids import label_centroids, labels_at, map_centroids
from partdisc.metrics.keypoints import (
    CUB,
    SCOPS_CELEBA,
    UNSUP_PARTS,
    KeypointData,
    leave_one_out,
    regress_keypoints,
)
from partdisc.parts import PartMaps


def draw_data(rng, count=40, parts=4, landmarks=5, noise=3.0):
    """Landmarks that are noisy linear functions of the centroids, some parts absent, some landmarks hidden."""
    centroids = rng.uniform(20, 180, (count, parts, 2))
    mixing = np.random.default_rng(9).normal(size=(landmarks, parts)) / parts
    points = np.einsum("lk,nkc->nlc", mixing, centroids) + 90 + rng.normal(0, noise, (count, landmarks, 2))
    visible = rng.random((count, landmarks)) < 0.8
    points[~visible] = np.nan
    boxes = np.column_stack([rng.uniform(0, 20, (count, 2)), rng.uniform(150, 200, (count, 2))])
    return KeypointData(centroids, rng.random((count, parts)) < 0.9, points, visible, boxes)


def test_cub_rule_equals_scikit_learn_written_out(rng):
    train, test = draw_data(rng, 60), draw_data(rng, 30)
    total, weight = 0.0, 0
    for landmark in range(5):
        rows = []
        for data in (train, test):
            x, y = [], []
            for n in range(len(data)):
                if data.visible[n, landmark]:
                    bx, by, bw, bh = data.boxes[n]
                    x.append([v for cx, cy in data.centroids[n] for v in ((cx - bx) / bw, (cy - by) / bh)])
                    lx, ly = data.landmarks[n, landmark]
                    y.append([(lx - bx) / bw, (ly - by) / bh])
            there = data.present[data.visible[:, landmark]]
            rows.append((np.array(x), np.array(y), np.repeat(there, 2, axis=1)))
        (x, y, there), (new_x, new_y, new_there) = rows
        of_x, of_y = StandardScaler().fit(x), StandardScaler().fit(y)
        x, new_x = of_x.transform(x), of_x.transform(new_x)
        x[~there], new_x[~new_there] = 0, 0
        model = LinearRegression(fit_intercept=False).fit(x, of_y.transform(y))
        distance = np.sqrt(((of_y.inverse_transform(model.predict(new_x)) - new_y) ** 2).sum(1))
        total, weight = total + distance.sum(), weight + len(distance)
    assert regress_keypoints(train, test, CUB).error == pytest.approx(total / weight, abs=1e-12)


def test_celeba_rule_equals_scikit_learn_written_out(rng):
    train, test = draw_data(rng, 60), draw_data(rng, 30)
    whole = [data.visible.all(1) for data in (train, test)]
    x, new_x = (d.centroids[w].reshape(-1, 8) for d, w in zip((train, test), whole, strict=True))
    y, new_y = (d.landmarks[w].reshape(-1, 10) for d, w in zip((train, test), whole, strict=True))
    there, new_there = (np.repeat(d.present[w], 2, 1) for d, w in zip((train, test), whole, strict=True))
    of_x, of_y = StandardScaler().fit(x), StandardScaler().fit(y)
    model = LinearRegression(fit_intercept=False).fit(of_x.transform(x) * there, of_y.transform(y))
    predicted = of_y.inverse_transform(model.predict(of_x.transform(new_x) * new_there)).reshape(-1, 5, 2)
    new_y = new_y.reshape(-1, 5, 2)
    eyes = np.linalg.norm(new_y[:, 0] - new_y[:, 1], axis=1)
    expected = (np.linalg.norm(predicted - new_y, axis=2).mean(1) / eyes).mean()
    assert regress_keypoints(train, test, SCOPS_CELEBA).error == pytest.approx(expected, abs=1e-12)


def test_landmarks_that_follow_from_the_parts_are_found_exactly(rng):
    data = draw_data(rng, 80, noise=0)
    data = KeypointData(
        data.centroids, np.ones((80, 4)), data.landmarks, data.visible, np.tile([0, 0, 100, 100], (80, 1))
    )
    train, test = data[np.arange(60)], data[np.arange(60, 80)]
    for rule in (CUB, UNSUP_PARTS):
        score = regress_keypoints(train, test, rule)
        assert score.error < 1e-9
        assert score.mean_position_error > 0.05


def test_the_origin_of_the_coordinates_does_not_matter_without_absent_parts(rng):
    data = draw_data(rng)
    data = KeypointData(
        data.centroids, np.ones((40, 4)), data.landmarks, data.visible, np.tile([0, 0, 100, 90], (40, 1))
    )
    train, test = data[np.arange(30)], data[np.arange(30, 40)]
    zero_based, one_based = (regress_keypoints(train, test, rule).error for rule in (CUB, UNSUP_PARTS))
    assert zero_based == pytest.approx(one_based, abs=1e-12)


def test_centroids_of_absent_parts_change_no_prediction(rng):
    train, test = draw_data(rng), draw_data(rng, 10)
    garbled = test.centroids.copy()
    garbled[~test.present] = 1e6
    changed = KeypointData(garbled, test.present, test.landmarks, test.visible, test.boxes)
    assert regress_keypoints(train, changed).error == regress_keypoints(train, test).error


def test_leaving_one_unit_out_equals_separate_regressions(rng):
    data = draw_data(rng, 40)
    units = [f"sequence {n % 4}" for n in range(40)]
    folds = [regress_keypoints(data[np.arange(40) % 4 != u], data[np.arange(40) % 4 == u]) for u in range(4)]
    weights = [fold.num_tested for fold in folds]
    expected = np.average([fold.error for fold in folds], weights=weights)
    assert leave_one_out(data, units).error == pytest.approx(expected)


def test_landmark_never_seen_in_train_is_left_out_and_counted(rng):
    train, test = draw_data(rng), draw_data(rng)
    hidden = train.visible.copy()
    hidden[:, 2] = False
    train = KeypointData(train.centroids, train.present, train.landmarks, hidden, train.boxes)
    score = regress_keypoints(train, test)
    assert np.isnan(score.per_landmark[2])
    assert score.num_left_out == test.visible[:, 2].sum()


def test_unusable_data_is_refused(rng):
    data = draw_data(rng)
    with pytest.raises(DataError, match="none"):
        regress_keypoints(
            data, KeypointData(data.centroids, data.present, data.landmarks, data.visible & False, data.boxes)
        )
    with pytest.raises(DataError, match="at least two units to leave one out, but got 1"):
        leave_one_out(data, ["a"] * 40)
    with pytest.raises(DataError, match="one is NaN"):
        KeypointData(data.centroids, data.present, data.landmarks, data.visible | True, data.boxes)
    with pytest.raises(DataError, match="one is empty"):
        KeypointData(data.centroids, data.present, data.landmarks, data.visible, data.boxes * 0)
    with pytest.raises(DataError, match=r"present \(N, K\)"):
        KeypointData(data.centroids[:, :2], data.present, data.landmarks, data.visible, data.boxes)
    with pytest.raises(DataError, match="equal numbers of parts and landmarks"):
        regress_keypoints(data, draw_data(rng, parts=3))


def test_label_centroids_equal_scipy(rng):
    labels = rng.integers(0, 4, (13, 17)).astype(np.uint8)
    labels[labels == 2] = 255
    centroids, present = label_centroids(labels, 3)
    assert present.tolist() == [True, False, True]
    for part in (1, 3):
        y, x = ndimage.center_of_mass(labels == part)
        np.testing.assert_allclose(centroids[part - 1], [x, y])


@pytest.mark.parametrize("size", [(40, 60), (30, 30)])
def test_map_centroids_lie_where_the_resized_map_has_its_mass(size):
    maps = np.zeros((3, 10, 12))
    maps[0] = 1
    maps[:, 4:6, 5:8] = np.array([0, 1, 0])[:, None, None]
    centroids, present = map_centroids(PartMaps(maps, size))
    resized = PartMaps(maps, size).resized()[1]
    y, x = ndimage.center_of_mass(resized)
    np.testing.assert_allclose(centroids[0], [x, y], atol=0.05)
    assert present.tolist() == [True, False]


def test_map_cells_beyond_the_image_do_not_pull_the_centroid():
    maps = np.zeros((2, 4, 4))
    maps[1, 1, 1] = maps[1, 3, 3] = 1
    centroids, _ = map_centroids(PartMaps(maps, (20, 20), content=(2, 2)))
    np.testing.assert_allclose(centroids[0], [14.5, 14.5])


def test_maps_that_are_no_probabilities_are_normalised():
    maps = np.full((3, 2, 2), 0.1)
    maps[1] = 0.3
    _, present = map_centroids(PartMaps(maps, (2, 2)))
    assert present.tolist() == [True, False]
    assert map_centroids(PartMaps(maps, (2, 2)), threshold=None)[1].tolist() == [True, True]


def test_labels_are_read_at_the_nearest_pixel():
    labels = np.arange(12).reshape(3, 4)
    points = np.array([[0.4, 0.2], [2.6, 1.4], [-3, 9], [3.2, 0]])
    assert labels_at(labels, points).tolist() == [0, 7, 8, 3]
    with pytest.raises(DataError, match="finite"):
        labels_at(labels, np.array([[np.nan, 0]]))


@pytest.mark.parametrize("name", ["centroids", "present", "landmarks", "visible", "boxes"])
@pytest.mark.parametrize("value", [None, "abc", [[1, 2], [3]], np.ones(3)])
def test_what_is_no_array_of_its_axes_is_refused_by_name(rng, name, value):
    data = draw_data(rng, 5)
    arrays = {**vars(data), name: value}
    with pytest.raises(DataError, match=rf"Expected {name} as numbers of shape \(N, .*but got"):
        KeypointData(**arrays)
