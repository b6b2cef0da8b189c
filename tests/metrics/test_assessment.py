from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from partdisc.errors import DataError
from partdisc.metrics import PartEvaluator
from partdisc.metrics.assessment import Assessment, Sample
from partdisc.metrics.controls import grid_labels
from partdisc.metrics.landmarks import LandmarkAssessment, LandmarkSample
from partdisc.metrics.protocols import get_protocol
from partdisc.parts import PartMaps

from .conftest import draw_labels

NAMES = ("a", "b", "c")


def samples(rng, count=6, num_parts=4, background=True, image=True, maps=True):
    made = []
    for n in range(count):
        target = draw_labels(rng, (20, 24), 3, block=5)
        predicted = np.where(rng.random(target.shape) < 0.8, target, draw_labels(rng, (20, 24), num_parts))
        predicted = predicted if background else np.maximum(predicted, 1)
        picture = rng.integers(0, 255, (20, 24, 3)).astype(np.uint8)
        soft = PartMaps(rng.random((num_parts + 1, 5, 6)), (20, 24))
        made.append(
            Sample(
                f"{n}.jpg",
                predicted.astype(np.uint8),
                target,
                soft if maps else None,
                "xy"[n % 2],
                str(n // 2),
                (lambda picture=picture: picture) if image else None,
            )
        )
    return made


def assess(items, num_parts=4, protocol="partdisc", **options):
    evaluator = PartEvaluator(num_parts, NAMES, **options)
    assessment = Assessment(evaluator, get_protocol(protocol))
    for item in items:
        assessment.add(item)
    return assessment


def test_run_is_scored_as_by_the_evaluator_alone(rng):
    items = samples(rng)
    alone = PartEvaluator(4, NAMES)
    for item in items:
        alone.update(item.labels, item.target, image_id=item.image_id)
    assert assess(items).result().scores == alone.compute().scores


def test_controls_are_scored_the_same_way(rng):
    items = samples(rng)
    result = assess(items).result()
    grid = PartEvaluator(4, NAMES, background="none")
    for item in items:
        grid.update(grid_labels(item.target.shape, 4), item.target)
    assert result.controls["grid"] == grid.compute().scores
    assert list(result.controls) == [
        "grid",
        "random_patches",
        "color_kmeans",
        "grid_in_foreground",
        "resolution_ceiling",
    ]
    assert all(isinstance(scores, dict) for scores in result.controls.values())
    assert result.controls["resolution_ceiling"]["part_miou"] > result.controls["grid"]["part_miou"]
    assert result.controls["grid"]["background_iou"] == 0


def test_controls_declare_a_background_where_the_run_does(rng):
    items = samples(rng, background=False)
    result = assess(items).result()
    assert result.to_dict()["background_declared"]
    grid = PartEvaluator(4, NAMES, background="largest")
    for item in items:
        grid.update(grid_labels(item.target.shape, 4), item.target)
    assert result.controls["grid"] == grid.compute().scores
    assert result.controls["grid_in_foreground"] == "the run has no background of its own"


def test_controls_that_cannot_be_made_say_why(rng):
    result = assess(samples(rng, image=False, maps=False)).result()
    assert "is not there; say where with --images" in result.controls["color_kmeans"]
    assert "keeps no soft maps" in result.controls["resolution_ceiling"]
    wrong = samples(rng, 1)[0]
    wrong = Sample(**{**vars(wrong), "image": lambda: np.zeros((3, 3, 3), np.uint8)})
    assert "not of its annotation's size" in assess([wrong]).result().controls["color_kmeans"]


def test_controls_do_not_depend_on_the_order_of_images(rng):
    items = samples(rng)
    forward, backward = assess(items).result(), assess(items[::-1]).result()
    assert forward.controls == backward.controls
    assert forward.scores == backward.scores


def test_intervals_draw_declared_units(rng):
    result = assess(samples(rng)).result(draws=50)
    assert result.resampling == {"draws": 50, "seed": 0, "by": "unit", "num_units": 3, "level": 0.95}
    assert set(result.intervals) == set(result.scores)
    assert assess(samples(rng)).result(draws=50, by_unit=False).resampling["num_units"] == 6


def test_one_image_has_no_interval_and_says_so(rng):
    result = assess(samples(rng, 1)).result(draws=10)
    assert result.intervals == {}
    assert any("at least two units" in note for note in result.notes)


@pytest.mark.parametrize("name", ["pdiscoformer", "pdisconet", "mpae", "unsup-parts", "scops-celeba"])
def test_published_protocols_resample_maps_and_say_what_is_unknown(rng, name):
    result = assess(samples(rng), protocol=name).result()
    assert result.protocol == name
    assert any(note.startswith(f"Protocol {name}: ") for note in result.notes)
    hard = assess(samples(rng, maps=False), protocol=name).result()
    assert any("6 images have no soft maps; their hard masks were resampled" in note for note in hard.notes)


def test_foreground_alone_is_scored_without_parts(rng):
    evaluator = PartEvaluator(4, ["object"], foreground_only=True)
    assessment = Assessment(evaluator)
    items = samples(rng)
    for item in items:
        assessment.add(Sample(**{**vars(item), "target": (item.target > 0).astype(np.uint8)}))
    result = assessment.result(draws=10)
    predicted = np.concatenate([item.labels.ravel() > 0 for item in items])
    target = np.concatenate([item.target.ravel() > 0 for item in items])
    assert result.scores.keys() == {"foreground_iou", "background_iou"}
    assert result.foreground_iou == pytest.approx(sk.jaccard_score(target, predicted))
    assert result.background_iou == pytest.approx(sk.jaccard_score(~target, ~predicted))


def test_sizes_that_differ_name_the_image(rng):
    item = samples(rng, 1)[0]
    with pytest.raises(DataError, match=r"Image '0.jpg': .* one size, but got 24 x 20 and 24 x 19 pixels\.$"):
        assess([Sample(**{**vars(item), "target": item.target[:19]})])
    with pytest.raises(DataError, match="EXIF orientation"):
        assess([Sample(**{**vars(item), "target": item.target.T})])
    with pytest.raises(DataError, match="soft maps are of an image of 9 x 9"):
        assess([Sample(**{**vars(item), "maps": PartMaps(np.ones((5, 2, 2)), (9, 9))})])


def landmark_samples(rng, count=20, split=None, maps=True, box=(1.0, 1.0, 20.0, 18.0)):
    made = []
    for n in range(count):
        labels = draw_labels(rng, (20, 24), 3, block=6)
        soft = (
            PartMaps(rng.dirichlet(np.ones(4) * 0.2, (5, 6)).transpose(2, 0, 1), (20, 24)) if maps else None
        )
        xy, visible = rng.uniform(0, 19, (3, 2)), rng.random(3) < 0.8
        xy[~visible] = np.nan
        made.append(
            LandmarkSample(f"{n}", labels, xy, visible, soft, box, None, split and split[n % 2], f"u{n % 4}")
        )
    return made


def collect(items, protocol="partdisc"):
    assessment = LandmarkAssessment(3, ("nose", "tail", "paw"), get_protocol(protocol))
    for item in items:
        assessment.add(item)
    return assessment


def test_labels_at_landmarks_are_compared_as_scikit_learn_does(rng):
    items = landmark_samples(rng)
    predicted, names = [], []
    for item in items:
        for landmark in np.flatnonzero(item.visible):
            x, y = np.rint(item.xy[landmark]).astype(int)
            predicted.append(item.labels[y, x])
            names.append(landmark)
    result = collect(items).result()
    assert result["nmi"] == pytest.approx(sk.normalized_mutual_info_score(names, predicted), abs=1e-9)
    assert result["ari"] == pytest.approx(sk.adjusted_rand_score(names, predicted), abs=1e-9)
    assert result["num_points"] == len(names)


def test_splits_are_used_where_there_are_any_and_units_otherwise(rng):
    assert (
        collect(landmark_samples(rng, split=("train", "test"))).result()["fitted_on"]
        == "train, tested on test"
    )
    assert collect(landmark_samples(rng)).result()["fitted_on"] == "all units but one, 4 times"


def test_centroids_fall_back_to_hard_masks_and_say_so(rng):
    result = collect(landmark_samples(rng, maps=False, box=None)).result()
    assert result["error"] > 0
    assert any("20 images have no soft maps" in note for note in result["notes"])
    assert any("20 images have neither box nor mask" in note for note in result["notes"])


def test_the_outline_of_the_object_stands_in_for_its_box(rng):
    items = landmark_samples(rng)
    outline = np.zeros((20, 24), np.uint8)
    outline[1:19, 1:21] = 255  # exactly the box (1, 1, 20, 18)
    without = [LandmarkSample(**{**vars(item), "box": None, "outline": outline}) for item in items]
    result = collect(without).result()
    assert result["error"] == collect(items).result()["error"]
    assert any("20 images have no box: " in note for note in result["notes"])


def test_no_regression_without_split_or_units_and_the_reason_is_told(rng):
    items = [LandmarkSample(**{**vars(item), "unit": None}) for item in landmark_samples(rng)]
    result = collect(items).result()
    assert result["error"] is None
    assert any("neither" in note for note in result["notes"])
    assert collect([]).result()["error"] is None


def test_celeba_leaves_out_small_faces(rng):
    small = [LandmarkSample(**{**vars(s), "box": (0, 0, 5, 5)}) for s in landmark_samples(rng, 4)]
    result = collect(landmark_samples(rng) + small, "scops-celeba").result()
    assert result["num_images"] == 20
    assert any("4 images were left out" in note for note in result["notes"])


def test_unsup_parts_adds_foreground_scores_and_pdiscoformer_crops(rng):
    assert "fg_nmi" in collect(landmark_samples(rng), "unsup-parts").result()
    assert "fg_nmi" not in collect(landmark_samples(rng)).result()
    corner = landmark_samples(rng, 4)
    corner = [
        LandmarkSample(**{**vars(s), "xy": np.zeros((3, 2)), "visible": np.ones(3, bool)}) for s in corner
    ]
    result = collect(corner, "pdiscoformer").result()
    assert any("12 landmarks lie outside" in note for note in result["notes"])


def test_points_that_are_not_finite_name_the_image(rng):
    item = landmark_samples(rng, 1)[0]
    with pytest.raises(DataError, match="Image '0': Expected finite coordinates"):
        collect(
            [LandmarkSample(**{**vars(item), "xy": np.full((3, 2), np.nan), "visible": np.ones(3, bool)})]
        )
