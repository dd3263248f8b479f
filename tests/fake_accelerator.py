"""A device that computes on the CPU but refuses what CUDA would refuse: operations on tensors of two devices.

Inside ``fake_accelerator()`` a tensor moved to, or made on, ``DEVICE`` is a wrapper that says it lies there;
its data are computed as usual. An operation that meets a wrapper and an ordinary tensor raises
:class:`MixedDevicesError`, unless CUDA allows it too: copies between devices, ordinary tensors without axes,
ordinary index tensors.

It proves that a path mixes no devices, reads no accelerator tensor as numpy, and gives the same numbers. It
does not prove that CUDA has a kernel for every operation and type, that CUDA's numbers are near enough, or
anything about speed and memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")  # torch knows it without any hardware; nothing else here uses it
_COPIES = ("aten::_to_copy", "aten::copy_")
_INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class MixedDevicesError(AssertionError):
    """An operation met tensors of two devices."""


class Wrapper(torch.Tensor):
    """A tensor that says it lies on ``DEVICE``; ``held`` are its data."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Wrapper:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # spares the import of the compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, torch.Tensor)]
    wrapped = [t for t in tensors if isinstance(t, Wrapper)]
    if any(t.device == DEVICE and not isinstance(t, Wrapper) for t in tensors):
        raise AssertionError(f"{name} of a tensor without data: made where no mode sees it")
    if name not in _COPIES:
        checked = tree_flatten(args[0])[0] + list(args[2:]) if name in _INDEXED else tensors
        plain = [t for t in checked if isinstance(t, torch.Tensor) and not isinstance(t, Wrapper) and t.dim()]
        if wrapped and plain:
            raise MixedDevicesError(
                f"{name} of an accelerator tensor and one of shape {tuple(plain[0].shape)}"
            )
    device = kwargs.get("device")
    there = bool(wrapped) if device is None else torch.device(device) == DEVICE
    if name == "aten::copy_":
        there = isinstance(args[0], Wrapper)
    if device is not None and torch.device(device) == DEVICE:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    origin = {id(t.held): t for t in wrapped}
    bare_args, bare_kwargs = tree_map(lambda x: x.held if isinstance(x, Wrapper) else x, (args, kwargs))
    result = func(*bare_args, **bare_kwargs)

    def back(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        if id(x) in origin:  # in-place operations
            return origin[id(x)]
        return Wrapper(x) if there else x

    return tree_map(back, result)


class _Constructors(TorchFunctionMode):
    """Tensors made from Python numbers, and the way back, which no dispatch mode sees."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if args and isinstance(args[0], Wrapper):
            if func is torch.Tensor.tolist:
                return args[0].cpu().tolist()
            if func is torch.Tensor.new_tensor:
                return torch.tensor(*args[1:], **{"dtype": args[0].dtype, **kwargs}).to(DEVICE)
            if func is torch.Tensor.__getitem__:
                places = args[1] if isinstance(args[1], tuple) else (args[1],)
                args = (args[0], tuple(torch.tensor(x) if isinstance(x, list) else x for x in places))
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = torch.device(kwargs.pop("device"))
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


@contextmanager
def fake_accelerator() -> Iterator[torch.device]:
    """Make ``DEVICE`` usable. Inference mode becomes ``no_grad``, because wrappers cannot be inference
    tensors.
    """
    with patch("torch.inference_mode", torch.no_grad), _Mode(), _Constructors():
        yield DEVICE
