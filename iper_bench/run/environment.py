"""Where a run was computed: versions, device, platform. It is recorded beside the results and enters no
identity.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from iper_bench.body.rasteriser import chosen_backend
from iper_bench.run.git_state import git_states

PACKAGES = (
    *("iper-bench", "torch", "torchvision", "numpy", "scipy", "opencv-python-headless", "pillow"),
    *("lpips", "facenet-pytorch", "safetensors", "warp-lang", "smplx"),
)


def environment(device: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Versions of the packages that can change a digit, the machine, the commits, the seeds."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "rasteriser": chosen_backend(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "git": git_states(),
        "seeds": list(seeds),
    }


def joined(held: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """The environments of a run that was continued: each distinct one once, oldest first."""
    known = list(held.get("environments", []))
    return {"environments": known if dict(current) in known else [*known, dict(current)]}


def provenance(current: Mapping[str, Any], protocol_hash: str, fingerprint: str) -> dict[str, str]:
    """What every row carries; the runner adds the method's identity."""
    packages = current["packages"]
    return {
        "iper-bench": str(packages["iper-bench"]),
        "torch": str(packages["torch"]),
        "numpy": str(packages["numpy"]),
        "device": str(current["device"]),
        "dtype": "float32",
        "protocol": protocol_hash,
        "dataset": fingerprint,
    }


def _processor() -> str | None:
    """The model of the processor in words, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return platform.processor() or None
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
