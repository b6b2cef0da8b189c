"""An accelerator that is not there, for tests on machines without one.

Its tensors lie in the memory of the CPU and are computed there, but say that they lie on "cuda:0", and refuse what
CUDA would refuse: the company of CPU tensors, and numpy. So code that forgets to move a tensor fails. Nothing is said
of speed, of kernels, or of the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("cuda", 0)
REAL_TO = Tensor.to
ANSWERS = {Tensor.device.__get__: DEVICE, Tensor.is_cuda.__get__: True, Tensor.is_cpu.__get__: False}
WITH_CPU = {Tensor.__getitem__, Tensor.__setitem__, Tensor.copy_}  # indices and sources may lie on the CPU
CREATORS = (
    "zeros",
    "ones",
    "empty",
    "full",
    "arange",
    "linspace",
    "eye",
    "rand",
    "randn",
    "randperm",
    "tensor",
)
CREATORS += ("as_tensor", "zeros_like", "ones_like", "empty_like")


class OnDevice(Tensor):
    """A tensor on the pretended device."""

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in ANSWERS:
            return ANSWERS[func]
        if func == Tensor.grad.__get__:  # made by autograd, which knows no subclasses
            with torch._C.DisableTorchFunctionSubclass():
                return None if args[0].grad is None else args[0].grad.as_subclass(cls)
        if func is Tensor.cpu:
            return moved(args[0], "cpu")
        if func is REAL_TO:
            return moved(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in ("numpy", "__array__"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        if name == "_has_compatible_shallow_copy_type":  # asked where modules are moved
            return isinstance(args[0], OnDevice) == isinstance(args[1], OnDevice)
        device = kwargs.pop("device", None)
        on_cpu = [
            t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and not isinstance(t, OnDevice)
        ]
        if any(t.dim() for t in on_cpu) and not (func in WITH_CPU and isinstance(args[0], OnDevice)):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {name} found cuda:0 and cpu."
            )
        if kwargs.pop("out_dtype", None) is not None:  # of torch.mm, which a CPU does not have
            args = tuple(a.float() for a in args)
        out = super().__torch_function__(func, types, args, kwargs)
        return out if device is None else moved(out, device)


def moved(x: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
    """`Tensor.to`, which knows the pretended device."""
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype)
    device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
    kind = type(x) if device is None else OnDevice if device.type == "cuda" else Tensor
    crossing = isinstance(x, OnDevice) != (kind is OnDevice)
    with torch._C.DisableTorchFunctionSubclass():
        plain = x.as_subclass(Tensor) if isinstance(x, OnDevice) else x
        formats = {} if layout is None else {"memory_format": layout}
        plain = REAL_TO(plain, dtype=dtype or plain.dtype, copy=copy or crossing, **formats)
        return plain.as_subclass(OnDevice) if kind is OnDevice else plain


def _creating(create: Callable) -> Callable:
    def made(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if device is None:
            return create(*args, **kwargs)
        if torch.device(device).type != "cuda":
            return create(*args, device=device, **kwargs)
        return moved(create(*args, **kwargs), DEVICE)

    return made


@pytest.fixture
def pretended_device(monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes the device known to torch; its name."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *args, **kwargs: True)
    for check in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
        monkeypatch.setattr(torch.optim.Optimizer, check, lambda self: None, raising=False)
    monkeypatch.setattr(Tensor, "to", moved)
    monkeypatch.setattr(Tensor, "pin_memory", lambda x: x)
    for name in CREATORS:
        monkeypatch.setattr(torch, name, _creating(getattr(torch, name)))
    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    yield "cuda"
    torch.__future__.set_overwrite_module_params_on_conversion(overwritten)
