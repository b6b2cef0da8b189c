"""That the pretended device refuses what a real one refuses: without that, tests on it would say nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch


def test_tensors_say_where_they_are(pretended_device):
    x = torch.ones(3, 4).to(pretended_device)
    made = torch.zeros(4, 2, device=pretended_device)
    for tensor in (
        x,
        x @ made,
        x[0],
        x.T.contiguous(),
        x.new_zeros(2),
        torch.zeros_like(x),
        x.to(x),
        x.half(),
    ):
        assert tensor.device.type == "cuda"
    made = torch.zeros(2, device="cpu")
    for tensor in (x.cpu(), x.to("cpu"), torch.zeros(2), made, torch.ones(3).to(made)):
        assert tensor.device.type == "cpu"


def test_company_of_cpu_tensors_is_refused(pretended_device):
    x, there = torch.ones(3, 3), torch.ones(3, 3, device=pretended_device)
    for together in (
        lambda: x + there,
        lambda: there @ x,
        lambda: torch.cat([x, there]),
        lambda: x[there.long()],
    ):
        with pytest.raises(RuntimeError, match="same device"):
            together()
    assert (there * torch.tensor(2.0)).device.type == "cuda"  # a number
    assert there[torch.tensor([0, 2])].device.type == "cuda"
    there[0] = torch.zeros(3)
    assert there.sum().item() == 6


def test_numpy_is_refused(pretended_device):
    x = torch.ones(3, device=pretended_device)
    for taken in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(TypeError, match="numpy"):
            taken()
    assert x.cpu().numpy().tolist() == x.tolist() == [1, 1, 1]


def test_a_copy_is_made_on_the_way(pretended_device):
    x = torch.ones(3)
    x.to(pretended_device).zero_()
    assert x.sum() == 3


def test_networks_move(pretended_device):
    network = (
        torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval().to(pretended_device)
    )
    assert network(torch.ones(1, 3, 8, 8, device=pretended_device)).device.type == "cuda"
    with pytest.raises(RuntimeError, match="same device"):
        network(torch.ones(1, 3, 8, 8))
