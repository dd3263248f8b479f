"""An SMPL or SMPL+H file as an ``.npz`` of plain arrays, which needs neither pickle nor chumpy nor scipy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iper_bench.atomic import write_bytes
from iper_bench.body.smpl_arrays import (
    HANDS,
    HINT,
    REQUIRED,
    SUFFIXES,
    SmplArrays,
    read_smpl_arrays,
    read_smpl_content,
)
from iper_bench.body.smpl_file import SMPLH_JOINTS, check_smpl_arrays
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256

_POSE_TERMS = 9  # entries of a rotation matrix per joint but the root


class Conversion(NamedTuple):
    """What was written. ``kind``: "SMPL" or "SMPL+H". ``arrays``: shape and dtype by name. ``left_out``:
    entries of the source that were not kept. ``sha256``: of the new file.
    """

    kind: str
    arrays: dict[str, tuple[tuple[int, ...], str]]
    left_out: tuple[str, ...]
    sha256: str


def convert_smpl_file(path: Path, out: Path, *, overwrite: bool = False) -> Conversion:
    """Write the arrays of a licensed file to an ``.npz`` under their official names.

    Every vertex, joint, shape and pose component is kept with its stored dtype; ``J_regressor`` becomes
    dense; the hand components and mean hands of SMPL+H are kept. The other entries, which neither this
    package nor ``smplx`` reads, are left out.

    Raises
    ------
    UserError when the source is missing, hostile, damaged or no SMPL or SMPL+H model, when ``out`` is no
    ``.npz``, or exists and ``overwrite`` is not set.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"'{path.suffix}' is no body file", where=str(path), expected="a .pkl or .npz")
    if out.suffix != ".npz":
        raise UserError(f"cannot write '{out.suffix}'", where=str(out), expected="a name that ends in .npz")
    if out.exists() and not overwrite:
        raise UserError(
            "exists already", where=str(out), expected="a new name", hint="--overwrite to replace it"
        )
    arrays = read_smpl_arrays(path, read_smpl_content(path))
    kind = _check(path, arrays)
    kept = {name: arrays.found[name] for name in (*REQUIRED, *HANDS) if name in arrays.found}
    for name, array in kept.items():
        _check_finite(path, name, array)
    buffer = io.BytesIO()
    np.savez(buffer, **kept)  # type: ignore[arg-type]  # taken for savez's own option
    write_bytes(out, buffer.getvalue())
    return Conversion(
        kind,
        {name: (array.shape, str(array.dtype)) for name, array in kept.items()},
        arrays.others,
        file_sha256(out),
    )


def _check(path: Path, arrays: SmplArrays) -> str:
    """Whether it is "SMPL" or "SMPL+H". Raises UserError when the arrays are those of neither."""
    regressor = arrays.array(path, "J_regressor")
    if len(regressor.shape) == 2 and regressor.shape[0] == SMPLH_JOINTS:
        _check_smplh(path, arrays)
        return "SMPL+H"
    check_smpl_arrays(path, arrays)
    return "SMPL"


def _check_smplh(path: Path, arrays: SmplArrays) -> None:
    count = len(arrays.array(path, "v_template"))
    wanted: dict[str, tuple[int, ...]] = {
        "v_template": (count, 3),
        "posedirs": (count, 3, (SMPLH_JOINTS - 1) * _POSE_TERMS),
        "J_regressor": (SMPLH_JOINTS, count),
        "weights": (count, SMPLH_JOINTS),
        "kintree_table": (2, SMPLH_JOINTS),
    }
    for name in REQUIRED:
        array = arrays.array(path, name)
        if name in wanted and array.shape != wanted[name]:
            raise UserError(
                f"array '{name}' has shape {array.shape}", where=str(path), expected=str(wanted[name])
            )
    faces, shape_dirs = arrays.found["f"], arrays.found["shapedirs"]
    if shape_dirs.shape[:2] != (count, 3) or faces.ndim != 2 or faces.shape[1] != 3:
        raise UserError("shapedirs or f do not fit v_template", where=str(path), hint=HINT)
    if faces.size and not 0 <= int(faces.min()) <= int(faces.max()) < count:
        raise UserError("a face names a vertex that is not there", where=str(path), hint=HINT)


def _check_finite(path: Path, name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise UserError(f"array '{name}' holds values that are not finite", where=str(path), hint=HINT)
