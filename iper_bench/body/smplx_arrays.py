"""A body as the arrays that the package ``smplx`` asks for: code written for SMPL takes the open body too.

From: the constructor of ``smplx.SMPL`` 0.1.28, which wants seven arrays, all of them compulsory, and
``vertex_ids`` for every body that is not SMPL's own topology.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.model import JOINT_COUNT, POSE_BASIS, SMPL_PARENTS, BodyModel


def smplx_arrays(body: BodyModel) -> dict[str, NDArray[Any]]:
    """The arrays of an SMPL file.

    ::

        arrays = smplx.utils.Struct(**smplx_arrays(body))
        model = smplx.SMPL("", data_struct=arrays, vertex_ids=dict(body.landmarks))

    Returns
    -------
    ``v_template`` (V, 3), ``shapedirs`` (V, 3, 10), ``posedirs`` (V, 3, 207; zeros for a body without them),
    ``J_regressor`` (24, V), ``weights`` (V, 24), all float32, metres; ``kintree_table`` (2, 24) and ``f``
    (F, 3), int64.
    """
    dirs = body.pose_dirs
    if dirs is None:
        dirs = torch.zeros(body.vertex_count, 3, POSE_BASIS)
    tensors = {
        "v_template": body.template,
        "shapedirs": body.shape_dirs,
        "posedirs": dirs,
        "J_regressor": body.joint_regressor,
        "weights": body.skin_weights,
        "f": body.faces,
    }
    arrays: dict[str, NDArray[Any]] = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    arrays["kintree_table"] = np.stack([np.array(SMPL_PARENTS), np.arange(JOINT_COUNT)])
    return arrays
