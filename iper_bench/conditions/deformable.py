"""Conditions of deformable skip connections: one affine transform and one mask per body part.

From: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018), section 3.2, as
the authors' pose_transform.py computes it. Must agree with the ``dsc_geometry`` oracle: transforms to 1e-6,
masks to 5 pixels (edges). Differs: a missing keypoint is NaN, so that a coordinate of -1 is an ordinary one;
a transform counts as not invertible when its linear part is singular to 1e-8, and points without extent (a
torso whose corners lie on one line) have none.

Parts, in order: body, head, right and left thigh, right and left shin, right and left upper arm, right and
left forearm. Keypoints are (x, y) in pixels, in the order of :data:`DSC_KEYPOINTS`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

DSC_KEYPOINTS = (
    *("nose", "neck", "Rsho", "Relb", "Rwri", "Lsho", "Lelb", "Lwri", "Rhip", "Rkne", "Rank"),
    *("Lhip", "Lkne", "Lank", "Leye", "Reye", "Lear", "Rear"),
)
_FROM_OPENPOSE = (*range(14), 15, 14, 17, 16)  # OpenPose lists the right eye and ear first
TORSO = (8, 11, 5, 2)  # Rhip, Lhip, Lsho, Rsho
FACE = (0, 14, 15, 16, 17)
SHOULDERS = (5, 2)
LIMBS = ((8, 9), (11, 12), (9, 10), (12, 13), (2, 3), (5, 6), (3, 4), (6, 7))
KNEES = (9, 12)
_OTHER_SIDE = (1, 0, 3, 2, 5, 4, 7, 6)
UPPER = (True, True, False, False, True, True, False, False)  # thighs and upper arms
PART_COUNT = 2 + len(LIMBS)

NOWHERE = np.array([[1.0, 0.0, 1000.0], [0.0, 1.0, 1000.0]])
"""The transform of a part that has none: it samples only what lies outside the image, zeros."""

_MOVED_IN = 0.1  # of the limb's length, at its beginning
_HALF_WIDTH = 0.2  # of the torso's length: limbs are 0.4 of it wide
_HEAD = 0.4  # of the torso's length: half the side of the head's square
_LONGER = {True: (0.1, 0.1), False: (0.3, 0.5)}  # by UPPER: in the transform, in the mask
_SINGULAR = 1e-8


def dsc_keypoints(openpose: NDArray[np.float32]) -> Points:
    """Keypoints in the order of DSC, as whole pixels: the original's are integers.

    Parameters
    ----------
    openpose: (..., 18, 2) xy in pixels, in the usual order of OpenPose; NaN = missing.

    Returns
    -------
    (..., 18, 2) float64, truncated towards zero, in the order of :data:`DSC_KEYPOINTS`.
    """
    return np.trunc(np.asarray(openpose, dtype=np.float64)[..., _FROM_OPENPOSE, :])


def torso_length(points: Points) -> float:
    """Root mean square of the distances hip to shoulder of both sides, pixels; ``points`` (18, 2)."""
    right, left = points[8] - points[2], points[11] - points[5]
    return float(np.sqrt((right @ right + left @ left) / 2.0))


def affine_fit(start: Points, end: Points) -> Points | None:
    """The affine map from ``start`` to ``end``, both (n, 2), n >= 3.

    Not ordinary least squares: a homogeneous total least squares fit on points that are centred and scaled
    to a root mean square distance of sqrt(2), as scikit-image's estimate_transform("affine") does it.

    Returns
    -------
    (2, 3), or ``None`` where it is not determined or cannot be inverted.
    """
    (from_scale, from_middle), (to_scale, to_middle) = _normalisation(start), _normalisation(end)
    if not (np.isfinite([from_scale, to_scale]).all() and from_scale > 0.0 and to_scale > 0.0):
        return None
    a, b = (start - from_middle) * from_scale, (end - to_middle) * to_scale
    if np.linalg.svd(a, compute_uv=False)[-1] <= _SINGULAR:  # on one line
        return None
    n = len(a)
    system = np.zeros((2 * n, 7))
    system[:n, 0:2], system[:n, 2], system[:n, 6] = a, 1.0, b[:, 0]
    system[n:, 3:5], system[n:, 5], system[n:, 6] = a, 1.0, b[:, 1]
    null = np.linalg.svd(system)[2][-1]
    if abs(null[6]) <= _SINGULAR:
        return None
    fitted = (-null[:6] / null[6]).reshape(2, 3)
    if abs(np.linalg.det(fitted[:, :2])) <= _SINGULAR:
        return None
    linear = fitted[:, :2] * (from_scale / to_scale)
    shift = fitted[:, 2] / to_scale + to_middle - linear @ from_middle
    return np.concatenate([linear, shift[:, None]], axis=1)


def _normalisation(points: Points) -> tuple[float, Points]:
    middle = points.mean(0)
    spread = np.sqrt(((points - middle) ** 2).sum() / len(points))
    return float(np.sqrt(2.0) / spread) if spread > 0 else 0.0, middle


def limb_rectangle(start: Points, end: Points, torso: float, longer: float) -> Points:
    """Corners (4, 2) of the rectangle around a limb.

    Parameters
    ----------
    start, end: (2,) its joints. torso: :func:`torso_length` of the same image.
    longer: how far it reaches past both joints, as a share: the first end moves by 0.1 of the limb, the other
        by ``longer`` of the limb that is already longer.
    """
    first = start + _MOVED_IN * (start - end)
    last = end + longer * (end - first)
    along = first - last
    length = np.sqrt(along @ along)
    if length == 0.0:  # no direction: four points on a line, as the original has it
        return np.stack([first + 1.0, first - 1.0, last - 1.0, last + 1.0])
    aside = _HALF_WIDTH * torso * np.array([-along[1], along[0]]) / length
    return np.stack([first + aside, first - aside, last - aside, last + aside])


def part_transforms(target: Points, source: Points) -> NDArray[np.float64]:
    """Affine maps from coordinates of the target image to those of the source image, for every part.

    Parameters
    ----------
    target, source: (18, 2) xy in pixels; NaN = missing. Hips and shoulders are needed.

    Returns
    -------
    (10, 2, 3) float64; :data:`NOWHERE` for a limb that the target lacks, a face that the two do not share, or
    where the fit fails. A limb that only the source lacks comes from the source's other side.

    Raises
    ------
    ValueError when hips or shoulders are missing.
    """
    here, there = _torso(target), _torso(source)
    made: list[Points | None] = [affine_fit(target[list(TORSO)], source[list(TORSO)])]
    shared = [point for point in FACE if _present(target, point) and _present(source, point)]
    head = [*shared, *SHOULDERS]
    made.append(affine_fit(target[head], source[head]) if shared else None)
    for limb, upper in enumerate(UPPER):
        ends, longer = LIMBS[limb], _LONGER[upper][0]
        taken = ends if _present(source, *ends) else LIMBS[_OTHER_SIDE[limb]]
        if not (_present(target, *ends) and _present(source, *taken)):
            made.append(None)
            continue
        rectangles = (
            limb_rectangle(points[first], points[last], torso, longer)
            for points, (first, last), torso in ((target, ends, here), (source, taken, there))
        )
        made.append(affine_fit(*rectangles))
    return np.stack([NOWHERE if one is None else one for one in made])


def whole_transform(target: Points, source: Points) -> NDArray[np.float64]:
    """One affine map from target to source for the whole person (the original's option "full"): fitted to
    hips, shoulders and the knees that both have.

    Parameters
    ----------
    target, source: (18, 2) xy in pixels; NaN = missing. Hips and shoulders are needed.

    Returns
    -------
    (1, 2, 3) float64; :data:`NOWHERE` where the fit fails.

    Raises
    ------
    ValueError when hips or shoulders are missing.
    """
    _torso(target)
    _torso(source)
    used = [*TORSO, *(knee for knee in KNEES if _present(target, knee) and _present(source, knee))]
    found = affine_fit(target[used], source[used])
    return (NOWHERE if found is None else found)[None]


def part_masks(target: Points, size: int) -> NDArray[np.bool_]:
    """Where every part lies in the target image.

    Parameters
    ----------
    target: (18, 2) xy in pixels; NaN = missing. Hips and shoulders are needed. size: side of the masks.

    Returns
    -------
    (10, size, size) bool: everything for the body, a square for the head, rectangles for limbs (shins and
    forearms longer than in the transforms); nothing for what is missing.

    Raises
    ------
    ValueError when hips or shoulders are missing.
    """
    torso = _torso(target)
    masks = np.zeros((PART_COUNT, size, size), dtype=np.bool_)
    masks[0] = True
    face = [point for point in FACE if _present(target, point)]
    if face:
        reach = int(_HEAD * torso)
        x, y = np.trunc(target[face].mean(0))
        span = np.arange(size)
        columns, rows = (span >= x - reach) & (span < x + reach), (span >= y - reach) & (span < y + reach)
        masks[1] = rows[:, None] & columns
    for limb, (first, last) in enumerate(LIMBS):
        if _present(target, first, last):
            corners = limb_rectangle(target[first], target[last], torso, _LONGER[UPPER[limb]][1])
            masks[2 + limb] = _inside(corners, size)
    return masks


def _inside(corners: Points, size: int) -> NDArray[np.bool_]:
    """(size, size) bool: pixels (column, row) strictly inside a rectangle, given by its corners in order."""
    side, along = corners[1] - corners[0], corners[3] - corners[0]
    span = np.arange(size, dtype=np.float64)
    inside = np.ones((size, size), dtype=np.bool_)
    for way in (side, along):
        share = ((span - corners[0, 0]) * way[0])[None] + ((span - corners[0, 1]) * way[1])[:, None]
        inside &= (share > 0.0) & (share < way @ way)
    return inside


def _torso(points: Points) -> float:
    if not _present(points, *TORSO):
        raise ValueError("hips and shoulders are missing; expected all four in both images")
    return torso_length(points)


def _present(points: Points, *which: int) -> bool:
    return bool(np.isfinite(points[list(which)]).all())
