"""A licensed SMPL file (.pkl or .npz) as a body, read without running anything it contains.

Must agree with: ``smplx`` on the same file.
Differs: UV layout and part lists, which are not in the file, are read from the official files beside it or
derived (:mod:`iper_bench.body.smpl_companions`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.model import JOINT_COUNT, POSE_BASIS, SHAPE_COUNT, SMPL_PARENTS, BodyModel
from iper_bench.body.parts import derive_face_lists
from iper_bench.body.smpl_arrays import HINT, SmplArrays, read_smpl_arrays, read_smpl_content
from iper_bench.body.smpl_companions import companion_folder, read_face_lists, read_layout
from iper_bench.errors import UserError

LICENCE = "SMPL model licence (file supplied by the user)"
SMPLH_JOINTS = 52  # 22 of the body, 15 of each hand

# The ids of the 21 points in the SMPL topology, from the vertex id table that ``smplx`` publishes for
# "smplh".
SMPL_LANDMARKS = {
    "nose": 332, "reye": 6260, "leye": 2800, "rear": 4071, "lear": 583,
    "rthumb": 6191, "rindex": 5782, "rmiddle": 5905, "rring": 6016, "rpinky": 6133,
    "lthumb": 2746, "lindex": 2319, "lmiddle": 2445, "lring": 2556, "lpinky": 2673,
    "LBigToe": 3216, "LSmallToe": 3226, "LHeel": 3387,
    "RBigToe": 6617, "RSmallToe": 6624, "RHeel": 6787,
}  # fmt: skip
_SMPL_VERTICES = 6890


def load_smpl_file(path: Path, folder: Path | None = None) -> BodyModel:
    """Read a licensed SMPL file with its UV layout and part lists.

    Parameters
    ----------
    path: a ``.pkl`` as distributed, or an ``.npz`` with the arrays ``v_template, shapedirs, posedirs,
        J_regressor, weights, kintree_table, f``. More than ten shape directions are cut to ten.
    folder: with UV layout and part lists; ``None`` = the one that ``IPER_BENCH_SMPL_FOLDER`` names, else the
        file's own. What is absent there is derived.

    Raises
    ------
    UserError when a file is missing, unreadable, asks for anything but arrays, or has other shapes than
    SMPL.
    """
    content = read_smpl_content(path)
    beside = companion_folder(path, folder)
    arrays = check_smpl_arrays(path, read_smpl_arrays(path, content))
    template, faces = arrays["template"], arrays["faces"]
    derived = derive_face_lists(template, faces, arrays["skin_weights"], arrays["joint_regressor"] @ template)
    lists, list_digests = read_face_lists(beside, derived, len(faces))
    layout = read_layout(beside, template, faces, lists.parts)
    digests = [hashlib.sha256(content).hexdigest(), *layout.digests, *list_digests]
    together = hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
    return BodyModel(
        name=str(path),
        sha256=together if len(digests) > 1 else digests[0],
        licence=LICENCE,
        **arrays,
        parents=torch.tensor(SMPL_PARENTS),
        face_uv=layout.face_uv,
        parts=lists.parts,
        head_faces=lists.head_faces,
        front_faces=lists.front_faces,
        eye_faces=torch.empty(0, dtype=torch.int64),
        landmarks=dict(SMPL_LANDMARKS) if len(template) == _SMPL_VERTICES else {},
        uv_source=layout.source,
        obj_faces=layout.obj_faces,
        obj_face_uv=layout.obj_face_uv,
    )


def check_smpl_arrays(path: Path, arrays: SmplArrays) -> dict[str, torch.Tensor]:
    """The arrays of a file by their names in :class:`BodyModel`, checked.

    Returns
    -------
    ``template`` (V, 3), ``shape_dirs`` (V, 3, 10), ``pose_dirs`` (V, 3, 207), ``joint_regressor`` (24, V),
    ``skin_weights`` (V, 24), all float32, metres; ``faces`` (F, 3) int64.

    Raises
    ------
    UserError for an array that is missing, of another shape, or not finite, and for another kinematic tree.
    """
    if arrays.array(path, "J_regressor").shape[:1] == (SMPLH_JOINTS,):
        raise UserError(
            f"an SMPL+H model with {SMPLH_JOINTS} joints", where=str(path), expected=f"SMPL's {JOINT_COUNT}"
        )
    template = _array(path, arrays, "v_template", (-1, 3))
    count = len(template)
    regressor = _array(path, arrays, "J_regressor", (JOINT_COUNT, count))
    shape_dirs = _array(path, arrays, "shapedirs", (count, 3, -1))[..., :SHAPE_COUNT]
    if shape_dirs.shape[2] < SHAPE_COUNT:
        raise UserError(
            f"shapedirs has {shape_dirs.shape[2]} components",
            where=str(path),
            expected=f"at least {SHAPE_COUNT}",
        )
    pose_dirs = _array(path, arrays, "posedirs", (count, 3, POSE_BASIS))
    weights = _array(path, arrays, "weights", (count, JOINT_COUNT))
    faces = _array(path, arrays, "f", (-1, 3), np.int64)
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= count:
        worst = int(faces.max()) if len(faces) else None
        raise UserError(f"a face names vertex {worst}", where=str(path), expected=f"ids below {count}")
    _check_tree(path, _array(path, arrays, "kintree_table", (2, JOINT_COUNT), np.int64))
    return {
        "template": template,
        "shape_dirs": shape_dirs.contiguous(),
        "pose_dirs": pose_dirs,
        "joint_regressor": regressor,
        "skin_weights": weights,
        "faces": faces,
    }


def _array(
    path: Path, arrays: SmplArrays, name: str, shape: tuple[int, ...], kind: type = np.float32
) -> torch.Tensor:
    """One array as a tensor; -1 in ``shape`` admits any size. Raises UserError when absent or of another
    shape.
    """
    stored = arrays.array(path, name)
    if stored.dtype.kind not in "iuf":
        raise UserError(f"array '{name}' has dtype {stored.dtype}", where=str(path), expected="numbers")
    plain: NDArray[Any] = np.array(stored, dtype=kind, order="C")
    fits = plain.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, plain.shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("-1", "any")
        raise UserError(
            f"array '{name}' has shape {plain.shape}", where=str(path), expected=wanted, hint=HINT
        )
    if kind is np.float32 and not np.isfinite(plain).all():
        raise UserError(f"array '{name}' holds values that are not finite", where=str(path), hint=HINT)
    return torch.from_numpy(plain)


def _check_tree(path: Path, table: torch.Tensor) -> None:
    parents = tuple(table[0].tolist())
    if parents[1:] != SMPL_PARENTS[1:]:  # the root's entry is 4294967295 or -1, it means nothing
        raise UserError(
            "the kinematic tree is not SMPL's", where=str(path), expected=str(SMPL_PARENTS), hint=HINT
        )
