"""The device on which bodies, flows and networks are computed; importing this imports no torch."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from iper_bench.errors import UserError

if TYPE_CHECKING:
    import torch

VARIABLE = "IPER_BENCH_DEVICE"
AUTO = "auto"
PATTERN = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


def compute_device() -> torch.device:
    """What the environment variable IPER_BENCH_DEVICE says; ``auto``, the default, is CUDA when there is a
    device, else the CPU.

    Raises UserError for another name, and when CUDA is asked for and absent.
    """
    import torch

    name = os.environ.get(VARIABLE) or AUTO
    if not PATTERN.fullmatch(name):
        raise UserError(
            f"unknown device '{name[:40]}'",
            where=f"environment variable {VARIABLE}",
            expected="auto, cpu, cuda or cuda:N",
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == AUTO:
        return torch.device("cuda:0" if count else "cpu")
    device = torch.device("cuda:0" if name == "cuda" else name)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UserError(
            f"no device '{name}' here: torch {torch.__version__} sees {count} CUDA devices",
            where="--device",
            hint="iper-bench --device cpu",
        )
    return device
