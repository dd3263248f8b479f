"""What a method costs beside time: parameters of its networks, and the memory of the process that ran it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator, Mapping
from typing import Any

MEBIBYTE = 1 << 20
DEEPEST = 4  # attributes of attributes that are looked into for networks


def parameters_of(method: object) -> int | None:
    """Number of parameters of all networks that a method holds, each counted once; ``None`` for a method that
    holds none, such as a folder of frames, or whose networks are not in this process.
    """
    from torch import nn

    found: dict[int, int] = {}
    for value in _held(method, set(), 0):
        if isinstance(value, nn.Module):
            found |= {id(one): one.numel() for one in value.parameters()}
    return sum(found.values()) if found else None


def _held(value: Any, seen: set[int], depth: int) -> Iterator[Any]:
    """``value`` and what hangs on it."""
    if id(value) in seen or depth > DEEPEST:
        return
    seen.add(id(value))
    yield value
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
    else:
        inner = list(getattr(value, "__dict__", {}).values()) if not _is_module(value) else []
    for one in inner:
        yield from _held(one, seen, depth + 1)


def _is_module(value: object) -> bool:
    from torch import nn

    return isinstance(value, nn.Module)


def peak_mib() -> float:
    """Largest memory of this process so far, MiB; of the accelerator where there is one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return float(torch.cuda.max_memory_allocated() / MEBIBYTE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024) / MEBIBYTE
