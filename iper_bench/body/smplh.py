"""SMPL poses in the layout of SMPL-H, the body with articulated hands.

From: iPERCore's ``add_hands_params_to_smpl``: inference there poses SMPL-H with the mean hands of the
licensed file. Must agree with the ``smoothing_and_views`` oracle exactly.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", np.float32, np.float64)

BODY_POSE = 66  # root and 21 body joints, which both layouts share
SMPL_POSE = 72  # SMPL ends with one joint per hand
HANDS_POSE = 90  # 15 joints per hand, left hand first


def add_mean_hands(poses: NDArray[Float], hands_mean: NDArray[np.floating]) -> NDArray[Float]:
    """SMPL poses to SMPL-H poses with the same hands in every frame.

    Parameters
    ----------
    poses: (T, 72) axis-angle, radians. The last six numbers (SMPL's two hand joints) are dropped.
    hands_mean: (90,) mean hand pose of the SMPL-H file, left hand first, radians.

    Returns
    -------
    (T, 156): 66 of the body, then 90 of the hands; dtype of ``poses``.

    Raises
    ------
    ValueError for other shapes.
    """
    if poses.ndim != 2 or poses.shape[1] != SMPL_POSE or hands_mean.shape != (HANDS_POSE,):
        raise ValueError(
            f"poses {poses.shape} and hands {hands_mean.shape}; expected (T, {SMPL_POSE}) and ({HANDS_POSE},)"
        )
    hands = np.broadcast_to(hands_mean.astype(poses.dtype), (len(poses), HANDS_POSE))
    return np.concatenate([poses[:, :BODY_POSE], hands], axis=1)
