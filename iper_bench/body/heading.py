"""Heading and tilt of a body from its root rotation: which way the chest points.

Our own rule (protocols/README.md); must agree with the ``yaw_rule`` oracle to 1e-5 degrees. Camera frame: x
right, y down, z away from the camera; body frame: x to the person's left, y up, z out of the chest. Whether
the official labels of the view angles turn the same way is unknown (only 45/315, 90/270 and 135/225 would be
swapped).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DECIMALS = 6  # headings are rounded so that ties are ties on every machine
LARGEST_TILT = float(np.sin(np.deg2rad(45.0)))  # lying or strongly bent bodies have no clear heading

Doubles = NDArray[np.float64]


def chest_direction(root: NDArray[Any]) -> Doubles:
    """Unit vectors (N, 3) along which the chest points, for root rotations (N, 3) in axis-angle radians."""
    vectors = np.asarray(root, dtype=np.float64).reshape(-1, 3)
    angle = np.linalg.norm(vectors, axis=1)
    axis = vectors / np.where(angle > 0.0, angle, 1.0)[:, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    # third column of Rodrigues' formula: R (0, 0, 1)
    x, y, z = axis.T
    rest = 1.0 - cosine
    return np.stack([x * z * rest + y * sine, y * z * rest - x * sine, cosine + z * z * rest], axis=1)


def heading_and_tilt(root: NDArray[Any]) -> tuple[Doubles, Doubles]:
    """Heading and tilt of every frame.

    Parameters
    ----------
    root: (N, 3) axis-angle, ``poses[:, :3]``.

    Returns
    -------
    heading (N,) in degrees, [0, 360), rounded to 6 decimals: 0 faces the camera, 90 the left edge of the
    image, 180 away, 270 the right edge; tilt (N,) in [0, 1], the sine of the chest's elevation.
    """
    direction = chest_direction(root)
    degrees = np.degrees(np.arctan2(-direction[:, 0], -direction[:, 2])) % 360.0
    # rounding may give 360.0, and the remainder of a tiny negative number is 360.0 itself
    return np.round(degrees, DECIMALS) % 360.0, np.abs(direction[:, 1])


def usable(tilt: Doubles) -> NDArray[np.bool_]:
    """(N,) bool: frames whose heading is clear (detection validity is the dataset's to judge)."""
    return tilt <= LARGEST_TILT
