"""Running out of memory is one line that names what to lower; other errors pass."""

from __future__ import annotations

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.training.memory import explained_memory

FAILURES = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nand more lines"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: 12 bytes"
    ),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_failed_allocation_is_one_line(failure: BaseException) -> None:
    with pytest.raises(UserError, match="out of memory") as caught, explained_memory():
        raise failure
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in ("--batch", "--accumulate", "--size", "--preset"))


def test_a_real_allocation_that_cannot_be_served() -> None:
    with pytest.raises(UserError, match="out of memory"), explained_memory():
        torch.empty(2**50, dtype=torch.uint8)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained_memory():
        raise RuntimeError("shapes differ")
