"""Where the numeric references lie and how they are read.

A test asks for a family of files by a pattern such as ``lwg/gen_*.npz``. ``IPER_BENCH_ORACLES`` names the
folder to look in. It may hold a part of a set: a family without a file there skips the tests that ask for it,
with one line; a folder without any oracle at all fails them. Without the variable a family is taken from
``../shared/oracles`` beside the repository, else from the small set that is committed in ``tests/golden``,
which holds at least one file of every family but those of :data:`UNCOMMITTED`, whose smallest file is too
large for it; without a full set their tests are skipped by name (``tests/test_oracles.py``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VARIABLE = "IPER_BENCH_ORACLES"
REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared" / "oracles"
GOLDEN = Path(__file__).resolve().parent / "golden"


#: families whose smallest file does not fit into the committed set, with its size
UNCOMMITTED: dict[str, str] = {
    "baselines/diaf_discriminator*.npz": "124 kB",
    "baselines/diaf_dual_unet*.npz": "172 kB",
    "baselines/diaf_flow_unet*.npz": "181 kB",
    "baselines/diaf_pipeline_stage2*.npz": "279 kB",
    "baselines/diaf_pipeline_stage3*.npz": "354 kB",
    "baselines/diaf_pixel_warper*.npz": "262 kB",
    "baselines/diaf_unet*.npz": "90 kB",
    "baselines/diaf_vgg_loss*.npz": "119 kB",
    "baselines/dsc_network*.npz": "819 kB",
    "baselines/mv2nv_network*.npz": "2858 kB",
    "baselines/patb_generator*.npz": "216 kB",
    "baselines/patb_training_losses*.npz": "140 kB",
    "baselines/pg2_network*.npz": "1062 kB",
    "baselines/pix2pixhd_global*.npz": "122 kB",
    "baselines/pix2pixhd_multiscale_d*.npz": "105 kB",
    "baselines/pix2pixhd_training_losses*.npz": "127 kB",
    "baselines/shup_geometry*.npz": "1963 kB",
    "baselines/shup_network*.npz": "786 kB",
    "baselines/shup_preprocess*.npz": "529 kB",
    "baselines/spade_generator*.npz": "348 kB",
    "baselines/spade_resblock*.npz": "109 kB",
    "baselines/spade_training_losses*.npz": "247 kB",
}


class MissingOracleError(FileNotFoundError):
    """No file of a family that a test asks for."""


def oracle_roots() -> list[Path]:
    """The folders that hold ``lwg/``, ``metrics/``, ``datasets/``, in the order in which they are searched.

    Raises FileNotFoundError when ``IPER_BENCH_ORACLES`` names no folder.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return [SHARED, GOLDEN]
    if not Path(named).is_dir():
        raise FileNotFoundError(f"{VARIABLE}={named} is not a folder")
    return [Path(named)]


def oracle_files(pattern: str) -> list[Path]:
    """Sorted files of one family, never an empty list: a test without cases would pass or be skipped.

    Where there is none the list holds the pattern itself as a path, which no reader opens: ``load`` and
    ``config`` skip the test, or raise MissingOracleError when the folder holds no oracle at all.
    """
    roots = oracle_roots()
    for root in roots:
        found = sorted(root.glob(pattern))
        if found:
            return found
    return [roots[-1] / pattern]


def load(path: Path) -> dict[str, np.ndarray]:
    """All arrays of one file; float16 (exactly representable by construction) becomes float32.

    Skips the test, or raises MissingOracleError, for a family without files.
    """
    with _opened(path) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in arrays.items()}


def config(path: Path) -> dict[str, Any]:
    """The ``meta/config`` of one file as a dictionary (empty when the file has none).

    Skips the test, or raises MissingOracleError, for a family without files.
    """
    with _opened(path) as archive:
        if "meta/config" not in archive.files:
            return {}
        content = json.loads(str(archive["meta/config"]))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: meta/config is not an object")
    return content


def cases(arrays: dict[str, np.ndarray], prefix: str) -> list[str]:
    """Sorted names of the cases of one file: what follows ``prefix`` in its keys.

    Raises ValueError when there is none, since a loop over nothing proves nothing.
    """
    names = sorted(key.removeprefix(prefix) for key in arrays if key.startswith(prefix))
    if not names:
        raise ValueError(f"no array named {prefix}... among {', '.join(arrays)}")
    return names


def _opened(path: Path) -> Any:
    if not path.is_file():
        text = f"no oracle {path} ({VARIABLE}={os.environ.get(VARIABLE, '')!r})"
        if os.environ.get(VARIABLE) and any(oracle_roots()[0].rglob("*.npz")):
            pytest.skip(text)
        family = path.relative_to(oracle_roots()[-1]).as_posix()
        if not os.environ.get(VARIABLE) and family in UNCOMMITTED:
            pytest.skip(
                f"{family} ({UNCOMMITTED[family]}) is not in tests/golden; {VARIABLE} names a full set"
            )
        raise MissingOracleError(text)
    return np.load(path, allow_pickle=False)
