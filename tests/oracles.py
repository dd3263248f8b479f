"""Where the numeric references lie and how they are read.

``IPER_BENCH_ORACLES`` names a folder; without it ``../shared/oracles`` beside the repository is used when it
exists, else the small set that is committed in ``tests/golden``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

_REPOSITORY = Path(__file__).resolve().parent.parent
_GOLDEN = Path(__file__).resolve().parent / "golden"


def oracle_root() -> Path:
    """The folder that holds ``lwg/``, ``metrics/``, ``datasets/``, ``baselines/``."""
    named = os.environ.get("IPER_BENCH_ORACLES")
    if named:
        root = Path(named)
        if not root.is_dir():
            raise FileNotFoundError(f"IPER_BENCH_ORACLES={named} is not a folder")
        return root
    shared = _REPOSITORY.parent / "shared" / "oracles"
    return shared if shared.is_dir() else _GOLDEN


def oracle_files(pattern: str) -> list[Path]:
    """Sorted files that match ``pattern`` below the root; in the committed subset a pattern may match fewer
    files.
    """
    return sorted(oracle_root().glob(pattern))


def load(path: Path) -> dict[str, np.ndarray]:
    """All arrays of one file; float16 (exactly representable by construction) becomes float32."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in arrays.items()}


def config(path: Path) -> dict[str, Any]:
    """The ``meta/config`` of one file as a dictionary (empty when the file has none)."""
    with np.load(path, allow_pickle=False) as archive:
        if "meta/config" not in archive.files:
            return {}
        content = json.loads(str(archive["meta/config"]))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: meta/config is not an object")
    return content
