from __future__ import annotations

import pytest
import torch

from partdisc.store.scratch import scratch_tensor


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_a_file_serves_as_memory_does_and_leaves_nothing(tmp_path, dtype):
    on_disk, in_memory = scratch_tensor((3, 5), dtype, tmp_path), scratch_tensor((3, 5), dtype, None)
    assert torch.equal(on_disk, in_memory)
    assert not on_disk.any()
    on_disk[:, 1:3] += torch.arange(2).to(dtype)
    assert on_disk.sum() == 3
    assert not list(tmp_path.iterdir())


def test_it_takes_no_memory_of_the_process(tmp_path):
    def anonymous() -> int:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

    try:
        before = anonymous()
    except (OSError, StopIteration):
        pytest.skip("the system does not tell")
    tensor = scratch_tensor((4, 4 * 2**20), torch.float32, tmp_path)
    tensor.fill_(1)
    assert anonymous() - before < 8 * 2**10


def test_nothing_needs_no_file(tmp_path):
    assert scratch_tensor((4, 0), torch.float32, tmp_path / "missing").shape == (4, 0)


def test_a_full_disk_is_an_error_at_once(tmp_path):
    with pytest.raises(OSError):
        scratch_tensor((2**50,), torch.float32, tmp_path)
    assert not list(tmp_path.iterdir())
