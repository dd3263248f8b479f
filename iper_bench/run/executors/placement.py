"""Which GPU a worker gets: one each, and several on one where what a worker takes is known and fits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.device import AUTO, VARIABLE
from iper_bench.run.executors.memory import MIB

#: of the GPU's memory: kernels and libraries that each process loads beside its tensors, not counted by torch
CONTEXT = 600 * MIB
#: stays free on each GPU: allocators need slack, and displays live there
RESERVE = 512 * MIB
CUDA = "cuda"


@dataclass(frozen=True)
class Gpu:
    """``index`` as torch counts. ``total``, ``free``: bytes, free as found before any worker started."""

    index: int
    total: int
    free: int

    @property
    def name(self) -> str:
        """Torch's name of the device."""
        return f"{CUDA}:{self.index}"


def place(gpus: Sequence[Gpu], running: Mapping[int, int], peak: int | None) -> Gpu | None:
    """The GPU of the next worker, or ``None`` when all are full.

    Parameters
    ----------
    running: workers by index of the GPU. peak: bytes of tensors that a worker takes at most, ``None`` while
        that is unknown: then every GPU takes one.

    An idle GPU comes first; then the one on which most memory stays free.
    """
    best: tuple[bool, int, int] | None = None
    chosen = None
    for gpu in gpus:
        count = running.get(gpu.index, 0)
        need = CONTEXT + (peak or 0)
        left = gpu.free - (count + 1) * need - RESERVE
        if count and (peak is None or left < 0):
            continue
        rank = (count == 0, left, -gpu.index)
        if best is None or rank > best:
            best, chosen = rank, gpu
    return chosen


def gpus_for(device: str) -> list[Gpu]:
    """The GPUs over which workers may be spread; none when the work is done on the CPU.

    ``device``: on which the metrics are measured. Where it, or IPER_BENCH_DEVICE, names one GPU, only that.
    """
    named = os.environ.get(VARIABLE) or AUTO
    wanted = [name for name in (named, device) if name.startswith(CUDA)]
    if not wanted and named != AUTO:
        return []
    exact = [int(name.partition(":")[2]) for name in wanted if ":" in name]
    return [gpu for gpu in visible_gpus() if not exact or gpu.index in exact]


def visible_gpus() -> list[Gpu]:
    """What torch sees, with the memory that is free now."""
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        found.append(Gpu(index, int(total), int(free)))
    return found


def gpu_peak() -> int:
    """The most GPU memory that torch held in this process, in bytes; 0 without one."""
    import torch

    if not torch.cuda.is_available() or not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return 0
    return max(int(torch.cuda.max_memory_reserved(index)) for index in range(torch.cuda.device_count()))
