"""Square crops around the person that two frames share.

From: Balakrishnan et al., "Synthesizing Images of Humans in Unseen Poses" (CVPR 2018), as the authors'
data_generation.py cuts its training pairs. Must agree with the ``shup_preprocess`` oracles (1e-6; pixels to
one level). Joints as in :mod:`iper_bench.conditions.limb_transforms`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from iper_bench.conditions.limb_masks import MADE_FOR
from iper_bench.errors import UserError

Points = NDArray[np.float64]
Image = NDArray[np.uint8]

HEAD, HIPS = 0, (8, 11)
CALVES = ((9, 10), (12, 13))
FILLED = 1.14  # share of 200 pixels that the larger person has in a crop of 256
_TRUNK, _CALF, _UNIT = 2.5, 5.0, 200.0  # a person of scale 1 is 200 pixels tall


def person_scale(joints: ArrayLike) -> Points:
    """Size of a person in units of 200 pixels: the larger of 2.5 times the height from hips to head and 5
    times the mean length of the calves.

    Parameters
    ----------
    joints: (..., 14, 2).

    Returns
    -------
    (...,) float64. A body upside down is measured by its calves alone.
    """
    points = np.asarray(joints, np.float64)
    trunk = points[..., HIPS, 1].mean(-1) - points[..., HEAD, 1]
    calves = [np.linalg.norm(points[..., knee, :] - points[..., ankle, :], axis=-1) for knee, ankle in CALVES]
    result: Points = np.maximum(_TRUNK * trunk, _CALF * np.mean(calves, 0)) / _UNIT
    return result


def pair_scale(scales: ArrayLike, size: int) -> float:
    """How much larger the crop of ``size`` pixels shows persons of these scales: the largest fills it.

    Raises
    ------
    UserError when all joints lie in one point.
    """
    largest = float(np.max(np.asarray(scales, np.float64)))
    if not largest > 0:
        raise UserError(
            "the body has no extent",
            where="joints of a training pair",
            expected="a person who can be cropped",
        )
    return FILLED * size / MADE_FOR / largest


def crop_matrix(scale: float, middle: ArrayLike, size: int) -> Points:
    """The affine map (2, 3) from an image to its square crop of ``size`` pixels: ``scale`` times as large,
    with the point ``middle`` (2,) in the crop's middle, (size - 1) / 2.
    """
    shift = (size - 1) / 2 - scale * np.asarray(middle, np.float64)
    return np.concatenate([scale * np.eye(2), shift[:, None]], 1)


def cropped(image: Image, scale: float, middle: ArrayLike, size: int) -> Image:
    """The crop of :func:`crop_matrix` out of ``image`` (H, W, 3) uint8: (size, size, 3) uint8, black outside.
    As in the original the image is resized first and then moved.
    """
    resized = cv2.resize(image, (0, 0), fx=scale, fy=scale)
    shift = crop_matrix(scale, middle, size)
    shift[:, :2] = np.eye(2)
    return np.asarray(cv2.warpAffine(resized, shift, (size, size)), np.uint8)
