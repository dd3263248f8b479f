"""Every allocator's way to say that memory ran out, and nothing else."""

from __future__ import annotations

import cv2
import pytest
import torch

from iper_bench.out_of_memory import is_out_of_memory
from iper_bench.run.execute import _reason


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        cv2.error("(-4:Insufficient memory) Failed to allocate 10800000000 bytes"),
    ],
)
def test_it_is_recognised_and_a_unit_says_what_to_lower(error: BaseException) -> None:
    assert is_out_of_memory(error)
    assert _reason(error).startswith("out of memory; try: --retry-failed with a smaller --size")  # type: ignore


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("out of memory"), OSError(28, "")]
)
def test_other_errors_are_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)
