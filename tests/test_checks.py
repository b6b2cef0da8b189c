from __future__ import annotations

import numpy as np
import pytest
import torch

from partdisc.checks import check_array, check_count, check_device, check_seed, check_size
from partdisc.errors import ConfigError, DataError


@pytest.mark.parametrize("value", ["2", None, 2.0, float("nan"), True, [1], np.float32(2)])
def test_only_whole_numbers_are_counts_and_seeds(value):
    with pytest.raises(ConfigError, match="count to be a whole number of at least 1, but got"):
        check_count("count", value)
    with pytest.raises(ConfigError, match="seed to be a whole number, but got"):
        check_seed(value)


def test_numbers_of_any_whole_kind_come_back_as_int():
    for value in (3, np.int64(3), np.uint8(3)):
        assert type(check_count("count", value)) is int
    assert check_seed(-1) == -1


def test_arrays_of_any_kind_come_back_as_numpy_and_are_not_copied():
    array = np.ones((2, 3), np.float16)
    assert check_array("maps", array, "(h, w)") is array
    assert check_array("maps", torch.ones(2, 3, requires_grad=True), "(h, w)").dtype == np.float32
    assert check_array("maps", [[True, False]], "(h, w)").tolist() == [[True, False]]
    assert check_array("maps", np.ones((4, 2, 3)), "(..., h, w)").shape == (4, 2, 3)
    assert check_array("order", [1, 0], "(K,)").tolist() == [1, 0]
    assert check_array("labels", 3, "(...)") == 3


@pytest.mark.parametrize(
    ("value", "came"),
    [
        (None, "NoneType"),
        ({"a": 1}, "dict"),
        ([[1, 2], [3]], "list"),
        ("abc", r"<U3 of shape \(\)"),
        (np.ones(3), r"float64 of shape \(3,\)"),
        (np.ones((2, 2), complex), r"complex128 of shape \(2, 2\)"),
        (torch.ones(2, 2, 2), r"float32 of shape \(2, 2, 2\)"),
        (torch.ones(2, 2, dtype=torch.bfloat16), "Tensor"),
    ],
)
def test_what_is_no_array_of_these_axes_is_told_with_what_came_and_what_to_do(value, came):
    with pytest.raises(DataError, match=rf"Expected maps as numbers of shape \(h, w\), but got {came}\. Add"):
        check_array("maps", value, "(h, w)", hint="Add maps up first.")


@pytest.mark.parametrize("value", [3, None, "ab", (3,), (0, 2), (2.5, 3), (-1, 2), (1, 2, 3)])
def test_a_size_has_two_sides_of_whole_pixels(value):
    with pytest.raises(ConfigError, match=r"a size \(H, W\) of at least 1 x 1 pixels, but got"):
        check_size("a size", value)
    assert check_size("a size", [np.int32(2), 3]) == (2, 3)


@pytest.mark.parametrize("device", ["tpu", "cuda:99", None, 2.5])
def test_devices_that_this_machine_has_not_are_refused(device):
    with pytest.raises(ConfigError, match="Expected a device of this machine"):
        check_device(device)
