"""Synthetic SMPL files in the official layout, made from the open body, and the files beside them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from iper_bench.body import BodyModel
from iper_bench.body.model import POSE_BASIS, SMPL_PARENTS

ROOT = 4294967295  # the official files hold -1 as an unsigned integer


def smpl_arrays(body: BodyModel) -> dict[str, Any]:
    """What an official pickle holds."""
    parents = np.array([ROOT, *SMPL_PARENTS[1:]], np.int64)
    posedirs = np.random.default_rng(0).normal(0, 1e-3, (body.vertex_count, 3, POSE_BASIS))
    return {
        "v_template": body.template.numpy().astype(np.float64),
        "shapedirs": body.shape_dirs.numpy().astype(np.float64),
        "posedirs": posedirs,
        "J_regressor": sparse.csc_matrix(body.joint_regressor.numpy().astype(np.float64)),
        "weights": body.skin_weights.numpy().astype(np.float64),
        "kintree_table": np.stack([parents, np.arange(24)]),
        "f": body.faces.numpy().astype(np.uint32),
        "bs_style": "lbs",
    }


def smplh_arrays(body: BodyModel) -> dict[str, Any]:
    """What an SMPL+H pickle holds: 52 joints, more shape directions than SMPL's ten, hands."""
    arrays, random = smpl_arrays(body), np.random.default_rng(1)
    count, fingers = body.vertex_count, 52 - 24
    parents = np.concatenate([arrays["kintree_table"][0], np.full(fingers, 20)])
    return {
        **arrays,
        "shapedirs": np.concatenate([arrays["shapedirs"], random.normal(0, 1e-3, (count, 3, 6))], axis=2),
        "posedirs": random.normal(0, 1e-3, (count, 3, 51 * 9)),
        "J_regressor": sparse.csc_matrix(
            np.concatenate([arrays["J_regressor"].toarray(), np.eye(fingers, count)])
        ),
        "weights": np.concatenate([arrays["weights"], np.zeros((count, fingers))], axis=1),
        "kintree_table": np.stack([parents, np.arange(52)]),
        "hands_componentsl": random.normal(size=(45, 45)),
        "hands_componentsr": random.normal(size=(45, 45)),
        "hands_meanl": random.normal(size=45),
        "hands_meanr": random.normal(size=45),
        "hands_coeffsl": random.normal(size=(10, 45)),
    }


def write_pickle(path: Path, content: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def uv_text(vertex_count: int, faces: Tensor, face_uv: Tensor) -> str:
    """A ``mapper_uv.txt``: every UV once, in the order in which faces ask for it."""
    points, ids = torch.unique(face_uv.reshape(-1, 2), dim=0, return_inverse=True)
    lines = ["# a layout", "o body", *("v 0 0 0" for _ in range(vertex_count))]
    lines += [f"vt {u:.9g} {v:.9g}" for u, v in points.tolist()]
    corners = zip((faces + 1).reshape(-1).tolist(), (ids + 1).tolist(), strict=True)
    words = [f"{vertex}/{uv}/{vertex}" for vertex, uv in corners]
    lines += [f"f {' '.join(words[k : k + 3])}" for k in range(0, len(words), 3)]
    return "\n".join(lines) + "\n"


def write_lists(path: Path, lists: dict[str, Tensor], faces: Tensor) -> None:
    """A part list in the official form, vertex and face ids."""
    content = {
        name: {"vertex": torch.unique(faces[ids]).tolist(), "face": ids.tolist()}
        for name, ids in lists.items()
    }
    path.write_text(json.dumps(content), encoding="utf-8")
