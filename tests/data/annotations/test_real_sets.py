"""The real annotated sets: counts and shares equal those their READMEs state."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from partdisc.data.annotations import read_annotations

pytestmark = pytest.mark.real

OBJECTS = {
    **{"person": 19, "chair": 7, "car": 5, "bird": 4, "tvmonitor": 4, "cat": 3, "dog": 3, "bottle": 3},
    **{"boat": 1, "table": 1, "aeroplane": 1, "bus": 1, "horse": 1},
}
PARTS = {
    **{"person": 226, "dog": 41, "car": 34, "cat": 30, "bird": 21, "horse": 16, "aeroplane": 12, "bus": 9},
    **{"bottle": 6, "tvmonitor": 3},
}


def test_pascal_part_counts(shared_data):
    found = read_annotations(shared_data / "pascal_part_sample")
    assert found.format == "pascal-part"
    assert len(found) == 18
    assert found.object_counts == OBJECTS
    assert {kind: count for kind, count in found.part_counts.items() if count} == PARTS
    painted = Counter(
        found.part_names[instance.part - 1].split()[0]
        for image in found.images
        for instance in found.instances(image)
    )
    assert painted == PARTS  # no part is dropped on the way, none is empty
    without = Counter(detail for _, _, detail in found.report.items("object without parts"))
    assert without == {"chair": 7, "tvmonitor": 1, "table": 1, "boat": 1}
    assert found.report.num_broken == 0


def test_pascal_part_parts_stay_inside_their_object(shared_data):
    found = read_annotations(shared_data / "pascal_part_sample")
    for image in found.images:
        for thing in found.objects(image):
            for name, mask in thing.parts:
                assert not (mask & ~thing.mask).any(), (image.id, name)


@pytest.mark.parametrize(
    ("split", "images", "shares"),
    [
        ("train", 400, [36.2, 12.6, 16.6, 4.9, 20.6, 1.1, 8.1]),
        ("test", 100, [38.2, 13.6, 16.0, 4.9, 18.2, 1.2, 8.0]),
    ],
)
def test_carparts_group_shares(shared_data, split, images, shares):
    root = shared_data / "carparts"
    found = read_annotations(root, groups=root / "groups.json", split=split)
    assert (found.source.format, len(found), found.source.num_parts) == ("coco", images, 18)
    assert list(found.part_names) == [
        "bumper",
        "glass",
        "door",
        "light",
        "hood_trunk_tailgate",
        "mirror",
        "wheel",
    ]
    pixels = np.zeros(7)
    for image in found.images:
        for instance in found.instances(image):
            pixels[instance.part - 1] += np.count_nonzero(instance.mask)
    # the README counts a pixel in two parts twice, with a rasteriser of its own: within 0.1 of a point
    assert np.abs(100 * pixels / pixels.sum() - shares).max() < 0.1
    assert found.report.num_broken == 0


def test_carparts_quirks(shared_data):
    found = read_annotations(shared_data / "carparts", split="train")
    reaching = {
        (image, float(detail.split()[1])) for image, _, detail in found.report.items("outside the image")
    }
    # the README names those that reach more than half a pixel outside
    assert {image for image, pixels in reaching if pixels > 0.5} == {
        "train130.jpg",
        "train262.jpg",
        "train274.jpg",
    }
    assert max(pixels for _, pixels in reaching) <= 2
    assert found.image_path(found.images[0]).is_file()


def test_carparts_mirrors_survive_largest_first_only(shared_data):
    def buried(rule):
        found = read_annotations(shared_data / "carparts", split="test", overlap=rule)
        mirrors = [part for part, name in enumerate(found.part_names, start=1) if "mirror" in name]
        counts = []
        for image in found.images:
            labels = found.labels(image)
            counts += [
                (labels[i.mask] == i.part).mean() < 0.5 for i in found.instances(image) if i.part in mirrors
            ]
        return sum(counts), len(counts)

    assert buried("largest-first") == (0, 115)
    assert buried("file-order") == (53, 115)


@pytest.mark.parametrize(
    ("split", "images", "shares"),
    [("train", 700, [5.8, 12.6, 47.6, 21.1, 4.6, 5.8]), ("test", 304, [6.1, 12.6, 46.6, 22.3, 4.9, 5.5])],
)
def test_ccp_group_shares(shared_data, split, images, shares):
    root = shared_data / "ccp"
    options = {"labels": root / "labels.json", "split": f"{root / 'splits.json'}:{split}"}
    found = read_annotations(root, groups=root / "groups.json", **options)
    assert (found.source.format, len(found), found.num_parts) == ("mask-folder", images, 6)
    pixels, person = np.zeros(256), 0
    for image in found.images:
        pixels += np.bincount(found.labels(image).ravel(), minlength=256)
        person += np.count_nonzero(found.source.labels(image))
    assert np.round(100 * pixels[1:7] / person, 1).tolist() == shares
    assert found.report.num_broken == 0


def test_badja_joints_inside_the_mask(shared_data):
    found = read_annotations(shared_data / "badja")
    assert (found.format, len(found), len(found.keypoint_names)) == ("keypoint-json", 61, 21)
    visible, inside = Counter(), Counter()
    for image in found.images:
        points, mask = found.keypoints(image), found.foreground(image)
        for x, y in points.xy[points.visible]:
            visible[image.unit] += 1
            inside[image.unit] += mask[min(int(y), image.height - 1), min(int(x), image.width - 1)]
    assert Counter(image.unit for image in found.images) == {
        "camel": 18,
        "cows": 21,
        "dog": 12,
        "horsejump-high": 10,
    }
    assert visible == {"camel": 331, "cows": 393, "dog": 191, "horsejump-high": 178}
    assert inside == {"camel": 329, "cows": 380, "dog": 190, "horsejump-high": 165}
    assert found.report.counts == {}


def test_carparts_as_a_whole_has_two_splits_with_images(shared_data):
    found = read_annotations(shared_data / "carparts")
    assert Counter(image.split for image in found.images) == {"train": 400, "test": 100}
    assert all(found.image_path(image).is_file() for image in found.images)
