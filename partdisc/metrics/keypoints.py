"""Keypoint regression: how well annotated landmarks follow linearly from the parts' centroids.

For each landmark, or for all together, a linear map without intercept from the standardised centroids to the
standardised landmark is fitted on the train images and measured on the test images. The rules differ between
papers; `CUB`, `UNSUP_PARTS` and `SCOPS_CELEBA` are those that made the published numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from partdisc.checks import check_array
from partdisc.errors import DataError


@dataclass(frozen=True)
class KeypointRule:
    """How landmarks are regressed and errors counted.

    Attributes:
        name: for messages and results.
        threshold: a part is absent where its soft map never exceeds this; None: no part is ever absent.
        joint: one regression for all landmarks (every landmark must be visible) instead of one for each.
        normalise: "box": coordinates relative to the object's box; "eyes": pixels, errors divided by the
            distance between the first two landmarks.
        origin: coordinate of the first pixel's centre, 0 or 1.
    """

    name: str
    threshold: float | None = 0.5
    joint: bool = False
    normalise: str = "box"
    origin: int = 0


CUB = KeypointRule("CUB (PDiscoNet, PDiscoFormer)")
UNSUP_PARTS = KeypointRule("CUB (unsup-parts)", threshold=None, origin=1)
SCOPS_CELEBA = KeypointRule("CelebA (SCOPS)", threshold=None, joint=True, normalise="eyes")


AXES: dict[str, tuple[str, type]] = {
    "centroids": ("(N, K, 2)", float),
    "present": ("(N, K)", bool),
    "landmarks": ("(N, L, 2)", float),
    "visible": ("(N, L)", bool),
    "boxes": ("(N, 4)", float),
}


@dataclass(frozen=True)
class KeypointData:
    """Centroids and landmarks of N images.

    Attributes:
        centroids: (N, K, 2) pixels, x and y.
        present: bool (N, K); the centroid of an absent part means nothing.
        landmarks: (N, L, 2) pixels; where not visible, the numbers mean nothing.
        visible: bool (N, L).
        boxes: (N, 4) x, y, width, height of the object, pixels.

    Raises:
        DataError: if one is no array of numbers, shapes disagree, a box is empty or a visible landmark not finite.
    """

    centroids: np.ndarray
    present: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    boxes: np.ndarray

    def __post_init__(self) -> None:
        for name, (axes, kind) in AXES.items():
            array = check_array(name, getattr(self, name), axes)
            object.__setattr__(self, name, array.astype(kind, copy=False))
        count, parts = self.present.shape
        expected = [(count, parts, 2), (count, parts), (count, self.visible.shape[1], 2), self.visible.shape]
        found = [a.shape for a in (self.centroids, self.present, self.landmarks, self.visible)]
        if found != expected or self.boxes.shape != (count, 4) or self.visible.shape[0] != count:
            raise DataError(
                f"Expected centroids (N, K, 2), present (N, K), landmarks (N, L, 2), visible (N, L), boxes (N, 4), "
                f"but got {', '.join(map(str, found))}, {self.boxes.shape}."
            )
        if not (np.isfinite(self.landmarks).all(-1) | ~self.visible).all():
            raise DataError("Expected finite coordinates for visible landmarks, but one is NaN or infinite.")
        if not (self.boxes[:, 2:] > 0).all():
            raise DataError("Expected boxes with a width and height above 0, but one is empty.")

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, index: np.ndarray) -> KeypointData:
        return KeypointData(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[KeypointData]) -> KeypointData:
        """All images of several, in order."""
        return cls(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(cls)))


@dataclass(frozen=True)
class KeypointScore:
    """Errors of a keypoint regression, as fractions of the box or of the distance between the eyes.

    Attributes:
        error: mean distance over all landmarks visible in the test images; papers print it × 100.
        per_landmark: (L,) mean distance of each landmark, NaN where never tested.
        mean_position_error: the same for predicting each landmark's mean on train: what ignoring the parts gives.
        num_tested: how many visible landmarks were tested.
        num_left_out: visible test landmarks that could not be tested: train never shows them, or the rule is joint
            and the image does not show all.
    """

    error: float
    per_landmark: np.ndarray
    mean_position_error: float
    num_tested: int
    num_left_out: int


def regress_keypoints(train: KeypointData, test: KeypointData, rule: KeypointRule = CUB) -> KeypointScore:
    """Fit on `train`, measure on `test`.

    Raises:
        DataError: if the two differ in parts or landmarks, or no landmark can be tested.
    """
    errors, baseline = landmark_errors(train, test, rule)
    return summarise([(errors, baseline, test.visible)])


def leave_one_out(data: KeypointData, units: Sequence[str], rule: KeypointRule = CUB) -> KeypointScore:
    """Test every unit (a video sequence, an animal) by a regression fitted on all others.

    Args:
        data: N images.
        units: the unit of each image.
        rule: how landmarks are regressed.

    Raises:
        DataError: if there are fewer than two units.
    """
    names = sorted(set(units))
    if len(names) < 2:
        raise DataError(f"Expected at least two units to leave one out, but got {len(names)}.")
    folds = []
    for name in names:
        tested = np.array([unit == name for unit in units])
        errors, baseline = landmark_errors(data[~tested], data[tested], rule)
        folds.append((errors, baseline, data.visible[tested]))
    return summarise(folds)


def landmark_errors(
    train: KeypointData, test: KeypointData, rule: KeypointRule
) -> tuple[np.ndarray, np.ndarray]:
    """Distances between predicted and annotated landmarks of the test images, float64 (N, L).

    Returns:
        those of the regression, and those of the mean position on train; NaN where not visible or not trained.
    """
    if train.present.shape[1] != test.present.shape[1] or train.visible.shape[1] != test.visible.shape[1]:
        raise DataError(
            f"Expected train and test with equal numbers of parts and landmarks, but got "
            f"{train.present.shape[1]}, {train.visible.shape[1]} and {test.present.shape[1]}, "
            f"{test.visible.shape[1]}."
        )
    train, test = (_keep_complete(data) if rule.joint else data for data in (train, test))
    inputs, goals = zip(*(_coordinates(data, rule) for data in (train, test)), strict=True)
    distance = _unit_lengths(test, rule)
    errors = np.full(test.visible.shape, np.nan)
    baseline = errors.copy()
    together = [np.arange(test.visible.shape[1])] if rule.joint else np.arange(test.visible.shape[1])[:, None]
    for landmarks in together:
        seen_train, seen_test = (data.visible[:, landmarks].all(1) for data in (train, test))
        if not seen_train.any() or not seen_test.any():
            continue
        goal, wanted = goals[0][seen_train][:, landmarks], goals[1][seen_test][:, landmarks]
        predicted = _regress(
            inputs[0][seen_train],
            train.present[seen_train],
            goal,
            inputs[1][seen_test],
            test.present[seen_test],
        )
        cells, scale = np.ix_(seen_test, landmarks), distance[seen_test, None]
        errors[cells] = np.linalg.norm(predicted - wanted, axis=-1) / scale
        baseline[cells] = np.linalg.norm(goal.mean(0) - wanted, axis=-1) / scale
    return errors, baseline


def _keep_complete(data: KeypointData) -> KeypointData:
    """A joint regression needs every landmark; other images are treated as showing none."""
    complete = data.visible.all(1, keepdims=True)
    return replace(data, visible=data.visible & complete)


def _coordinates(data: KeypointData, rule: KeypointRule) -> tuple[np.ndarray, np.ndarray]:
    """Centroids (N, 2K) and landmarks (N, L, 2) in the rule's frame."""
    centroids, landmarks = data.centroids + rule.origin, np.nan_to_num(data.landmarks) + rule.origin
    if rule.normalise == "box":
        corner, size = data.boxes[:, None, :2], data.boxes[:, None, 2:]
        centroids, landmarks = (centroids - corner) / size, (landmarks - corner) / size
    return centroids.reshape(len(data), -1), landmarks


def _unit_lengths(data: KeypointData, rule: KeypointRule) -> np.ndarray:
    """What errors are divided by, (N,)."""
    if rule.normalise == "box":
        return np.ones(len(data))
    if data.landmarks.shape[1] < 2:
        raise DataError("Expected two eyes as the first two landmarks, but there is only one landmark.")
    eyes = np.linalg.norm(data.landmarks[:, 0] - data.landmarks[:, 1], axis=-1)
    return np.where(eyes > 0, eyes, np.nan)


def _regress(
    inputs: np.ndarray, present: np.ndarray, goals: np.ndarray, new: np.ndarray, new_present: np.ndarray
) -> np.ndarray:
    """Standardise both sides on train, zero absent parts, fit without intercept; predictions (n, L', 2)."""
    scaler, goal_scaler = StandardScaler().fit(inputs), StandardScaler().fit(goals.reshape(len(goals), -1))
    model = LinearRegression(fit_intercept=False)
    model.fit(
        scaler.transform(inputs) * present.repeat(2, 1), goal_scaler.transform(goals.reshape(len(goals), -1))
    )
    predicted = model.predict(scaler.transform(new) * new_present.repeat(2, 1))
    return goal_scaler.inverse_transform(predicted).reshape(len(new), -1, 2)


def summarise(folds: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> KeypointScore:
    """Mean errors over folds of (errors, baseline, visible), each (N, L).

    Raises:
        DataError: if no landmark was tested.
    """
    errors, baseline, visible = (np.concatenate(column) for column in zip(*folds, strict=True))
    tested = ~np.isnan(errors)
    if not tested.any():
        raise DataError("Expected landmarks visible in both train and test images, but there are none.")
    count = tested.sum(0)
    sums = np.where(tested, errors, 0).sum(0)
    return KeypointScore(
        error=float(errors[tested].mean()),
        per_landmark=np.divide(sums, count, out=np.full(len(count), np.nan), where=count > 0),
        mean_position_error=float(baseline[tested].mean()),
        num_tested=int(tested.sum()),
        num_left_out=int((visible & ~tested).sum()),
    )
