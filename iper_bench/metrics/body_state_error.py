"""SSPE: difference of the SMPL vectors a body regressor reads from prediction and reference.

From: ``his_evaluators/metrics`` (HMR, 85 numbers: 3 camera, 72 pose, 10 shape). Must agree with: ``sspe.npz``
to 1e-4. The evaluator's score counts the camera scale twice and mixes units; `components` reports its parts
apart, with the pose as the geodesic angle per joint.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SHAPE_START = 75  # camera 3 + pose 72


def sspe(prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> float:
    """The evaluator's score of (N, 85) vectors: the mean of :func:`sspe_per_frame`."""
    return float(sspe_per_frame(prediction, reference).mean())


def sspe_per_frame(
    prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Per row of (N, 85) vectors, float64 (N,): |scale| + sum |shape| + sum |camera, pose| of differences."""
    difference = np.abs(prediction.astype(np.float64) - reference)
    shape, others = difference[:, SHAPE_START:].sum(axis=1), difference[:, :SHAPE_START].sum(axis=1)
    return np.asarray(difference[:, 0] + shape + others)


def components(prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> dict[str, float]:
    """Means of :func:`components_per_frame`."""
    return {name: float(each.mean()) for name, each in components_per_frame(prediction, reference).items()}


def components_per_frame(
    prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float64]]:
    """Per row of (N, 85) vectors, float64 (N,): scale, translation (L2), pose (mean angle per joint in
    radians), shape (L2).
    """
    ours, theirs = prediction.astype(np.float64), reference.astype(np.float64)
    angles = _geodesic(
        ours[:, 3:SHAPE_START].reshape(len(ours), -1, 3), theirs[:, 3:SHAPE_START].reshape(len(theirs), -1, 3)
    )
    return {
        "scale": np.abs(ours[:, 0] - theirs[:, 0]),
        "translation": np.linalg.norm(ours[:, 1:3] - theirs[:, 1:3], axis=1),
        "pose": np.asarray(angles.mean(axis=1)),
        "shape": np.linalg.norm(ours[:, SHAPE_START:] - theirs[:, SHAPE_START:], axis=1),
    }


def _geodesic(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Angle between rotations given as axis-angle (N, J, 3), radians (N, J), through unit quaternions."""
    ours, theirs = _quaternions(first), _quaternions(second)
    dots = np.abs(np.einsum("njq,njq->nj", ours, theirs))
    crossed = (
        theirs[..., :1] * ours[..., 1:]
        - ours[..., :1] * theirs[..., 1:]
        - np.cross(ours[..., 1:], theirs[..., 1:])
    )
    # an arc cosine alone loses half of the digits of small angles
    return np.asarray(2 * np.arctan2(np.linalg.norm(crossed, axis=-1), dots))


def _quaternions(axis_angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    angle = np.linalg.norm(axis_angle, axis=-1, keepdims=True)
    # sinc keeps small angles exact: sin(a/2)/a = sinc(a / (2 pi)) / 2
    return np.concatenate([np.cos(angle / 2), axis_angle * np.sinc(angle / (2 * np.pi)) / 2], axis=-1)
