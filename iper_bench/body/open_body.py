"""The open body that ships with the package: read, check, unpack.

The two files were made by ``tools/build_open_body.py`` from CC0 assets (docs/open_body.md); their sha256
stand in ``assets/open_body.json``. Format 1 of the npz, all little-endian and without pickles:

================  ============================  =================================================
array             type, shape                   meaning
================  ============================  =================================================
format            uint16 ()                     1
template          float32 (V, 3)                T-pose, y up, +z forward, metres
shape_dirs        float16 (V, 3, 10)            metres per unit of beta
weight_joint      uint8 (V, K)                  the K joints with the largest weights
weight_value      uint16 (V, K)                 their weights times 65535, rows sum to 65535
regressor_entry   uint16 (E, 2)                 (joint, vertex) of the non-zero entries
regressor_value   float32 (E,)                  rows sum to one
faces             uint16 (F, 3)
face_uv           uint16 (F, 3, 2)              UV times 65535, v up
eye_faces         uint16 (E,)                   faces of the eyeballs
landmark_name     str (21,), landmark_vertex    the 21 points of ``smplx``
================  ============================  =================================================
"""

from __future__ import annotations

import hashlib
import io
import json
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.model import JOINT_COUNT, SMPL_PARENTS, BodyModel
from iper_bench.body.parts import derive_face_lists
from iper_bench.errors import UserError

FORMAT = 1
LICENCE = "CC0-1.0 (MakeHuman/MPFB2 assets, see LICENSE.CC0.txt)"
_REINSTALL = "pip install --force-reinstall --no-deps iper-bench"
_ASSETS = "iper_bench.body.assets"


def open_body_names() -> list[str]:
    """Sorted names of the bodies that ship with the package."""
    return sorted(_manifest())


def load_open_body(name: str) -> BodyModel:
    """Read one of :func:`open_body_names` from the package data.

    Raises
    ------
    UserError when the file is missing or its sha256 is not the one of the manifest.
    """
    entry = _manifest()[name]
    path = resources.files(_ASSETS) / entry["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"package data is missing ({error.strerror})", where=entry["file"], hint=_REINSTALL
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry["sha256"]:
        raise UserError(
            f"package data is damaged (sha256 {digest[:12]})",
            where=entry["file"],
            expected=f"sha256 {entry['sha256'][:12]}",
            hint=_REINSTALL,
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return unpack(name, digest, arrays)


def unpack(name: str, sha256: str, arrays: dict[str, NDArray[Any]]) -> BodyModel:
    """Build the model from the arrays of a format 1 file. Raises UserError for another format."""
    if int(arrays["format"]) != FORMAT:
        raise UserError(
            f"open body format {int(arrays['format'])}",
            where=name,
            expected=f"format {FORMAT}",
            hint=_REINSTALL,
        )
    template = torch.from_numpy(arrays["template"].astype(np.float32))
    count = len(template)
    weights = np.zeros((count, JOINT_COUNT), np.float32)
    values = arrays["weight_value"].astype(np.float64)
    # Only assignment of non-zero values: padding entries may repeat a joint.
    rows, columns = np.nonzero(values)
    weights[rows, arrays["weight_joint"][rows, columns]] = values[rows, columns] / 65535.0
    regressor = np.zeros((JOINT_COUNT, count), np.float32)
    entries = arrays["regressor_entry"].astype(np.int64)
    regressor[entries[:, 0], entries[:, 1]] = arrays["regressor_value"]
    faces = torch.from_numpy(arrays["faces"].astype(np.int64))
    skin_weights = torch.from_numpy(weights)
    joint_regressor = torch.from_numpy(regressor)
    lists = derive_face_lists(template, faces, skin_weights, joint_regressor @ template)
    return BodyModel(
        name=name,
        sha256=sha256,
        licence=LICENCE,
        template=template,
        shape_dirs=torch.from_numpy(arrays["shape_dirs"].astype(np.float32)),
        pose_dirs=None,
        joint_regressor=joint_regressor,
        skin_weights=skin_weights,
        parents=torch.tensor(SMPL_PARENTS),
        faces=faces,
        face_uv=torch.from_numpy(arrays["face_uv"].astype(np.float32) / np.float32(65535.0)),
        parts=lists.parts,
        head_faces=lists.head_faces,
        front_faces=lists.front_faces,
        eye_faces=torch.from_numpy(arrays["eye_faces"].astype(np.int64)),
        landmarks={
            str(key): int(vertex)
            for key, vertex in zip(arrays["landmark_name"], arrays["landmark_vertex"], strict=True)
        },
    )


def _manifest() -> dict[str, dict[str, str]]:
    text = (resources.files(_ASSETS) / "open_body.json").read_text(encoding="utf-8")
    bodies: dict[str, dict[str, str]] = json.loads(text)["bodies"]
    return bodies
