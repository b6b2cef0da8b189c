from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from partdisc.errors import ConfigError
from partdisc.metrics.matching import MatchRule
from partdisc.metrics.protocols import PROTOCOLS, describe_protocols, get_protocol, scops_maps
from partdisc.metrics.treatment import Treatment, nearest
from partdisc.parts import PartMaps

from .conftest import draw_labels


def draw_maps(rng, size, num_parts=3, grid=(7, 9), content=None):
    return PartMaps(rng.dirichlet(np.ones(num_parts + 1), grid).transpose(2, 0, 1), size, content)


def test_every_protocol_of_the_design_is_there_and_explained_in_a_line():
    expected = [
        "partdisc",
        "pdiscoformer",
        "pdisconet",
        "mpae",
        "unsup-parts",
        "scops-celeba",
        "stego",
        "leopart",
    ]
    assert list(PROTOCOLS) == expected
    lines = describe_protocols().splitlines()
    assert [line.split()[0] for line in lines] == expected
    assert all(len(line) < 130 for line in lines)


def test_every_protocol_but_ours_says_what_is_not_known():
    assert not PROTOCOLS["partdisc"].unknown
    assert all(protocol.unknown for name, protocol in PROTOCOLS.items() if name != "partdisc")


def test_unknown_protocol_lists_those_there_are():
    with pytest.raises(ConfigError, match=r"partdisc, pdiscoformer, .*leopart, but got 'coco'"):
        get_protocol("coco")


def test_matching_rules_of_protocols_exist():
    for protocol in PROTOCOLS.values():
        MatchRule(protocol.assignment, protocol.by, background_class=protocol.background_class)


def test_partdisc_scores_the_masks_as_they_are(rng):
    labels = draw_labels(rng, (12, 17), 3)
    ours = get_protocol("partdisc")
    assert ours.predicted(labels, draw_maps(rng, (12, 17))) is labels
    assert ours.annotated(labels) is labels


@pytest.mark.parametrize("size", [(40, 60), (300, 200), (64, 64)])
@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_prediction_and_annotation_have_one_size(rng, name, size):
    protocol = get_protocol(name)
    labels = draw_labels(rng, size, 3)
    expected = protocol.annotated(labels).shape
    assert protocol.predicted(labels, None).shape == expected
    assert protocol.predicted(labels, draw_maps(rng, size)).shape == expected
    assert protocol.predicted(labels, draw_maps(rng, size, content=(6.5, 8))).shape == expected


def test_pdiscoformer_resizes_the_short_side_and_crops_the_centre(rng):
    size, protocol = (300, 400), get_protocol("pdiscoformer")
    maps = draw_maps(rng, size)
    resized = F.interpolate(torch.from_numpy(maps.maps)[None].float(), size=(224, 298), mode="bilinear")[0]
    expected = resized.argmax(0)[:, 37 : 37 + 224]
    np.testing.assert_array_equal(protocol.predicted(np.zeros(size, np.uint8), maps), expected)
    labels = draw_labels(rng, size, 4)
    by_pillow = np.array(Image.fromarray(labels).resize((298, 224), Image.Resampling.NEAREST))[:, 37:261]
    np.testing.assert_array_equal(protocol.annotated(labels), by_pillow)


def test_mpae_compares_at_128(rng):
    protocol, labels = get_protocol("mpae"), draw_labels(rng, (300, 400), 4)
    squashed = Image.fromarray(labels).resize((224, 224), Image.Resampling.NEAREST)
    expected = np.array(squashed.resize((128, 128), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(protocol.annotated(labels), expected)


def test_unsup_parts_cuts_to_multiples_of_16(rng):
    assert get_protocol("unsup-parts").annotated(draw_labels(rng, (300, 401), 2)).shape == (256, 336)


def test_scops_masks_divide_each_part_by_its_maximum():
    maps = np.zeros((3, 2, 2))
    maps[0], maps[1], maps[2] = 0.90, 0.06, 0.04
    maps[:, 0, 0] = 0.95, 0.001, 0.049
    labels = scops_maps(PartMaps(maps, (2, 2))).to_labels()
    assert labels.tolist() == [[2, 1], [1, 1]]


def test_maps_without_background_never_give_label_0(rng):
    maps = rng.random((4, 6, 6))
    maps[0] = 0
    labels = get_protocol("pdisconet").predicted(np.zeros((50, 50), np.uint8), PartMaps(maps, (50, 50)))
    assert labels.min() >= 1


def test_points_move_with_the_image():
    labels = np.arange(30 * 40).reshape(30, 40)
    for treatment in (
        Treatment("squash", 120),
        Treatment("short", 90, crop=True),
        Treatment("short", 90, multiple=16),
    ):
        points = np.array([[20.0, 15.0], [13, 20], [18, 4]])
        moved, inside = treatment.points(points, labels.shape)
        treated = treatment.labels(labels)
        assert inside.all()
        for (x, y), (u, v) in zip(points.astype(int), np.rint(moved).astype(int), strict=True):
            assert treated[v, u] == labels[y, x]


def test_points_outside_the_crop_are_known_to_be():
    _, inside = Treatment("short", 90, crop=True).points(np.array([[1.0, 1], [20, 15]]), (30, 40))
    assert inside.tolist() == [False, True]


def test_nearest_keeps_labels_when_nothing_is_resized(rng):
    labels = draw_labels(rng, (9, 11), 5)
    np.testing.assert_array_equal(nearest(labels, (9, 11)), labels)
    np.testing.assert_array_equal(nearest(labels, (18, 33)), labels.repeat(2, 0).repeat(3, 1))
