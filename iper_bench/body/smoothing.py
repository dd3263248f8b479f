"""Temporal smoothing of SMPL tracks.

From: iPERCore's ``temporal_smooth_smpls`` (poses in 6D rotation space and cameras through a Butterworth
low-pass of order 5 that runs forward and backward; shapes are not filtered) and its first-order filter. Must
agree with the ``smoothing_and_views`` oracle to 1e-6 in float64.
Differs: tracks of 11 to 18 frames, which are shorter than scipy's default extension at the ends, are extended
by one frame less than they have.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.rotations import axis_angles, matrices_from_six, six_from_matrices
from iper_bench.errors import UserError

Float = TypeVar("Float", np.float32, np.float64)

SAMPLING_RATE = 2208.0  # Hz, the official constant; the cut-offs mean something only beside it
ORDER = 5
POSE_CUTOFF = 300.0  # Hz at that rate, the code's default (its documents also name 400)
CAM_CUTOFF = 100.0  # Hz at that rate, the code's default (its documents also name 150)
SHORTEST = 10  # frames: a track that is not longer is left as it is, as the official runner does
END_EXTENSION = 3 * (ORDER + 1)  # frames mirrored at both ends, scipy's default for this order


def lowpass(values: NDArray[Float], cutoff: float) -> NDArray[Float]:
    """Butterworth low-pass of order 5 along axis 0, forward and backward, so nothing is delayed.

    Parameters
    ----------
    values: (T, ...) with T of 2 or more.
    cutoff: Hz at a sampling rate of 2208, between 0 and 1104.

    Returns
    -------
    A new array like ``values``.

    Raises
    ------
    UserError for a cut-off outside of that range or fewer than 2 frames.
    """
    highest = SAMPLING_RATE / 2.0
    if not 0.0 < cutoff < highest:
        raise UserError(
            f"cut-off {cutoff}", where="lowpass", expected=f"more than 0 and less than {highest:g} Hz"
        )
    if len(values) < 2:
        raise UserError(f"{len(values)} frames", where="lowpass", expected="2 or more frames")
    numerator, denominator = butter(ORDER, cutoff / highest)
    extension = min(END_EXTENSION, len(values) - 1)
    smooth = filtfilt(numerator, denominator, values.astype(np.float64), axis=0, padlen=extension)
    return np.ascontiguousarray(smooth, dtype=values.dtype)


def first_order(values: NDArray[Float], alpha: float) -> NDArray[Float]:
    """Exponential smoothing along axis 0: ``y_t = alpha y_(t-1) + (1 - alpha) x_t``, ``y_0 = x_0``.

    Parameters
    ----------
    values: (T, ...).
    alpha: weight of the past, 0 (nothing changes) up to but not 1.

    Raises
    ------
    UserError for another ``alpha``.
    """
    if not 0.0 <= alpha < 1.0:
        raise UserError(f"alpha {alpha}", where="first_order", expected="0 <= alpha < 1")
    smooth = values.astype(np.float64)
    for t in range(1, len(smooth)):
        smooth[t] = alpha * smooth[t - 1] + (1.0 - alpha) * smooth[t]
    return smooth.astype(values.dtype)


def smooth_track(
    poses: NDArray[Float], cams: NDArray[Float], pose_fc: float = POSE_CUTOFF, cam_fc: float = CAM_CUTOFF
) -> tuple[NDArray[Float], NDArray[Float]]:
    """Low-pass the motion of a body: poses in 6D rotation space, cameras as they are.

    Parameters
    ----------
    poses: (T, 72) axis-angle, radians.
    cams: (T, 3) ``[s, tx, ty]``.
    pose_fc, cam_fc: cut-offs, see :func:`lowpass`.

    Returns
    -------
    poses and cams, same shapes and dtypes; copies of the input when T is 10 or less. Axis-angle vectors come
    back with an angle of at most pi.

    Raises
    ------
    UserError for a cut-off that :func:`lowpass` refuses. ValueError when the lengths differ.
    """
    if len(poses) != len(cams):
        raise ValueError(f"{len(poses)} poses and {len(cams)} cams; expected as many")
    if len(poses) <= SHORTEST:
        return poses.copy(), cams.copy()
    vectors = torch.from_numpy(poses.astype(np.float64)).reshape(len(poses), -1, 3)
    six = six_from_matrices(rotation_matrices(vectors)).numpy()
    matrices = matrices_from_six(torch.from_numpy(lowpass(six, pose_fc)))
    smooth = axis_angles(matrices).flatten(-2).numpy()
    return smooth.astype(poses.dtype), lowpass(cams, cam_fc)
